"""A reporter's answer ranks the report anew: read with its text, kept without its words, calling nobody."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from uuid import UUID, uuid4

import msgspec
import psycopg
import pytest
from django.db import connection, transaction

from fanal import pipeline
from fanal.analyse import queries as analysed
from fanal.analyse.domain.records import Finding
from fanal.intake.domain import receipt
from fanal.intake.domain.records import Arrival, Format, Stage, Submission
from fanal.intake.operations.follow import answer_desk
from fanal.intake.operations.queue import replay_stage
from fanal.intake.operations.receive import receive_reports
from fanal.kernel import clock
from fanal.kernel.actors import Role, public_actor, system_actor
from fanal.orient import queries as oriented
from fanal.orient.alarms.operations.alarms import raise_written
from fanal.orient.alarms.queries import alarms_of
from fanal.orient.answers.operations import take_unweighed
from fanal.orient.domain.records import Case
from fanal.orient.queue.operations import claim_case
from fanal.worker.stages import StageLoop
from tests.integration.orient.people import person

SYSTEM = system_actor("test")
WORDS = "Elle doit rejoindre demain à 15 h devant la piscine un adulte connu sur un jeu."

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.role("worker"),
    pytest.mark.usefixtures("installed_keys"),
]


@pytest.fixture
def code() -> str:
    """The code of a report of the public form that has gone through the stages."""
    body = msgspec.json.encode({"kind": "OTHER", "description": "Je ne sais pas quoi en penser."})
    submission = Submission(
        arrival=Arrival.FORM, format=Format.FORM, body=body, canonical=body, desk_id=1
    )
    [taken] = receive_reports(actor=public_actor(), submissions=[submission], now=clock.now())
    work()
    return taken.code


def work() -> None:
    """Let the stages do what waits."""
    loop = StageLoop(actor=SYSTEM, clock=clock.now)
    while loop.run_once():
        continue


def say(code: str, text: str = WORDS) -> UUID:
    """The reporter writes to the desk; return the id of the report."""
    hashed = receipt.lookup_hash(code)
    message_id = answer_desk(actor=public_actor(), lookup_hash=hashed, text=text, now=clock.now())
    with connection.cursor() as cursor:
        cursor.execute("SELECT report_id FROM intake_message WHERE id = %s", [message_id])
        return UUID(str(cursor.fetchone()[0]))


def case_of(report_id: UUID) -> Case:
    case = oriented.get_case(actor=SYSTEM, report_id=report_id)
    assert case is not None
    return case


def from_answers(report_id: UUID) -> list[Finding]:
    found = analysed.get_analyses(actor=SYSTEM, report_ids=[report_id])[report_id].findings
    return [finding for finding in found if finding.source == "answers"]


def test_the_stages_read_it_once_and_rank_the_report_anew(code: str) -> None:
    report_id = say(code, "Je n'ai rien d'autre.")
    before = case_of(report_id)
    say(code)
    assert pipeline.weigh_answers(now=clock.now()) == 1
    assert pipeline.weigh_answers(now=clock.now()) == 0
    work()
    after = case_of(report_id)
    assert after.score >= max(60, before.score + 20)
    assert {"MEANING_ANSWERED"} <= {finding.because.code for finding in from_answers(report_id)}
    assert pipeline.weigh_answers(now=clock.now()) == 0


def test_no_word_of_it_is_kept_and_nobody_is_called(code: str) -> None:
    report_id = say(code)
    pipeline.weigh_answers(now=clock.now())
    work()
    found = from_answers(report_id)
    assert found
    kept = msgspec.json.encode(found).decode()
    assert not any(word in kept for word in ("rejoindre", "piscine", "adulte", "jeu."))
    assert alarms_of(actor=SYSTEM, report_id=report_id) == ()


def test_whoever_holds_the_report_keeps_it(code: str) -> None:
    report_id, ana = say(code), person(Role.ANALYST)
    claim = claim_case(actor=ana, report_id=report_id, now=clock.now())
    pipeline.weigh_answers(now=clock.now())
    work()
    case = case_of(report_id)
    assert (case.claimed_by, case.claim_token) == (ana.person_id, claim.token)
    assert case.score >= 60


def test_a_report_under_way_is_read_when_it_has_left_the_stages(code: str) -> None:
    report_id = say(code)
    replay_stage(actor=SYSTEM, stage=Stage.CROSSCHECK, report_ids=[report_id], now=clock.now())
    assert pipeline.weigh_answers(now=clock.now()) == 0
    work()
    assert from_answers(report_id) == []
    assert pipeline.weigh_answers(now=clock.now() + timedelta(seconds=1)) == 1
    work()
    assert from_answers(report_id)


def test_answers_that_no_stage_can_take_hold_up_no_other(code: str) -> None:
    """More of them than one run takes, on reports in quarantine or behind a backlog."""
    report_id = say(code)
    busy = [uuid4() for _ in range(1100)]
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO orient_answer (message_id, report_id, desk_id, came_at)"
            " SELECT gen_random_uuid(), r, 1, now() - interval '1 day' FROM unnest(%s::uuid[]) r",
            [busy],
        )

    def idle(waiting: Sequence[UUID]) -> list[UUID]:
        assert len(waiting) == 1101
        return [one for one in waiting if one not in busy]

    with transaction.atomic():
        assert take_unweighed(actor=SYSTEM, idle=idle, most=100) == [report_id]


def test_an_answer_that_cannot_be_opened_leaves_its_report_the_others(
    code: str, as_role: Callable[[str], psycopg.Connection]
) -> None:
    report_id = say(code, "Je n'ai rien d'autre.")
    owner = as_role("owner")
    owner.execute("ALTER TABLE intake_message DISABLE TRIGGER USER")
    owner.execute(
        "UPDATE intake_message SET object_id = gen_random_uuid() WHERE report_id = %s", [report_id]
    )
    owner.execute("ALTER TABLE intake_message ENABLE TRIGGER USER")
    say(code)
    assert pipeline.weigh_answers(now=clock.now()) == 1
    work()
    assert from_answers(report_id)
    assert case_of(report_id).score >= 60


def test_a_danger_ticked_with_an_answer_ranks_like_one_of_the_first_form(code: str) -> None:
    """Its own alarm has rung: the stages raise no other."""
    report_id = say(code, "Maintenant.")
    raise_written(lookup_hash=receipt.lookup_hash(code), now=clock.now())
    assert pipeline.weigh_answers(now=clock.now()) == 1
    work()
    case = case_of(report_id)
    assert (case.score >= 95, case.level) == (True, "DANGER")
    assert [x.code for x in alarms_of(actor=SYSTEM, report_id=report_id)] == ["DANGER_WRITTEN"]
    pipeline.rank_anew(actor=SYSTEM, report_ids=[report_id], now=clock.now())
    assert case_of(report_id).score >= 95
