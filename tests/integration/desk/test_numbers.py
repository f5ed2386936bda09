"""Reports have a number that is shown, searched and said; so have dossiers and official acts."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import msgspec
import psycopg
import pytest
from django.db import connection, connections
from django.test import Client

from fanal.casework import queries as casework
from fanal.cli.report import show
from fanal.cli.resolve import resolve
from fanal.crosscheck.domain.records import JudgementAct
from fanal.crosscheck.dossiers import queries as dossiers
from fanal.crosscheck.operations.judge import judge
from fanal.intake.domain.number import desk_number
from fanal.intake.domain.records import Arrival, Format, KeyKind, Submission
from fanal.intake.operations.receive import receive_reports
from fanal.intake.queries.envelopes import (
    find_desk_number,
    find_named,
    find_references,
    numbers_of,
    report_number,
)
from tests.integration.desk.story import WORKER, Desk, run_stages

pytestmark = pytest.mark.django_db
SignIn = Callable[[str], Client]


def of_the_form(n: int = 0) -> Submission:
    """A report of the public form."""
    body = msgspec.json.encode(
        {"kind": "GROOMING", "description": f"Somebody writes to my child {n}."}
    )
    return Submission(
        arrival=Arrival.FORM, format=Format.FORM, body=body, canonical=body, desk_id=1
    )


@pytest.fixture
def told(desk: Desk) -> UUID:
    """A report of the public form, through all stages."""
    (answer,) = receive_reports(actor=WORKER, submissions=[of_the_form()], now=desk.now)
    run_stages(desk.now)
    assert answer.report_id is not None
    return answer.report_id


def test_the_number_stands_in_queue_and_page_and_is_found(
    desk: Desk, told: UUID, sign_in: SignIn, capsys: pytest.CaptureFixture[str]
) -> None:
    number, ana = report_number(report_id=told), sign_in("ana")
    assert number.startswith(f"R-{desk.now.year}-")
    assert number in ana.get("/fr/desk/").content.decode()
    page = ana.get(f"/fr/desk/reports/{told}/").content.decode()
    assert f"data-number>{number}<" in page
    assert f">{told}<" not in page
    _letter, year, count = number.split("-")
    typed = (number, f"r {year} {int(count)}", f"{int(count)}/{year}", desk_number(told))
    for said in typed:
        assert number in ana.get("/fr/desk/search/", {"q": said}).content.decode(), said
    for asked in (number, desk_number(told)):
        show.callback.__wrapped__(  # type: ignore[union-attr]
            (asked,), as_json=True, lang="fr", reveal_reporter=False, motive="", code=None,
            as_user=desk.users["ana"].username,
        )  # fmt: skip
        shown = json.loads(capsys.readouterr().out)
        assert (shown["id"], shown["number"]) == (str(told), desk_number(told))


def test_a_partners_reference_stays_and_has_a_number_before_it(desk: Desk, sign_in: SignIn) -> None:
    report_id = desk.reports["material"]
    page = sign_in("ana").get(f"/fr/desk/reports/{report_id}/").content.decode()
    assert "REF-material" in page
    assert report_number(report_id=report_id) in page
    assert (
        f"{report_number(report_id=report_id)} · REF-material"
        in sign_in("ana").get("/fr/desk/").content.decode()
    )


def test_a_number_finds_nothing_out_of_reach(desk: Desk, told: UUID) -> None:
    for number in (desk_number(told), report_number(report_id=told)):
        assert find_desk_number(actor=desk.actor("ana"), number=number) == [told]
        assert find_desk_number(actor=desk.actor("ana"), number=number[:-1] + "?") == []
        assert find_desk_number(actor=desk.actor("hugo"), number=number) == []


@pytest.fixture
def early_counts(
    as_role: Callable[[str], psycopg.Connection[tuple[object, ...]]],
) -> Iterator[None]:
    """Counts of years that no installation has."""
    years = (2020, 2021, 2022)
    with as_role("owner") as owner:
        for year in years:
            owner.execute("SELECT fanal_count_of('R', %s)", [year])
        yield
        for year in years:
            owner.execute(f"DROP SEQUENCE fanal_number_r_{year}")


@pytest.mark.usefixtures("early_counts")
@pytest.mark.django_db(transaction=True)
def test_numbers_count_up_by_year_of_receipt_in_paris(desk: Desk) -> None:
    """Sylvester: half past eleven in the evening UTC is the new year in Paris."""
    given = []
    for minutes in (0, 30, 45):
        now = datetime.fromisoformat("2021-12-31T22:50:00+00:00") + timedelta(minutes=minutes)
        answers = receive_reports(
            actor=WORKER, submissions=[of_the_form(n) for n in range(2)], now=now
        )
        found = numbers_of(report_ids=[a.report_id for a in answers if a.report_id])
        given.append(sorted(found.values()))
    assert given == [
        ["R-2021-0001", "R-2021-0002"],
        ["R-2022-0001", "R-2022-0002"],
        ["R-2022-0003", "R-2022-0004"],
    ]


@pytest.mark.usefixtures("early_counts")
@pytest.mark.django_db(transaction=True)
def test_reports_that_arrive_at_once_have_different_numbers_which_stay(
    installed_keys: None, as_role: Callable[[str], psycopg.Connection[tuple[object, ...]]]
) -> None:
    now = datetime.fromisoformat("2020-05-01T10:00:00+00:00")

    def send(n: int) -> list[UUID]:
        try:
            many = [of_the_form(10 * n + each) for each in range(5)]
            answers = receive_reports(actor=WORKER, submissions=many, now=now)
            return [a.report_id for a in answers if a.report_id]
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        ids = [i for sent in pool.map(send, range(8)) for i in sent]
    numbers = numbers_of(report_ids=ids)
    assert len(set(numbers.values())) == len(ids) == 40
    for statement in (
        "UPDATE intake_number SET number = number + 1000",
        "DELETE FROM intake_number",
    ):
        with pytest.raises(psycopg.errors.RestrictViolation):
            as_role("owner").execute(statement)


@pytest.mark.parametrize("role", ["app", "worker", "intake"])
@pytest.mark.parametrize("table", ["intake_number", "crosscheck_number", "casework_number"])
def test_nobody_writes_a_number_or_draws_one(
    as_role: Callable[[str], psycopg.Connection[tuple[object, ...]]], role: str, table: str
) -> None:
    session = as_role(role)
    for statement in (
        f"UPDATE {table} SET number = number + 1",
        f"DELETE FROM {table}",
        f"INSERT INTO {table} VALUES (gen_random_uuid(), 2026, 1)",
        "SELECT fanal_count_of('R', 2099)",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute(statement)
        session.rollback()


def test_a_dossiers_number_outlives_merge_split_and_undo(desk: Desk, sign_in: SignIn) -> None:
    ana, web = desk.actor("ana"), sign_in("ana")
    said = {"actor": ana, "reason": "read to the end"}
    one, two = desk.reports["danger"], desk.reports["stream"]
    judge(act=JudgementAct.MERGE, left=[two], right=[desk.reports["empty"]], now=desk.now, **said)
    first = dossiers.dossier_of(actor=ana, report_id=one)
    other = dossiers.dossier_of(actor=ana, report_id=two)
    assert first
    assert other
    assert first != other
    before = dossiers.numbers_of(dossier_ids=[first, other])
    lower = min(before.values())

    def number_of(report_id: UUID) -> str:
        found = dossiers.dossier_of(actor=ana, report_id=report_id)
        return dossiers.numbers_of(dossier_ids=[found])[found] if found else ""

    def found_by(number: str) -> str:
        return web.get("/en/desk/search/", {"q": number}).content.decode()

    members = {i: dossiers.members_of(actor=ana, dossier_id=i) for i in (first, other)}
    merged = judge(
        act=JudgementAct.MERGE, left=members[first], right=members[other], now=desk.now, **said
    )
    assert number_of(one) == number_of(two) == lower
    joined = dossiers.dossier_of(actor=ana, report_id=one)
    for number in before.values():
        assert f'/en/desk/dossiers/{joined}/"' in found_by(number)
    for old in (first, other):
        answer = web.get(f"/en/desk/dossiers/{old}/", follow=True)
        assert f"data-number>{lower}<" in answer.content.decode()
    judge(act=JudgementAct.UNDO, undoes=merged, now=desk.now + timedelta(minutes=1), **said)
    assert dossiers.numbers_of(dossier_ids=[first, other]) == before
    assert (number_of(one), number_of(two)) == (before[first], before[other])

    kept, *rest = members[first]
    split = judge(
        act=JudgementAct.SPLIT, left=[kept], right=rest, now=desk.now + timedelta(minutes=2), **said
    )
    halves = web.get(f"/en/desk/dossiers/{first}/")
    page = halves.content.decode()
    assert halves.status_code == 200
    assert report_number(report_id=kept) in page
    assert (after := number_of(rest[0])) in page
    assert after not in before.values()
    assert before[first] in found_by(before[first])
    other_desk = sign_in("yann")
    assert other_desk.get(f"/en/desk/dossiers/{first}/").status_code == 404
    seen = other_desk.get("/en/desk/search/", {"q": before[first]}).content.decode()
    assert f"/dossiers/{first}/" not in seen
    undone = web.post(
        f"/en/desk/dossiers/{first}/judge/",
        {"act": "UNDO", "undoes": str(split), "reason": "they are one"},
    )
    assert undone.status_code == 302
    assert number_of(kept) == number_of(rest[0]) == before[first]
    assert (
        f"data-number>{before[first]}<" in web.get(f"/en/desk/dossiers/{first}/").content.decode()
    )


def test_a_split_dossier_names_what_was_split_off(desk: Desk, sign_in: SignIn) -> None:
    ana = desk.actor("ana")
    dossier_id = dossiers.dossier_of(actor=ana, report_id=desk.reports["danger"])
    assert dossier_id is not None
    members = dossiers.members_of(actor=ana, dossier_id=dossier_id)
    judge(actor=ana, act=JudgementAct.SPLIT, left=members[:2], right=members[2:], reason="two people", now=desk.now)  # fmt: skip
    page = sign_in("ana").get(f"/en/desk/dossiers/{dossier_id}/").content.decode()
    assert "Split off from this dossier" in page
    gone = dossiers.dossier_of(actor=ana, report_id=members[2])
    assert (
        dossiers.numbers_of(dossier_ids=[gone])[gone]
        if gone
        else report_number(report_id=members[2])
    ) in page


def test_an_act_has_a_number_and_is_found(desk: Desk, sign_in: SignIn) -> None:
    web = sign_in("ana")
    web.post(f"/en/desk/reports/{desk.reports['danger']}/call/")
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM casework_act")
        (act_id,) = cursor.fetchone()
    number = casework.numbers_of(act_ids=[act_id])[act_id]
    assert number.startswith("M-")
    assert f"data-number>{number}<" in web.get(f"/en/desk/calls/{act_id}/").content.decode()
    assert number in web.get("/en/desk/calls/").content.decode()
    assert (
        f"/en/desk/calls/{act_id}/" in web.get("/en/desk/search/", {"q": number}).content.decode()
    )
    theirs = sign_in("hugo").get("/en/desk/search/", {"q": number}).content.decode()
    assert str(act_id) not in theirs


@pytest.mark.parametrize("spelling", ["{number}", "r {year} {count}", "{earlier}"])
def test_a_whole_number_beats_a_senders_reference_on_the_command_line(
    desk: Desk,
    told: UUID,
    spelling: str,
    sign_in: SignIn,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Who sends reports chooses their references: a number would show, export or reveal another report."""
    number, ana = report_number(report_id=told), desk.actor("ana")
    _letter, year, count = number.split("-")
    typed = spelling.format(number=number, year=year, count=int(count), earlier=desk_number(told))
    other = _sent(desk, typed)
    assert resolve(ana, typed) == [told]
    assert f"PARTNER:{typed}" in capsys.readouterr().err.replace("PARTENAIRE", "PARTNER")
    page = sign_in("ana").get("/en/desk/search/", {"q": typed}).content.decode()
    assert page.index(str(told)) < page.index(str(other))
    assert "a sender gave the same reference to another" in page


def test_a_number_that_no_report_has_yet_names_none(desk: Desk) -> None:
    """A sender can foresee it, and choose it as a reference."""
    foreseen = f"R-{desk.now:%Y}-9042"
    report_id = _sent(desk, foreseen)
    ana = desk.actor("ana")
    assert find_named(actor=ana, text=foreseen).report_ids == []
    assert find_references(actor=ana, reference=foreseen) == [report_id]


def test_a_number_without_its_letter_names_both_on_the_command_line(
    desk: Desk, told: UUID, capsys: pytest.CaptureFixture[str]
) -> None:
    _letter, year, count = report_number(report_id=told).split("-")
    typed = f"{int(count)}/{year}"
    other = _sent(desk, typed)
    assert set(resolve(desk.actor("ana"), typed)) == {told, other}
    assert typed in capsys.readouterr().err
    assert resolve(desk.actor("ana"), report_number(report_id=other)) == [other]
    assert capsys.readouterr().err == ""


def _sent(desk: Desk, reference: str) -> UUID:
    """Receive a report of a sender with this reference, through all stages."""
    body = msgspec.json.encode({"kind": "OTHER", "reference": reference})
    submission = Submission(
        arrival=Arrival.API, format=Format.REPORT, body=body, canonical=body, sender_id=uuid4(),
        desk_id=1, reference=reference, keys=((KeyKind.REFERENCE, reference),),
    )  # fmt: skip
    (answer,) = receive_reports(actor=WORKER, submissions=[submission], now=desk.now)
    run_stages(desk.now)
    assert answer.report_id is not None
    return answer.report_id
