"""A dossier has a name that its desk gives it: it follows a report, is shown to that desk alone, and expires."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from django.test import Client

from fanal.crosscheck.domain.records import JudgementAct
from fanal.crosscheck.dossiers.names import NothingToName, name_dossier, names_of
from fanal.crosscheck.dossiers.queries import dossier_of, members_of
from fanal.crosscheck.operations.erasure import erase
from fanal.crosscheck.operations.judge import judge
from fanal.db import sql
from fanal.kernel.refusal import Refusal
from tests.integration.desk.story import WORKER, Desk, add_reports
from tests.integration.desk.test_erased_first import of_signs
from tests.refusals import NO_RIGHT, database_refuses
from tests.server import as_worker

pytestmark = pytest.mark.django_db
SignIn = Callable[[str], Client]
NAME = "Le ring des mercredis"


def dossier_with(desk: Desk, name: str) -> UUID:
    found = dossier_of(actor=desk.actor("ana"), report_id=desk.reports[name])
    assert found is not None
    return found


def name_of(desk: Desk, dossier_id: UUID, who: str = "ana") -> str:
    return names_of(actor=desk.actor(who), dossier_ids=[dossier_id]).get(dossier_id, "")


def entries(action: str) -> int:
    return int(sql.one("SELECT count(*) FROM ledger_entry WHERE action = %s", [action])[0])


def test_it_is_given_shown_and_taken_back(desk: Desk, sign_in: SignIn) -> None:
    page = f"/fr/desk/dossiers/{dossier_with(desk, 'danger')}/"
    made = sign_in("bruno").get(page).content.decode()
    assert "renard_77 / Arcadia" in made
    assert "renard_77 / Arcadia" in sign_in("bruno").get("/fr/desk/dossiers/").content.decode()
    ana = sign_in("ana")
    assert ana.post(f"{page}name/", {"name": f"  {NAME}\n "}).status_code == 302
    assert ana.post(f"{page}name/", {"name": NAME}).status_code == 302
    assert entries("dossier.name") == 1, "the same name again writes nothing"
    for shown in (page, "/fr/desk/dossiers/"):
        assert NAME in sign_in("bruno").get(shown).content.decode()
    assert ana.post(f"{page}name/", {"name": " "}).status_code == 302
    body = sign_in("bruno").get(page).content.decode()
    assert NAME not in body
    assert "renard_77 / Arcadia" in body
    assert sign_in("yann").post(f"{page}name/", {"name": "x"}).status_code == 404
    assert sign_in("hugo").post(f"{page}name/", {"name": "x"}).status_code == 403


@pytest.mark.parametrize("name", ["x" * 81, "a\0b", "\ud800"])
def test_what_cannot_be_kept_is_refused_and_shown_again(
    desk: Desk, sign_in: SignIn, name: str
) -> None:
    dossier_id = dossier_with(desk, "danger")
    with pytest.raises(Refusal):
        name_dossier(actor=desk.actor("ana"), dossier_id=dossier_id, name=name, now=desk.now)
    if "\ud800" not in name:
        answer = sign_in("ana").post(f"/en/desk/dossiers/{dossier_id}/name/", {"name": name})
        assert answer.status_code == 422
        assert "Nothing was recorded" in answer.content.decode()
    assert entries("dossier.name") == 0


def test_it_follows_its_report_when_the_dossier_is_split(desk: Desk) -> None:
    ana, dossier_id = desk.actor("ana"), dossier_with(desk, "danger")
    name_dossier(actor=ana, dossier_id=dossier_id, name=NAME, now=desk.now)
    first, *others = members_of(actor=ana, dossier_id=dossier_id)
    assert len(others) > 1
    judge(
        actor=ana, act=JudgementAct.SPLIT, reason="two people", now=desk.now,
        left=[first], right=others,
    )  # fmt: skip
    apart = dossier_of(actor=ana, report_id=others[0])
    assert apart is not None
    assert name_of(desk, apart) == ""
    judge(
        actor=ana, act=JudgementAct.MERGE, reason="one after all", now=desk.now + timedelta(hours=1),
        left=[first], right=others,
    )  # fmt: skip
    whole = dossier_of(actor=ana, report_id=others[0])
    assert whole is not None
    assert name_of(desk, whole) == NAME


@pytest.mark.role("worker")
def test_it_goes_with_its_report(desk: Desk) -> None:
    ana, dossier_id = desk.actor("ana"), dossier_with(desk, "danger")
    name_dossier(actor=ana, dossier_id=dossier_id, name=NAME, now=desk.now)
    erase(actor=WORKER, report_ids=members_of(actor=ana, dossier_id=dossier_id)[:1])
    assert sql.one("SELECT count(*) FROM crosscheck_name") == (0,)


def test_a_dossier_without_reports_here_takes_none(desk: Desk) -> None:
    with pytest.raises(NothingToName):
        name_dossier(actor=desk.actor("ana"), dossier_id=UUID(int=7), name=NAME, now=desk.now)


def test_the_app_changes_and_deletes_none(desk: Desk) -> None:
    dossier_id = dossier_with(desk, "danger")
    name_dossier(actor=desk.actor("ana"), dossier_id=dossier_id, name=NAME, now=desk.now)
    for attack in ("UPDATE crosscheck_name SET name = 'other'", "DELETE FROM crosscheck_name"):
        with database_refuses(NO_RIGHT):
            sql.run(attack)


@pytest.fixture
def merged(desk: Desk) -> UUID:
    """Two dossiers, the second with a name, that a person joined; return the judgement."""
    ana = desk.actor("ana")
    add_reports(desk, [("a1", 95, of_signs("1")), ("a2", 94, of_signs("1"))])
    add_reports(desk, [("b1", 90, of_signs("2")), ("b2", 89, of_signs("2"))])
    ours, theirs = ([desk.reports[f"{side}{n}"] for n in (1, 2)] for side in "ab")
    name_dossier(actor=ana, dossier_id=dossier_with(desk, "b1"), name=NAME, now=desk.now)
    return judge(
        actor=ana, act=JudgementAct.MERGE, left=ours, right=theirs, reason="one", now=desk.now
    )


def named(desk: Desk, name: str, seconds: int) -> None:
    later = desk.now + timedelta(seconds=seconds)
    name_dossier(actor=desk.actor("ana"), dossier_id=dossier_with(desk, "b1"), name=name, now=later)


def undone(desk: Desk, judgement: UUID) -> None:
    later = desk.now + timedelta(seconds=20)
    judge(actor=desk.actor("ana"), act=JudgementAct.UNDO, undoes=judgement, reason="two", now=later)


def erased(desk: Desk, name: str) -> None:
    with as_worker():
        erase(actor=WORKER, report_ids=[desk.reports[name]])


def test_a_name_that_was_taken_back_does_not_return_when_a_report_is_erased(
    desk: Desk, merged: UUID
) -> None:
    named(desk, "", 5)
    assert name_of(desk, dossier_with(desk, "b1")) == ""
    erased(desk, "a1")
    assert name_of(desk, dossier_with(desk, "b1")) == ""
    undone(desk, merged)
    assert name_of(desk, dossier_with(desk, "b1")) == ""


def test_a_name_that_was_taken_back_does_not_return_when_a_split_is_undone(
    desk: Desk, merged: UUID
) -> None:
    named(desk, "Both", 5)
    named(desk, "", 6)
    ours, theirs = ([desk.reports[f"{side}{n}"] for n in (1, 2)] for side in "ab")
    split = judge(
        actor=desk.actor("ana"), act=JudgementAct.SPLIT, left=ours, right=theirs, reason="two",
        now=desk.now + timedelta(seconds=7),
    )  # fmt: skip
    erased(desk, "a1")
    undone(desk, split)
    assert name_of(desk, dossier_with(desk, "a2")) == ""


@pytest.mark.parametrize("report", ["", "a1"])
def test_a_dossier_has_its_own_name_again_when_the_merge_is_undone(
    desk: Desk, merged: UUID, report: str
) -> None:
    named(desk, "Both", 5)
    if report:
        erased(desk, report)
    undone(desk, merged)
    assert name_of(desk, dossier_with(desk, "b1")) == NAME
