"""Receiving: one transaction, repeats recognised, nothing half stored."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from django.db import connection, connections

from fanal.accounts import row_scope
from fanal.accounts.domain.policy import Refused
from fanal.intake.domain import receipt
from fanal.intake.domain.records import (
    Arrival,
    Format,
    KeyKind,
    Outcome,
    ReportState,
    Stage,
    Submission,
)
from fanal.intake.operations.receive import receive_reports
from fanal.intake.queries.envelopes import follow, get_by_key, get_reports
from fanal.intake.queries.files import open_submissions
from fanal.kernel.actors import Actor, public_actor, system_actor
from tests.integration.intake.conftest import NOW

Make = Callable[..., Submission]
SYSTEM = system_actor("test")


def _count(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        return int(cursor.fetchone()[0])


@pytest.mark.django_db
class TestReceive:
    def test_seals_acknowledges_and_queues(self, partner: Actor, make_submission: Make) -> None:
        submission = make_submission(partner.partner_id, reference="r-1", urgent=True)
        [answer] = receive_reports(actor=partner, submissions=[submission], now=NOW)
        assert answer.outcome is Outcome.CREATED
        assert answer.state is ReportState.FINISHED
        assert answer.receipt.startswith("FANAL RECEIPT 1\n")
        assert answer.code == ""
        facts = get_reports(actor=partner, report_ids=[answer.report_id])
        assert facts[answer.report_id].stage is Stage.HARMONISE
        opened = open_submissions(actor=SYSTEM, report_ids=[answer.report_id], now=NOW)
        assert opened[answer.report_id].body == submission.body

    def test_gives_a_public_reporter_a_code_that_is_stored_nowhere(self) -> None:
        submission = Submission(
            arrival=Arrival.FORM, format=Format.FORM, body=b"{}", canonical=b"{}",
            keys=((KeyKind.SUBMISSION, "s-1"),), identity=b'{"email":"a@b.test"}',
        )  # fmt: skip
        [answer] = receive_reports(actor=public_actor(), submissions=[submission], now=NOW)
        assert receipt.read_code(answer.code) == answer.code
        followed = follow(actor=public_actor(), lookup_hash=receipt.lookup_hash(answer.code))
        assert followed is not None
        assert followed.report_id == answer.report_id
        with connection.cursor() as cursor:
            cursor.execute("SELECT intake_receipt::text FROM intake_receipt")
            stored = cursor.fetchall()
        assert all(answer.code.replace("-", "") not in row[0].replace("-", "") for row in stored)

    def test_answers_a_repeat_with_the_first_report(
        self, partner: Actor, make_submission: Make
    ) -> None:
        submission = make_submission(partner.partner_id, key="k")
        [first] = receive_reports(actor=partner, submissions=[submission], now=NOW)
        [second] = receive_reports(actor=partner, submissions=[submission], now=NOW)
        assert second.outcome is Outcome.REPEATED
        assert (second.report_id, second.receipt) == (first.report_id, first.receipt)
        assert _count("intake_report") == 1

    def test_refuses_another_body_under_the_same_key(
        self, partner: Actor, make_submission: Make
    ) -> None:
        one = make_submission(partner.partner_id, key="k")
        other = make_submission(partner.partner_id, key="k", body=b'{"kind":"GROOMING"}')
        receive_reports(actor=partner, submissions=[one], now=NOW)
        [answer] = receive_reports(actor=partner, submissions=[other], now=NOW)
        assert answer.outcome is Outcome.CONFLICT
        assert _count("intake_report") == 1

    def test_keeps_two_partners_with_the_same_key_apart(
        self, partner: Actor, make_submission: Make
    ) -> None:
        other = Actor(person_id=uuid4(), roles=partner.roles, partner_id=uuid4())
        for actor in (partner, other):
            [answer] = receive_reports(
                actor=actor, submissions=[make_submission(actor.partner_id, key="k")], now=NOW
            )
            assert answer.outcome is Outcome.CREATED
        assert get_by_key(actor=other, kind=KeyKind.IDEMPOTENCY, key="k") != get_by_key(
            actor=partner, kind=KeyKind.IDEMPOTENCY, key="k"
        )

    def test_recognises_repeats_inside_one_batch(
        self, partner: Actor, make_submission: Make
    ) -> None:
        batch = [make_submission(partner.partner_id, key=k) for k in ("a", "b", "a")]
        answers = receive_reports(actor=partner, submissions=batch, now=NOW)
        assert [a.outcome for a in answers] == [
            Outcome.CREATED, Outcome.CREATED, Outcome.REPEATED,
        ]  # fmt: skip
        assert answers[0].report_id == answers[2].report_id

    def test_a_repeat_also_claims_its_other_key(
        self, partner: Actor, make_submission: Make
    ) -> None:
        first = make_submission(partner.partner_id)
        first = Submission(**{**_fields(first), "keys": ((KeyKind.REFERENCE, "r"),)})
        again = Submission(
            **{**_fields(first), "keys": ((KeyKind.IDEMPOTENCY, "k"), (KeyKind.REFERENCE, "r"))}
        )
        [one] = receive_reports(actor=partner, submissions=[first], now=NOW)
        [two] = receive_reports(actor=partner, submissions=[again], now=NOW)
        assert (one.report_id, two.outcome) == (two.report_id, Outcome.REPEATED)
        found = get_by_key(actor=partner, kind=KeyKind.IDEMPOTENCY, key="k")
        assert found is not None
        assert found.report_id == one.report_id

    def test_refuses_a_deposit_for_another_sender(
        self, partner: Actor, make_submission: Make
    ) -> None:
        with pytest.raises(Refused):
            receive_reports(actor=partner, submissions=[make_submission(uuid4())], now=NOW)

    def test_stores_nothing_when_the_vault_cannot_write(
        self, partner: Actor, make_submission: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(**_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("fanal.intake.operations.receive.seal_batch", full)
        with pytest.raises(OSError, match="No space"):
            receive_reports(
                actor=partner, submissions=[make_submission(partner.partner_id, key="k")], now=NOW
            )
        assert _count("intake_report") == _count("intake_key") == _count("intake_work") == 0


def _fields(submission: Submission) -> dict[str, object]:
    return {name: getattr(submission, name) for name in submission.__struct_fields__}


@pytest.mark.django_db(transaction=True)
def test_fifty_concurrent_requests_of_one_key_make_one_report(
    partner: Actor, make_submission: Make
) -> None:
    submission = make_submission(partner.partner_id, key="same")

    def deposit(_: int) -> tuple[Outcome, object]:
        try:
            while True:
                [answer] = receive_reports(actor=partner, submissions=[submission], now=NOW)
                if answer.outcome is not Outcome.IN_PROGRESS:
                    return answer.outcome, answer.report_id
        finally:
            connections.close_all()

    with ThreadPoolExecutor(10, initializer=row_scope.show_to, initargs=(partner,)) as pool:
        answers = list(pool.map(deposit, range(50)))
    assert [outcome for outcome, _ in answers].count(Outcome.CREATED) == 1
    assert len({report_id for _, report_id in answers}) == 1
    assert _count("intake_report") == 1
