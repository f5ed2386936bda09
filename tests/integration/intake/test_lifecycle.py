"""Open reports of the wire: files, finish, retract, expiry; conversation with the reporter."""

import hashlib
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from fanal.accounts.domain.policy import Refused
from fanal.intake.domain import receipt
from fanal.intake.domain.records import Arrival, Format, ReportState, Submission
from fanal.intake.operations.files import describe_file, upload_file
from fanal.intake.operations.follow import NotReachable, answer_desk, ask_reporter
from fanal.intake.operations.lifecycle import expire_reports, finish_report, retract_report
from fanal.intake.operations.receive import receive_reports
from fanal.intake.queries.envelopes import follow, get_reports
from fanal.intake.queries.files import open_submissions
from fanal.intake.queries.work import count_withdrawn, count_work
from fanal.kernel.actors import Actor, Role, public_actor, system_actor
from fanal.kernel.refusal import Refusal
from fanal.kernel.states import TransitionRefused
from fanal.vault.operations.opening import open_batch
from tests.actors import desk_actor
from tests.integration.intake.conftest import NOW

SYSTEM = system_actor("test")
pytestmark = pytest.mark.django_db


@pytest.fixture
def opened(partner: Actor, make_submission: Callable[..., Submission]) -> UUID:
    """An open report of the partner."""
    submission = make_submission(partner.partner_id, arrival=Arrival.WIRE, finish=False)
    [answer] = receive_reports(actor=partner, submissions=[submission], now=NOW)
    assert answer.report_id is not None
    return answer.report_id


def _state(report_id: UUID) -> ReportState:
    return get_reports(actor=SYSTEM, report_ids=[report_id])[report_id].state


class TestFiles:
    def test_are_sealed_with_their_hashes(self, partner: Actor, opened: UUID) -> None:
        content = [b"circle", b"square"]
        facts = upload_file(actor=partner, report_id=opened, name="a.bin", chunks=content, now=NOW)
        assert facts.md5 == hashlib.md5(b"".join(content)).hexdigest()
        assert facts.sha256 == hashlib.sha256(b"".join(content)).hexdigest()
        for document in (b"<a/>", b"<b/>", b"<d/>"):
            describe_file(
                actor=partner, report_id=opened, file_id=facts.file_id, details=document, now=NOW
            )
        [submission] = open_submissions(actor=SYSTEM, report_ids=[opened], now=NOW).values()
        [(stored, details, earlier)] = submission.files
        assert (details, earlier) == (b"<d/>", (b"<a/>", b"<b/>"))
        assert (stored.file_id, stored.name) == (facts.file_id, "a.bin")
        sealed = open_batch(actor=SYSTEM, object_ids=[stored.object_id], now=NOW, purpose="test")
        assert sealed[stored.object_id] == b"circlesquare"

    def test_of_another_partner_are_refused(self, opened: UUID) -> None:
        other = Actor(person_id=uuid4(), roles=frozenset({Role.PARTNER}), partner_id=uuid4())
        with pytest.raises(Refusal, match="NO_REPORT"):
            upload_file(actor=other, report_id=opened, name="a", chunks=[b"x"], now=NOW)

    def test_unknown_files_cannot_be_described(self, partner: Actor, opened: UUID) -> None:
        with pytest.raises(Refusal, match="NO_FILE"):
            describe_file(
                actor=partner, report_id=opened, file_id="0" * 32, details=b"<d/>", now=NOW
            )


class TestMoves:
    def test_finish_queues_once(self, partner: Actor, opened: UUID) -> None:
        assert count_work() == {}
        finish_report(actor=partner, report_id=opened, now=NOW)
        assert count_work() == {"HARMONISE": 1}
        with pytest.raises(TransitionRefused):
            finish_report(actor=partner, report_id=opened, now=NOW)

    def test_retract_withdraws_the_work(self, partner: Actor, opened: UUID) -> None:
        finish_report(actor=partner, report_id=opened, now=NOW)
        retract_report(actor=partner, report_id=opened, now=NOW)
        assert count_work() == {}
        assert _state(opened) is ReportState.RETRACTED

    def test_nobody_moves_another_partners_report(self, opened: UUID) -> None:
        other = Actor(person_id=uuid4(), roles=frozenset({Role.PARTNER}), partner_id=uuid4())
        with pytest.raises(Refused):
            retract_report(actor=other, report_id=opened, now=NOW)
        assert _state(opened) is ReportState.OPEN

    def test_expires_a_day_after_opening(self, opened: UUID) -> None:
        early, late = NOW + timedelta(hours=23, minutes=59), NOW + timedelta(hours=24)
        assert expire_reports(actor=SYSTEM, now=early) == []
        assert expire_reports(actor=SYSTEM, now=late) == [opened]

    def test_a_late_change_gives_another_hour(self, partner: Actor, opened: UUID) -> None:
        change = NOW + timedelta(hours=23, minutes=30)
        upload_file(actor=partner, report_id=opened, name="a", chunks=[b"x"], now=change)
        assert expire_reports(actor=SYSTEM, now=NOW + timedelta(hours=24)) == []
        assert expire_reports(actor=SYSTEM, now=change + timedelta(hours=1)) == [opened]

    def test_what_senders_took_back_or_never_finished_is_counted(
        self, partner: Actor, opened: UUID, make_submission: Callable[..., Submission]
    ) -> None:
        submission = make_submission(partner.partner_id, key="taken back")
        [answer] = receive_reports(actor=partner, submissions=[submission], now=NOW)
        retract_report(actor=partner, report_id=answer.report_id, now=NOW)
        later = NOW + timedelta(hours=24)
        assert expire_reports(actor=SYSTEM, now=later) == [opened]
        found = count_withdrawn(actor=SYSTEM, since=NOW)
        assert (found.retracted, found.expired) == (1, 1)
        found = count_withdrawn(actor=SYSTEM, since=NOW + timedelta(hours=1))
        assert (found.retracted, found.expired) == (0, 1)

    def test_an_open_report_of_the_api_never_expires(
        self, partner: Actor, make_submission: Callable[..., Submission]
    ) -> None:
        submission = make_submission(partner.partner_id, finish=False, key="k")
        [answer] = receive_reports(actor=partner, submissions=[submission], now=NOW)
        later = NOW + timedelta(days=30)
        assert expire_reports(actor=SYSTEM, now=later) == []
        finish_report(actor=partner, report_id=answer.report_id, now=later)
        assert _state(answer.report_id) is ReportState.FINISHED

    def test_an_urgent_report_that_expires_goes_to_a_person(
        self, partner: Actor, make_submission: Callable[..., Submission]
    ) -> None:
        submission = make_submission(
            partner.partner_id, arrival=Arrival.WIRE, finish=False, urgent=True
        )
        receive_reports(actor=partner, submissions=[submission], now=NOW)
        expire_reports(actor=SYSTEM, now=NOW + timedelta(hours=24))
        assert count_work() == {"HARMONISE": 1}


class TestConversation:
    @pytest.fixture
    def analyst(self) -> Actor:
        return desk_actor(person_id=uuid4(), roles={Role.ANALYST}, desks={1}, motive="x")

    def test_goes_both_ways(self, analyst: Actor) -> None:
        submission = Submission(
            arrival=Arrival.FORM, format=Format.FORM, body=b"{}", canonical=b"{}"
        )
        [answer] = receive_reports(actor=public_actor(), submissions=[submission], now=NOW)
        assert answer.report_id is not None
        ask_reporter(actor=analyst, report_id=answer.report_id, text="Quel jeu ?", now=NOW)
        lookup = receipt.lookup_hash(answer.code)
        assert answer_desk(
            actor=public_actor(),
            lookup_hash=lookup,
            text="Le jeu des cubes",
            now=NOW + timedelta(seconds=1),
        )
        followed = follow(actor=public_actor(), lookup_hash=lookup)
        assert followed is not None
        question, reply = followed.messages
        assert question.for_reporter is not None
        assert reply.for_reporter is None
        assert b"Quel jeu" not in question.for_reporter
        words = receipt.open_message(code=answer.code, sealed=question.for_reporter)
        assert words.decode() == "Quel jeu ?"

    def test_needs_a_code_and_a_message(self, analyst: Actor, opened: UUID) -> None:
        with pytest.raises(NotReachable):
            ask_reporter(actor=analyst, report_id=opened, text="Où ?", now=NOW)
        with pytest.raises(Refusal):
            answer_desk(actor=public_actor(), lookup_hash=b"0" * 32, text=" ", now=NOW)
        assert answer_desk(actor=public_actor(), lookup_hash=b"0" * 32, text="ici", now=NOW) is None
