"""Every search leaves one entry: what was asked, as a keyed digest, and all that was shown for it."""

import re
from collections.abc import Callable
from uuid import UUID

import pytest
from django.db import connection
from django.http import HttpResponse
from django.template import RequestContext, Template
from django.test import Client, RequestFactory
from django.utils.html import escape

from fanal.cli.resolve import resolve
from fanal.crosscheck.dossiers.queries import dossier_of
from fanal.harmonise.domain.records import SelectorKind
from fanal.harmonise.domain.sightings import selector_key
from fanal.intake.domain.number import desk_number
from fanal.kernel.actors import system_actor
from fanal.ledger import operations as ledger, queries as entries
from fanal.ledger.domain.records import LedgerLine
from fanal.ledger.queries import SoughtEntries
from fanal.web.components import words
from fanal.web.reading import ReadingJournal, ReadNotJournalled, consult
from tests.integration.desk.story import GAME, MATERIAL, Desk, add_reports, suspect
from tests.integration.desk.work import judged

pytestmark = pytest.mark.django_db
SignIn = Callable[[str], Client]
SEARCH = "/en/desk/search/"
SYSTEM = system_actor("test")
HERE = "renard_77@arcadia"


def searches() -> list[LedgerLine]:
    """Return the searches so far, oldest first."""
    return entries.list_entries(actor=SYSTEM, sought=SoughtEntries(action="search.run"))[::-1]


def objects_of(line: LedgerLine) -> set[tuple[str, UUID]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT kind, object_id FROM ledger_object WHERE entry_id = %s", [line.id])
        return set(cursor.fetchall())


def selectors() -> list[tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT kind, value FROM harmonise_selector ORDER BY kind, value")
        return cursor.fetchall()


def test_each_exact_look_up_of_each_identifier_has_its_entry(desk: Desk, sign_in: SignIn) -> None:
    """Of forty such look-ups, twenty-eight were shown without a row."""
    web = sign_in("ana")
    known = selectors()
    assert len({kind for kind, _ in known}) > 3
    for kind, value in known:
        for asked in ({"kind": kind, "value": value}, {"kind": kind, "q": value}, {"q": value}):
            before = len(searches())
            body = web.get(SEARCH, asked).content.decode()
            (line,) = searches()[before:]
            assert line.verb == "CONSULTATION"
            assert line.motive == "page:desk:search"
            question = ledger.question_id(kind=asked.get("kind", "ANY"), text=value)
            shown = objects_of(line)
            assert ("question", question) in shown
            if escape(words.identifier(kind, value)) in body:
                key = selector_key(SelectorKind(kind), value)
                assert ("selector", ledger.searched_id(key)) in shown, (kind, asked)
            assert line.detail["hits"] == len(shown) - 1


@pytest.mark.parametrize(
    "kind", ["phone", "33612345678", "Jean Dupont", "²", "\u202e", "\0", "x" * 300]
)
def test_a_kind_that_is_none_is_neither_an_error_nor_written_down(
    desk: Desk, sign_in: SignIn, kind: str
) -> None:
    web = sign_in("ana")
    before = len(searches())
    assert web.get(SEARCH, {"q": "hello", "kind": kind}).status_code == 200
    (line,) = searches()[before:]
    assert line.detail["kind"] == "ANY"


def test_what_was_asked_is_in_no_byte_of_the_ledger(desk: Desk, sign_in: SignIn) -> None:
    web = sign_in("ana")
    asked = ("+33639987172", "never.seen@mail.example", HERE)
    for value in asked:
        web.get(SEARCH, {"q": value})
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT string_agg(concat_ws(' ', encode(e.body, 'escape'), m.motive, o.object_id), ' ')"
            " FROM ledger_entry e LEFT JOIN ledger_motive m ON m.entry_id = e.id"
            " LEFT JOIN ledger_object o ON o.entry_id = e.id WHERE e.action = 'search.run'"
        )
        text = cursor.fetchone()[0]
    for value in asked:
        assert value not in text
        for (
            kind
        ) in SelectorKind:  # a key is a bare hash: a telephone number would be found by trying
            assert str(selector_key(kind, value)) not in text
    assert len(searches()) == len(asked)


def test_who_asked_the_same_is_found(desk: Desk, sign_in: SignIn) -> None:
    sign_in("ana").get(SEARCH, {"q": "Nobody.Here  once"})
    sign_in("claire").get(SEARCH, {"q": "nobody.here once"})
    found = entries.entries_of(
        actor=SYSTEM, object_id=ledger.question_id(kind="ANY", text="NOBODY.HERE ONCE")
    )
    assert [line.detail["hits"] for line in found] == [0, 0]
    assert len({line.actor_id for line in found}) == 2


def test_known_only_to_another_desk_is_an_answer(desk: Desk, sign_in: SignIn) -> None:
    value = "https://only-west.example/album"
    add_reports(desk, [("west", 5, MATERIAL | {"urls": [value]})], desk_id=2)
    body = sign_in("ana").get(SEARCH, {"q": value}).content.decode()
    assert "Not seen at this desk, but known to" in body
    (line,) = searches()
    key = ledger.searched_id(selector_key(SelectorKind.URL, value))
    assert ("selector", key) in objects_of(line)
    assert line.detail["elsewhere"] == 1


def test_too_short_is_no_search(desk: Desk, sign_in: SignIn) -> None:
    sign_in("ana").get(SEARCH, {"q": "r"})
    sign_in("ana").get(SEARCH)
    assert searches() == []


def test_a_report_attached_by_its_number_was_looked_up(desk: Desk, sign_in: SignIn) -> None:
    number = desk_number(desk.reports["material"])
    dossier_id = dossier_of(actor=desk.actor("ana"), report_id=desk.reports["danger"])
    page = f"/en/desk/dossiers/{dossier_id}/"
    for typed, hits in ((number, 1), ("REF-nowhere", 0)):
        judged(sign_in("ana"), page, act="ATTACH", attach=typed, reason="x")
        line = searches()[-1]
        assert line.detail == {"elsewhere": 0, "hits": hits, "kind": "REFERENCE"}
        assert ("question", ledger.question_id(kind="REFERENCE", text=typed)) in objects_of(line)


def test_a_reference_on_the_command_line_is_a_search(desk: Desk) -> None:
    (report_id,) = resolve(SYSTEM, desk_number(desk.reports["material"]))
    assert resolve(SYSTEM, "REF-nowhere") == []
    found, nothing = searches()
    assert ("report", report_id) in objects_of(found)
    assert nothing.detail["hits"] == 0


def test_no_page_prints_an_identifier_without_an_entry(desk: Desk) -> None:
    request = RequestFactory().get("/somewhere/")

    def page(found: object) -> HttpResponse:
        text = Template("{% selector 'PHONE' '+33639987172' %}").render(
            RequestContext(request, {"found": found})
        )
        return HttpResponse(text)

    with pytest.raises(ReadNotJournalled):
        ReadingJournal(page)(request)


def test_a_search_is_not_journaled_by_its_findings(desk: Desk) -> None:
    with pytest.raises(ValueError, match="journal_search"):
        consult(
            RequestFactory().get("/"), "report", [desk.reports["danger"]], action="report.search"
        )


PAGES = (
    "desk/", "desk/search/?q=renard", "desk/search/?q=arcadia&kind=HANDLE", "desk/dossiers/",
    "desk/suggestions/", "desk/payments/", "desk/lists/", "desk/alarms/", "desk/measures/",
    "desk/reports/{danger}/", "desk/reports/{danger}/preview/", "desk/compare/?report={danger}&report={again}",
)  # fmt: skip


@pytest.mark.parametrize("path", PAGES)
def test_canary_identifiers_are_printed_under_an_entry(
    desk: Desk, sign_in: SignIn, path: str
) -> None:
    """A page whose bytes hold an identifier of a report has written to the ledger in the same request.

    The entry of the alarms, which each page shows without identifiers, does not count.
    """
    count = "SELECT count(*) FROM ledger_entry WHERE action <> 'alarm.read'"
    canaries = [words.identifier(kind, value) for kind, value in selectors() if len(value) > 5]
    with connection.cursor() as cursor:
        cursor.execute(count)
        before = cursor.fetchone()[0]
        reports = {name: str(report_id) for name, report_id in desk.reports.items()}
        answer = sign_in("ana").get(f"/en/{path.format(**reports)}", follow=True)
        body = re.sub(r'value="[^"]*"', "", answer.content.decode())
        printed = [c for c in canaries if escape(c) in body]
        cursor.execute(count)
        assert cursor.fetchone()[0] > before or not printed, printed


def test_the_identity_form_and_the_alarms_are_reads(desk: Desk, sign_in: SignIn) -> None:
    report_id = desk.reports["danger"]
    sign_in("ana").get("/en/desk/alarms/")
    assert entries.list_entries(actor=SYSTEM, sought=SoughtEntries(action="alarm.read"))
    sign_in("claire").get(f"/en/desk/reports/{report_id}/identity/")
    read = entries.entries_of(actor=SYSTEM, object_id=report_id)
    assert any(line.action == "report.read" for line in read)


@pytest.mark.parametrize(
    ("language", "mark"),
    [
        ("en", "written otherwise: digits or signs"),
        ("fr", "écrit autrement\u00a0: chiffres ou signes"),
    ],
)
def test_what_is_written_otherwise_is_marked_with_the_reason(
    desk: Desk, sign_in: SignIn, language: str, mark: str
) -> None:
    add_reports(desk, [("odd", 5, GAME | {"persons": [suspect("r3nard_77")]})])
    body = sign_in("ana").get(f"/{language}/desk/search/", {"q": "renard_77"}).content.decode()
    plain = re.sub(r"<svg.*?</svg>|[ \n]+", " ", body)
    assert plain.index("renard_77") < plain.index("r3nard_77") < plain.index(mark)
    (line,) = searches()
    for value in (HERE, "r3nard_77@arcadia"):
        key = ledger.searched_id(selector_key(SelectorKind.HANDLE, value))
        assert ("selector", key) in objects_of(line)
