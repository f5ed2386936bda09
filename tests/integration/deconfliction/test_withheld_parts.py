"""A withheld dossier stays withheld in its parts, and its decision can be ended on the page of each."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from fanal.accounts.models import Desk
from fanal.accounts.queries.people import actor_for, find_user
from fanal.crosscheck.domain.records import JudgementAct
from fanal.crosscheck.dossiers.queries import dossier_of
from fanal.crosscheck.operations.judge import judge
from fanal.deconfliction.sharing.queries import in_force, withheld_from, withholdings_of
from fanal.kernel import clock
from fanal.kernel.actors import Actor, Role
from tests.integration.accounts.people import habilitate
from tests.integration.config.test_row_security import app_of
from tests.integration.deconfliction.test_one_body import asked
from tests.integration.deconfliction.test_withheld_meanwhile import hold_back
from tests.integration.deconfliction.world import SYSTEM, holding, peer, register

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.role("worker")]
BOTH, NEXT = "both@mail.example", "next@mail.example"


def analyst() -> Actor:
    user = find_user(username="ana")
    assert user is not None
    return actor_for(user=user, now=clock.now())


def apart(left: list[UUID], right: list[UUID]) -> None:
    judge(
        actor=analyst(), act=JudgementAct.SPLIT, left=left, right=right, reason="Two persons.",
        now=clock.now(),
    )  # fmt: skip


def on_page(report_id: UUID) -> list[UUID]:
    """Return the decisions in force that the page of the report's dossier shows."""
    dossier = dossier_of(actor=SYSTEM, report_id=report_id)
    assert dossier is not None
    return [
        one.id for one in in_force(said=withholdings_of(actor=analyst(), dossier_ids=[dossier]))
    ]


@pytest.mark.parametrize("again", [False, True])
def test_a_report_that_joined_stays_withheld_after_the_earliest_left(again: bool) -> None:
    first = holding("r-1", BOTH)
    second = holding("r-2", BOTH)
    hold_back(first)
    later = holding("r-3", BOTH, NEXT)
    other = peer(BOTH, NEXT)
    register(other)
    before = dossier_of(actor=SYSTEM, report_id=later)
    apart([first], [second, later])
    assert dossier_of(actor=SYSTEM, report_id=later) not in {None, before}
    if again:  # decided again for a part: the others keep the first decision
        hold_back(later)
    assert set(withheld_from()) == {first, second, later}
    assert asked(other) == set()
    assert len(on_page(later)) == 1 + again
    hold_back(later, ends=True)
    assert (withheld_from(), on_page(later)) == ([], [])
    assert asked(other) == {BOTH, NEXT}


def test_a_second_decision_frees_nobody() -> None:
    first = holding("r-1", BOTH)
    second = holding("r-2", BOTH)
    third = holding("r-3", BOTH)
    hold_back(first)
    apart([third], [first, second])
    hold_back(first)
    assert set(withheld_from()) == {first, second, third}


def test_reports_of_other_desks_are_withheld_too() -> None:
    """Also once they are in no dossier with the reports of the desk that decided."""
    first = holding("r-1", BOTH)
    second = holding("r-2", BOTH)
    Desk.objects.get_or_create(id=2, defaults={"code": "NORTH", "name": "North"})
    away = holding("r-3", BOTH, desk=2)
    hold_back(first)
    assert set(withheld_from()) == {first, second, away}
    user = find_user(username="ana")
    assert user is not None
    habilitate(user, Role.ANALYST, desk=2, at=clock.now())
    apart([away], [first, second])
    assert dossier_of(actor=SYSTEM, report_id=away) is None
    assert set(withheld_from()) == {first, second, away}


def test_each_desk_in_a_part_reads_the_decision(as_role: Callable[[str], Any]) -> None:
    """The database shows it to the desks of the part, under the dossier's former id, and to no other."""
    Desk.objects.get_or_create(id=2, defaults={"code": "NORTH", "name": "North"})
    first = holding("r-1", BOTH)
    second = holding("r-2", BOTH)
    away = holding("r-3", BOTH, desk=2)
    hold_back(first)
    user = find_user(username="ana")
    assert user is not None
    habilitate(user, Role.ANALYST, desk=2, at=clock.now())
    apart([first], [second, away])
    assert [read_at(as_role, desk) for desk in (1, 2, 3)] == [1, 1, 0]


def read_at(as_role: Callable[[str], Any], desk: int) -> int:
    """Return the number of decisions that the database shows to the people of a desk."""
    session = app_of(as_role, desks=(str(desk),))
    [(number,)] = session.execute("SELECT count(*) FROM deconfliction_withholding").fetchall()
    return int(number)


def test_a_desk_reads_the_decision_on_a_dossier_merged_into_its_own(
    as_role: Callable[[str], Any],
) -> None:
    Desk.objects.get_or_create(id=2, defaults={"code": "NORTH", "name": "North"})
    far = [holding("r-1", NEXT, desk=2), holding("r-2", NEXT, desk=2)]
    own = [holding("r-3", BOTH), holding("r-4", BOTH)]
    hold_back(own[0])
    assert [read_at(as_role, desk) for desk in (1, 2)] == [1, 0]
    joins = holding("r-5", BOTH, NEXT, desk=2)
    assert set(withheld_from()) == {*far, *own, joins}
    assert [read_at(as_role, desk) for desk in (1, 2, 3)] == [1, 1, 0]


def test_a_desk_whose_report_joined_later_reads_the_decision_in_its_part(
    as_role: Callable[[str], Any],
) -> None:
    Desk.objects.get_or_create(id=2, defaults={"code": "NORTH", "name": "North"})
    first = holding("r-1", BOTH)
    second = holding("r-2", BOTH)
    hold_back(first)
    joined = holding("r-3", BOTH, desk=2)
    before = dossier_of(actor=SYSTEM, report_id=joined)
    user = find_user(username="ana")
    assert user is not None
    habilitate(user, Role.ANALYST, desk=2, at=clock.now())
    apart([first], [second, joined])
    assert dossier_of(actor=SYSTEM, report_id=joined) not in {None, before}
    assert set(withheld_from()) == {first, second, joined}
    assert [read_at(as_role, desk) for desk in (1, 2, 3)] == [1, 1, 0]
