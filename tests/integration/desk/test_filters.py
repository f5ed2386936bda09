"""The filters of the queue on its pages: what they offer and name, old saved views, and rows of before."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from types import SimpleNamespace
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client

from fanal.accounts.operations.partners import add_partner
from fanal.accounts.queries.people import find_partner
from fanal.kernel.actors import system_actor
from fanal.kernel.ids import new_id
from fanal.orient.domain.records import QueueFilter, QueueView
from fanal.orient.models import Case, StoredView
from fanal.orient.queue.operations import claim_case
from fanal.orient.queue.queries import list_saved_views
from tests.integration.desk.story import GAME, Desk, add_reports
from tests.server import as_worker

pytestmark = pytest.mark.django_db
SignIn = Callable[[str], Client]
QUEUE = "/en/desk/"
FACTS = ("language", "age", "departement", "conversation")
_BODY = GAME | {"language": "de-AT", "place": {"country": "FR", "postcode": "20137"}}


def sent_by(name: str, desk: Desk, desk_id: int) -> str:
    """Make a partner, and let a row of that desk come from it; return its id."""
    add_partner(actor=system_actor("tests"), name=name, now=desk.now, quota=60)
    partner = find_partner(name=name)
    report_id = new_id(desk.now)
    with as_worker(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO orient_case (report_id, desk_id, rank, level, kind, received_at, sender_id, due_at,"
            " proposal_revision) VALUES (%s, %s, 9, 'LOW', 'OTHER', %s, %s, %s, 1)",
            [report_id, desk_id, desk.now, partner, desk.now],
        )
    return str(partner)


@contextmanager
def as_owner() -> Iterator[None]:
    """Act as migrations do, for whom no row is hidden."""
    with as_worker(), connection.cursor() as cursor:
        cursor.execute("RESET ROLE")
        yield


def test_a_row_keeps_what_filters_read(desk: Desk) -> None:
    add_reports(desk, [("corsica", 4, _BODY)])
    row = Case.objects.get(report_id=desk.reports["corsica"])
    assert [getattr(row, name) for name in FACTS] == ["DE", 12, "2A", True]
    row = Case.objects.get(report_id=desk.reports["empty"])
    assert [getattr(row, name) for name in FACTS] == ["", None, "", False]


def test_a_migration_fills_rows_of_before(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    add_reports(desk, [("corsica", 4, _BODY)])
    migration = import_module("fanal.orient.migrations.0048_row_facts_of_old_rows")
    monkeypatch.setattr(migration, "PORTION", 3)
    wanted = set(Case.objects.values_list("report_id", *FACTS))
    assert len({row[1:] for row in wanted}) > 2
    with as_owner():
        Case.objects.update(language="", age=None, departement="", conversation=False)
        migration.fill(None, SimpleNamespace(connection=connection))
        migration.fill(None, SimpleNamespace(connection=connection))
    assert set(Case.objects.values_list("report_id", *FACTS)) == wanted


def test_senders_and_holders_of_other_desks_have_no_name(desk: Desk, sign_in: SignIn) -> None:
    near, far = sent_by("Chatoria", desk, 1), sent_by("Loinville", desk, 2)
    claim_case(actor=desk.actor("bruno"), report_id=desk.reports["stream"], now=desk.now)
    ana = sign_in("ana")
    body = ana.get(QUEUE).content.decode()
    assert f'<option value="{near}">Chatoria</option>' in body
    assert f'<option value="{desk.actor("bruno").person_id}">Bruno</option>' in body
    assert "Loinville" not in body
    found = ana.get(f"{QUEUE}?sender={near}")
    assert [row.sender for row in found.context["rows"]] == ["Chatoria"]
    for query in (f"sender={far}", f"holder={desk.actor('yann').person_id}", f"sender={uuid4()}"):
        shown = ana.get(f"{QUEUE}?{query}")
        (chip,) = shown.context["chips"]
        assert (chip.value, list(shown.context["rows"])) == ("unknown", [])
        assert not {"Loinville", "Yann"} & set(shown.content.decode().split())
    assert "Loinville" in sign_in("yann").get(QUEUE).content.decode()
    assert "Chatoria" not in sign_in("yann").get(f"{QUEUE}?sender={near}").content.decode()


def test_the_whole_view_is_selected_under_its_filters(desk: Desk, sign_in: SignIn) -> None:
    add_reports(desk, [("corsica", 4, _BODY)])
    query = "?view=OPEN&language=DE&departement=2A&sort=NEWEST"
    shown = sign_in("ana").post(f"{QUEUE}selection/{query}", {"whole": "1"})
    assert shown.context["selection"].ids == [desk.reports["corsica"]]
    assert shown.context["query"] == "?view=OPEN&departement=2A&language=DE&sort=NEWEST"


def test_a_view_saved_before_these_filters_is_read(desk: Desk, sign_in: SignIn) -> None:
    actor = desk.actor("ana")
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO orient_view (id, desk_id, person_id, shared, name, folded, view, kind, saved_at)"
            " VALUES (%s, 1, %s, false, 'Soir', 'soir', 'LATE', 'GROOMING', %s)",
            [uuid4(), actor.person_id, desk.now],
        )
    (saved,) = list_saved_views(actor=actor)
    assert (saved.view, saved.filters) == (QueueView.LATE, QueueFilter(kind="GROOMING"))
    StoredView.objects.update(
        more={"language": "DE", "since": "2026-03-01", "gone": "1", "age": "?"}
    )
    (saved,) = list_saved_views(actor=actor)
    assert saved.filters.language == "DE"
    assert saved.filters.age is None
    ana = sign_in("ana")
    (line,) = ana.get(QUEUE).context["saved"]
    assert line.href == f"{QUEUE}?view=LATE&kind=GROOMING&language=DE&since=2026-03-01"
    assert "Language: German" in ana.get("/en/desk/views/").content.decode()


def test_an_empty_view_names_the_filter_that_empties_it(desk: Desk, sign_in: SignIn) -> None:
    ana = sign_in("ana")
    shown = ana.get(f"{QUEUE}?kind=GROOMING&language=ZU&sort=OLDEST")
    (hint,) = shown.context["hints"]
    assert (hint.name, hint.without) == ("language", "view=OPEN&kind=GROOMING&sort=OLDEST")
    assert hint.count == len(ana.get(f"{QUEUE}?{hint.without}").context["rows"]) > 0
    assert ana.get(f"{QUEUE}?kind=GROOMING").context["hints"] == ()
