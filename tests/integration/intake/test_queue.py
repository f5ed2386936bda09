"""The queue: leases, fencing, attempts counted before the run, quarantine and replay."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.db import connection

from fanal.db import sql
from fanal.intake.domain.records import Claim, Stage, Submission
from fanal.intake.operations import queue as intake_queue
from fanal.intake.operations.receive import receive_reports
from fanal.intake.queries.work import count_work, list_quarantine
from fanal.kernel.actors import Actor, Role, system_actor
from tests.integration.intake.conftest import NOW
from tests.integration.orient.people import person

SYSTEM = system_actor("test")
LEASE = timedelta(minutes=1)
pytestmark = [pytest.mark.django_db, pytest.mark.role("worker")]


@pytest.fixture
def reports(partner: Actor, make_submission: Callable[..., Submission]) -> list[UUID]:
    """Three received reports; the last is urgent."""
    submissions = [make_submission(partner.partner_id, urgent=n == 2) for n in range(3)]
    answers = receive_reports(actor=SYSTEM, submissions=submissions, now=NOW)
    return [a.report_id for a in answers if a.report_id]


def _claim(token: UUID, *, stage: Stage = Stage.HARMONISE, size: int = 10) -> list[Claim]:
    return intake_queue.claim_batch(actor=SYSTEM, stage=stage, size=size, token=token, lease=LEASE)


def _lapse() -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE intake_work SET lease_until = now() - interval '1 second'")


class TestClaim:
    def test_gives_the_urgent_first(self, reports: list[UUID]) -> None:
        [first] = _claim(uuid4(), size=1)
        assert first.report_id == reports[2]
        assert first.urgent

    def test_gives_nothing_that_another_holds(self, reports: list[UUID]) -> None:
        assert len(_claim(uuid4())) == 3
        assert _claim(uuid4()) == []

    def test_gives_lapsed_reports_one_at_a_time(self, reports: list[UUID]) -> None:
        _claim(uuid4())
        _lapse()
        assert len(_claim(uuid4())) == 1

    def test_of_a_batch_whose_worker_died_a_few_come_together_then_each_alone(
        self, partner: Actor, make_submission: Callable[..., Submission]
    ) -> None:
        submissions = [make_submission(partner.partner_id) for _ in range(64)]
        receive_reports(actor=SYSTEM, submissions=submissions, now=NOW)
        sizes = []
        for turn in range(1 + 16 + 64 + 1):
            token = uuid4()
            claims = _claim(token, size=64)
            sizes.append(len(claims))
            if turn > 16:  # the third time each is alone, and gets through
                done = [claim.report_id for claim in claims]
                intake_queue.advance_claims(
                    actor=SYSTEM, token=token, report_ids=done, to=None, lease=LEASE
                )
            _lapse()
        assert sizes == [64, *([4] * 16), *([1] * 64), 0]
        assert count_work() == {}

    def test_quarantines_what_kills_its_workers(self, reports: list[UUID]) -> None:
        for _ in range(3 + 3 * 4):
            _claim(uuid4())
            _lapse()
        assert count_work() == {"QUARANTINE": 3}
        assert {e for _, e in list_quarantine(actor=SYSTEM, limit=10)} == {"WORKER_DIED"}

    def test_a_desk_sees_its_own_in_quarantine_however_many_others_have(
        self, partner: Actor, make_submission: Callable[..., Submission]
    ) -> None:
        submissions = [make_submission(partner.partner_id, desk_id=n) for n in (2, 2, 1)]
        answers = receive_reports(actor=SYSTEM, submissions=submissions, now=NOW)
        for number, answer in enumerate(answers):
            sql.run(
                "UPDATE intake_work SET quarantined_at = now() + make_interval(secs => %s),"
                " error = 'OTHER' WHERE report_id = %s",
                [number, answer.report_id],
            )
        here = person(Role.SUPERVISOR)
        found = list_quarantine(actor=here, limit=2)
        assert [(facts.report_id, error) for facts, error in found] == [
            (answers[2].report_id, "OTHER")
        ]


class TestAdvance:
    def test_moves_on_and_then_out(self, reports: list[UUID]) -> None:
        token = uuid4()
        _claim(token)
        intake_queue.advance_claims(
            actor=SYSTEM, token=token, report_ids=reports, to=Stage.ANALYSE, lease=LEASE
        )
        assert count_work() == {"ANALYSE": 3}
        intake_queue.advance_claims(
            actor=SYSTEM, token=token, report_ids=reports, to=None, lease=LEASE
        )
        assert count_work() == {}

    def test_refuses_a_worker_that_lost_its_lease(self, reports: list[UUID]) -> None:
        slow = uuid4()
        _claim(slow)
        _lapse()
        _claim(uuid4())
        with pytest.raises(intake_queue.LeaseLost):
            intake_queue.advance_claims(
                actor=SYSTEM, token=slow, report_ids=reports, to=None, lease=LEASE
            )


class TestFailure:
    def test_tries_again_then_quarantines_then_replays(self, reports: list[UUID]) -> None:
        one = reports[:1]
        for _ in range(3):
            token = uuid4()
            with connection.cursor() as cursor:
                cursor.execute("UPDATE intake_work SET not_before = now()")
                cursor.execute("DELETE FROM intake_work WHERE report_id <> %s", one)
            assert len(_claim(token)) == 1
            intake_queue.fail_claims(actor=SYSTEM, token=token, report_ids=one, error="Broken")
        assert count_work() == {"QUARANTINE": 1}
        moved = intake_queue.replay_stage(
            actor=SYSTEM, stage=Stage.HARMONISE, report_ids=one, now=NOW
        )
        assert moved == 1
        assert count_work() == {"HARMONISE": 1}

    def test_leaves_work_in_progress_alone_on_replay(self, reports: list[UUID]) -> None:
        assert (
            intake_queue.replay_stage(
                actor=SYSTEM, stage=Stage.ANALYSE, report_ids=reports, now=NOW
            )
            == 0
        )
