"""Who must agree before the text reader unlearns a code: a second person, who is no account of the first."""

from collections.abc import Iterator
from uuid import UUID

import pytest

from fanal.analyse.signals import queries
from fanal.analyse.signals.domain.examples import Settlement, Verdict
from fanal.analyse.signals.queries import settled_by
from fanal.kernel.actors import Actor, Role
from fanal.worker.expiry import erase_reports
from tests.integration.analyse.test_learning import (
    CODE,
    SYSTEM,
    TEXT,
    deposit,
    habilitated_by,
    judged,
    now,
)
from tests.integration.orient.people import person

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.role("worker")]


@pytest.fixture(autouse=True)
def keys(installed_keys: None) -> Iterator[None]:
    return


def outcome(report_id: UUID) -> Settlement:
    held = queries.examples_of(actor=SYSTEM, report_id=report_id)
    return settled_by(actor=SYSTEM, examples=held)


def test_a_code_is_denied_by_two_people_of_whom_neither_made_the_other() -> None:
    (report_id,) = deposit(TEXT)
    claire, helene = person(Role.SUPERVISOR), person(Role.SUPERVISOR)
    hers: Actor = habilitated_by(claire, person().person_id)
    example_id = judged(report_id, claire, Verdict.WRONG)
    assert outcome(report_id).alone == {(example_id, CODE)}
    judged(report_id, hers, Verdict.WRONG)
    found = outcome(report_id)
    assert (found.settled, found.alone) == ((), {(example_id, CODE)})
    habilitated_by(helene, hers.person_id)
    assert [s.unwanted for s in outcome(report_id).settled] == [{CODE}]
    erase_reports(actor=SYSTEM, report_ids=[report_id], now=now())
    assert [s.unwanted for s in outcome(report_id).settled] == [{CODE}]


def test_a_missed_code_may_be_said_alone() -> None:
    (report_id,) = deposit(TEXT)
    judged(report_id, person(Role.ANALYST))
    (settled,) = outcome(report_id).settled
    assert settled.wanted == {CODE}
