"""The search of the ledger: who did what when, without content, and each search in the ledger itself."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from django.test import Client

from fanal.accounts.domain.policy import Refused
from fanal.accounts.queries.likeness import find_people
from fanal.db import numbering, sql
from fanal.db.numbering import REPORTS
from fanal.kernel.actors import Role
from fanal.kernel.calendar import paris_day
from fanal.ledger import operations as ledger, queries
from fanal.ledger.domain.records import ObjectRef
from fanal.ledger.queries import SoughtEntries
from tests.integration.accounts.people import SYSTEM, make_user
from tests.integration.desk.story import Desk

pytestmark = pytest.mark.django_db
SignIn = Callable[[str], Client]
PAGE = "/en/account/ledger/"
STATED = "the pupil of the blue school"


@pytest.fixture
def admin(desk: Desk, sign_in: SignIn) -> Client:
    desk.users["ines"] = make_user("ines", Role.ADMINISTRATOR)
    return sign_in("ines")


def read(desk: Desk, name: str, *objects: ObjectRef, action: str = "report.read") -> UUID:
    """Have a person read objects for a stated purpose."""
    actor = desk.actor(name)
    return ledger.record(
        actor=actor, action=action, at=datetime.now(UTC), objects=objects, motive=STATED
    )


def found(web: Client, **asked: object) -> list[UUID]:
    return [line.entry.id for line in web.get(PAGE, asked).context["lines"]]


def searches() -> list[queries.LedgerLine]:
    return queries.list_entries(actor=SYSTEM, sought=SoughtEntries(action="ledger.search"))


def report_number(report_id: UUID) -> str:
    from fanal.accounts.row_scope import across_desks

    with across_desks():
        return numbering.numbers_of(REPORTS, [report_id])[report_id]


def test_nothing_is_searched_before_the_form_is_sent(admin: Client) -> None:
    assert admin.get(PAGE).context["lines"] == []
    assert searches() == []


def test_by_person_act_number_and_day(admin: Client, desk: Desk) -> None:
    first, second = list(desk.reports.values())[:2]
    of_ana = read(desk, "ana", ObjectRef(kind="report", id=first))
    of_claire = read(desk, "claire", ObjectRef(kind="report", id=second))
    claims = read(desk, "ana", ObjectRef(kind="report", id=second), action="case.claim")
    today = paris_day(datetime.now(UTC))
    yesterday = (today - timedelta(days=1)).isoformat()
    tomorrow = (today + timedelta(days=1)).isoformat()
    assert found(admin, who="ANÁ") == [claims, of_ana]
    assert found(admin, person=desk.users["ana"].person_id) == [claims, of_ana]
    assert found(admin, who="ana", act="report.read") == [of_ana]
    number = report_number(second)
    assert {claims, of_claire} <= set(found(admin, object=number))
    assert of_ana not in found(admin, object=number.lower().replace("-", " "))
    assert found(admin, object=number, who="claire") == [of_claire]
    assert found(admin, who="ana", **{"from": tomorrow}) == []
    assert found(admin, who="ana", to=yesterday) == []
    assert found(admin, who="ana", to=today, **{"from": today}) == [claims, of_ana]
    assert found(admin, who="ana", **{"from": "1901-01-01"}) == [claims, of_ana]


def test_an_administrator_sees_numbers_and_no_content(admin: Client, desk: Desk) -> None:
    report_id = next(iter(desk.reports.values()))
    read(desk, "ana", ObjectRef(kind="report", id=report_id))
    answer = admin.get(PAGE, {"who": "ana"})
    body = answer.content.decode()
    assert report_number(report_id) in body
    assert STATED not in body
    assert [(line.purpose, line.codes) for line in answer.context["lines"]] == [("", [])]


def test_the_purpose_of_a_session_is_not_shown_with_acts_on_an_account(
    admin: Client, desk: Desk
) -> None:
    """People state it for the reports that they read; signing out belongs to the same session."""
    person = ObjectRef(kind="person", id=desk.users["ana"].person_id)
    read(desk, "ana", person, action="account.sign_out")
    read(desk, "ana", action="account.sign_out")
    answer = admin.get(PAGE, {"who": "ana"})
    assert [line.purpose for line in answer.context["lines"]] == ["", ""]
    assert STATED not in answer.content.decode()


def test_who_may_not_list_accounts_gets_no_list_of_names(desk: Desk, sign_in: SignIn) -> None:
    overseer = sign_in("gabrielle")
    answer = overseer.get(PAGE, {"who": "a"})
    assert answer.context["choices"] == []
    assert "type the whole of it" in answer.content.decode()
    assert "claire" not in answer.content.decode()


def test_an_overseer_sees_the_purposes_of_measures_alone(desk: Desk, sign_in: SignIn) -> None:
    report_id = next(iter(desk.reports.values()))
    of_report = read(desk, "ana", ObjectRef(kind="report", id=report_id))
    of_measure = read(desk, "ana", ObjectRef(kind="measure", id=uuid4()), action="measure.read")
    of_both = read(
        desk,
        "ana",
        ObjectRef(kind="measure", id=uuid4()),
        ObjectRef(kind="report", id=report_id),
        action="measure.read",
    )
    of_many = ledger.record(
        actor=desk.actor("ana"),
        action="measure.list",
        at=datetime.now(UTC),
        objects=[ObjectRef(kind="measure", id=uuid4()) for _ in range(101)],
        motive=STATED,
    )
    lines = sign_in("gabrielle").get(PAGE, {"who": "ana"}).context["lines"]
    purposes = {line.entry.id: line.purpose for line in lines}
    assert purposes == {of_report: "", of_measure: STATED, of_both: "", of_many: ""}
    assert lines[0].things == [("Objects", "101", "")]


def test_several_people_of_a_name_are_a_choice(admin: Client, desk: Desk) -> None:
    desk.users["anatole"] = make_user("anatole", Role.ANALYST)
    read(desk, "anatole")
    assert admin.get(PAGE, {"who": "ana"}).context["person"] == desk.users["ana"].person_id
    answer = admin.get(PAGE, {"who": "an", "act": "report.read"})
    assert answer.context["lines"] == []
    assert {"Ana", "Anatole"} <= {one.name for one in answer.context["choices"]}
    chosen = desk.users["anatole"].person_id
    assert f"person={chosen}" in answer.content.decode()
    assert len(found(admin, who="Anatole", person=chosen, act="report.read")) == 1
    renamed = admin.get(PAGE, {"who": "claire", "person": chosen})
    assert renamed.context["person"] == desk.users["claire"].person_id


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"who": "nobody of this name"}, "Nobody has this name"),
        ({"object": "R-2026-999999"}, "has this number"),
        ({"object": "\0"}, ""),
        ({"act": "report.invent"}, "no such act"),
        ({"from": "yesterday"}, "year, month and day"),
        ({"to": "9999-12-31"}, "year, month and day"),
        ({"person": "²", "before": "x"}, ""),
    ],
)
def test_what_cannot_be_searched_is_said_and_recorded(
    admin: Client, asked: dict[str, str], said: str
) -> None:
    answer = admin.get(PAGE, asked)
    assert answer.status_code == 200
    assert said in answer.content.decode()
    assert len(searches()) == 1
    assert not said or answer.context["lines"] == []


def test_each_search_leaves_its_entry(admin: Client, desk: Desk) -> None:
    report_id = next(iter(desk.reports.values()))
    shown = read(desk, "ana", ObjectRef(kind="report", id=report_id))
    admin.get(PAGE, {"who": "ana", "object": report_number(report_id)})
    admin.get(PAGE, {"who": "ana", "object": report_number(report_id)})
    first, second = searches()
    objects = queries.named_objects(actor=SYSTEM, entry_ids=[first.id, second.id])
    person = desk.users["ana"].person_id
    expected = {("person", person), ("sought", report_id), ("entry", shown)}
    for entry in (first, second):
        named = {(ref.kind, ref.id) for ref in objects[entry.id]}
        assert expected <= named
        assert {kind for kind, _id in named - expected} == {"question"}
        assert entry.actor_id == desk.users["ines"].person_id
        assert entry.motive == "page:account_ledger"
    questions = [ref.id for refs in objects.values() for ref in refs if ref.kind == "question"]
    assert len(questions) == 2
    assert len(set(questions)) == 1


def test_pages_follow_each_other_without_a_count(admin: Client, desk: Desk) -> None:
    written = [read(desk, "ana") for _ in range(53)]
    first = admin.get(PAGE, {"who": "ana"})
    assert len(first.context["lines"]) == 50
    second = admin.get(PAGE, {"who": "ana", "before": first.context["older"]})
    assert second.context["older"] is None
    lines = [*first.context["lines"], *second.context["lines"]]
    assert sorted(line.entry.id for line in lines) == sorted(written)
    assert 'rel="next"' in first.content.decode()


@pytest.mark.parametrize("name", ["ana", "claire", "hugo"])
def test_for_administrators_and_overseers_alone(desk: Desk, sign_in: SignIn, name: str) -> None:
    assert sign_in(name).get(PAGE).status_code == 403
    actor = desk.actor(name)
    with pytest.raises(Refused):
        queries.list_entries(actor=actor)
    with pytest.raises(Refused):
        queries.named_objects(actor=actor, entry_ids=[])
    with pytest.raises(Refused):
        find_people(actor=actor, text="ana")


@pytest.mark.parametrize(
    ("sought", "index"),
    [
        (SoughtEntries(), "ledger_entry_pkey"),
        (SoughtEntries(person_id=uuid4()), "ledger_entry_actor"),
        (SoughtEntries(action="report.read"), "ledger_entry_action"),
        (SoughtEntries(object_ids=[uuid4()]), "ledger_object_object"),
        (SoughtEntries(since=datetime(2026, 11, 24, tzinfo=UTC)), "ledger_entry_pkey"),
    ],
)
def test_an_index_gives_the_rows_in_order(sought: SoughtEntries, index: str) -> None:
    sql.run("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off")
    statement, values = queries._search(sought, 51)
    plan = "\n".join(row[0] for row in sql.rows(f"EXPLAIN {statement}", values))
    assert index in plan
