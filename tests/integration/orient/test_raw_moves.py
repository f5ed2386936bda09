"""Cases and alarms in raw SQL, as the desk's role: no claim, withdrawal or answer without its entry in the ledger."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import errors
from psycopg.types.json import Jsonb

from fanal.intake.domain.records import Arrival, Format, Submission
from fanal.intake.operations.lifecycle import retract_report
from fanal.intake.operations.receive import receive_reports
from fanal.kernel.actors import Actor, Role
from fanal.orient import queries
from fanal.orient.alarms.operations.alarms import acknowledge_alarm
from fanal.orient.alarms.queries import alarms_of
from fanal.orient.domain.records import Choice, Track
from fanal.orient.domain.states import CaseState
from fanal.orient.operations.batch import orient_batch
from fanal.orient.operations.decisions import close_case, decide
from fanal.orient.queue.operations import claim_case, release_case, renew_claim, withdraw_case
from tests.integration.orient.people import WORKER, person
from tests.unit.orient.items import item

pytestmark = pytest.mark.django_db(transaction=True)
Session = psycopg.Connection[tuple[object, ...]]
WITHDRAW = "SELECT orient_withdraw(%s, NULL)"
ANSWER = (
    "UPDATE orient_alarm SET acknowledged_at = now(), acknowledged_by = %s WHERE report_id = %s"
)
CLAIM = (
    "UPDATE orient_case SET state = 'CLAIMED', claimed_by = %s, lease_until = now() + %s::interval,"
    " claim_token = claim_token + 1 WHERE report_id = %s"
)


@pytest.fixture
def app(as_role: Callable[[str], Session]) -> Session:
    """The desk's role, which row rights hide nothing from."""
    session = as_role("app")
    session.execute("SET fanal.scope = 'ALL'")
    return session


@pytest.fixture
def sender() -> Actor:
    partner = item().sender_id
    return Actor(person_id=uuid4(), roles=frozenset({Role.PARTNER}), partner_id=partner)


@pytest.fixture
def ringing(sender: Actor) -> UUID:
    """A report of a child in danger that waits at the desk."""
    now = datetime.now(UTC)
    body = b'{"reference":"r","kind":"OTHER"}'
    submission = Submission(
        arrival=Arrival.API, format=Format.REPORT, body=body, canonical=body,
        sender_id=sender.partner_id, reference="r",
    )  # fmt: skip
    [answer] = receive_reports(actor=sender, submissions=[submission], now=now)
    assert answer.report_id is not None
    waiting = item(
        score=99, level="DANGER", floor="CHILD_IN_DANGER", report_id=answer.report_id, at=now
    )
    orient_batch(actor=WORKER, items=[waiting], now=now)
    return answer.report_id


def _state(report_id: UUID) -> CaseState:
    case = queries.get_case(actor=WORKER, report_id=report_id)
    assert case is not None
    return CaseState(case.state)


def _answered_by(report_id: UUID) -> UUID | None:
    [alarm] = alarms_of(actor=WORKER, report_id=report_id)
    return alarm.acknowledged_by


def test_no_case_is_withdrawn_while_its_report_stands(app: Session, ringing: UUID) -> None:
    with pytest.raises(errors.CheckViolation, match="with its report"):
        app.execute(WITHDRAW, [ringing])
    with pytest.raises(Exception, match="with its report"):
        withdraw_case(actor=WORKER, report_id=ringing, now=datetime.now(UTC))
    assert _state(ringing) is CaseState.TO_ASSESS


def test_no_case_is_withdrawn_without_its_entry(app: Session, ringing: UUID, sender: Actor) -> None:
    now = datetime.now(UTC)
    retract_report(actor=sender, report_id=ringing, now=now)
    with pytest.raises(errors.CheckViolation, match="with its entry"):
        app.execute(WITHDRAW, [ringing])
    assert _state(ringing) is CaseState.TO_ASSESS
    assert withdraw_case(actor=sender, report_id=ringing, now=now)
    assert _state(ringing) is CaseState.WITHDRAWN


def test_no_alarm_is_answered_without_an_entry_of_whoever_answers(
    app: Session, ringing: UUID
) -> None:
    ana = person(Role.ANALYST)
    with pytest.raises(errors.CheckViolation, match="answered with an entry"):
        app.execute(ANSWER, [ana.person_id, ringing])
    assert _answered_by(ringing) is None
    [alarm] = alarms_of(actor=WORKER, report_id=ringing)
    now = datetime.now(UTC)
    assert acknowledge_alarm(actor=ana, alarm_id=alarm.id, now=now)
    for later in (
        "acknowledged_by = gen_random_uuid()",
        "acknowledged_at = acknowledged_at + interval '1 minute'",
        "acknowledged_at = NULL, acknowledged_by = NULL",
    ):
        with pytest.raises(errors.CheckViolation, match="first answer"):
            app.execute(f"UPDATE orient_alarm SET {later}")
    assert _answered_by(ringing) == ana.person_id


def test_no_alarm_is_answered_before_it_rang(app: Session, ringing: UUID) -> None:
    ana = person(Role.ANALYST)
    with pytest.raises(errors.CheckViolation, match="nobody answers what has not come"):
        app.execute(
            "UPDATE orient_alarm SET acknowledged_at = '2001-01-01', acknowledged_by = %s"
            " WHERE report_id = %s",
            [ana.person_id, ringing],
        )


def test_no_answer_is_read_before_it_came(
    app: Session, as_role: Callable[[str], Session], ringing: UUID
) -> None:
    as_role("owner").execute(
        "INSERT INTO orient_answer (message_id, report_id, desk_id, came_at)"
        " VALUES (gen_random_uuid(), %s, 1, now())",
        [ringing],
    )
    with pytest.raises(errors.CheckViolation, match="nobody answers what has not come"):
        app.execute(
            "UPDATE orient_answer SET read_at = now() - interval '1 hour', read_by = %s"
            " WHERE report_id = %s",
            [uuid4(), ringing],
        )


def test_no_alarm_comes_answered(app: Session, ringing: UUID) -> None:
    with pytest.raises(errors.CheckViolation, match="answered with an entry"):
        app.execute(
            "INSERT INTO orient_alarm (id, report_id, desk_id, code, raised_at, acknowledged_at,"
            " acknowledged_by) VALUES (%s, %s, 1, 'CHILD_IN_DANGER', now(), now(), %s)",
            [uuid4(), uuid4(), uuid4()],
        )


@pytest.mark.parametrize(
    "change",
    [
        "raised_at = now() - interval '1 year'",
        "escalated_at = now()",
        "recorded_at = now()",
        "desk_id = 2",
        "report_id = gen_random_uuid()",
        "code = 'DANGER_WRITTEN'",
        "id = gen_random_uuid()",
    ],
)
def test_the_desk_changes_nothing_else_of_an_alarm(
    app: Session, ringing: UUID, change: str
) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        app.execute(f"UPDATE orient_alarm SET {change} WHERE report_id = %s", [ringing])


def test_nobody_claims_in_the_name_of_another(app: Session, ringing: UUID) -> None:
    """Neither a case that waits nor one that somebody holds."""
    ana = person(Role.ANALYST)
    with pytest.raises(errors.CheckViolation, match="entry of its holder"):
        app.execute(CLAIM, [ana.person_id, "15 minutes", ringing])
    claim_case(actor=ana, report_id=ringing, now=datetime.now(UTC))
    for change in ("claimed_by = gen_random_uuid()", "claim_token = claim_token + 1"):
        with pytest.raises(errors.CheckViolation, match="entry of its holder"), app.transaction():
            app.execute(f"UPDATE orient_case SET {change} WHERE report_id = %s", [ringing])
    case = queries.get_case(actor=WORKER, report_id=ringing)
    assert case is not None
    assert case.claimed_by == ana.person_id


def test_nobody_holds_a_case_for_a_year(app: Session, ringing: UUID) -> None:
    ana, now = person(Role.ANALYST), datetime.now(UTC)
    claim = claim_case(actor=ana, report_id=ringing, now=now)
    with pytest.raises(errors.CheckViolation, match="so long"):
        app.execute("UPDATE orient_case SET lease_until = now() + interval '1 year'")
    later = now + timedelta(minutes=1)
    assert renew_claim(actor=ana, report_id=ringing, claim_token=claim.token, now=later)


@pytest.mark.parametrize("state", ["DECIDED", "TO_SECOND", "CLOSED", "HANDED_OVER"])
def test_no_case_leaves_the_queue_without_its_entry(
    app: Session, ringing: UUID, state: str
) -> None:
    """A danger report that nobody read would wait for nobody."""
    ana, now = person(Role.ANALYST), datetime.now(UTC)
    claim_case(actor=ana, report_id=ringing, now=now)
    with pytest.raises(errors.CheckViolation):
        app.execute(
            "UPDATE orient_case SET state = %s, decided_at = now(), claimed_by = NULL, lease_until = NULL"
            " WHERE report_id = %s",
            [state, ringing],
        )
    assert _state(ringing) is CaseState.CLAIMED


def test_what_was_decided_is_reopened_and_closed_with_its_entry(
    app: Session, ringing: UUID
) -> None:
    ana, now = person(Role.ANALYST), datetime.now(UTC)
    claim = claim_case(actor=ana, report_id=ringing, now=now)
    choice = Choice(tracks=(Track.NONE,), bases=(), reason="nothing of ours")
    decide(actor=ana, report_id=ringing, choice=choice, claim_token=claim.token, now=now)
    for state in ("TO_ASSESS", "CLOSED"):
        with pytest.raises(errors.CheckViolation, match="entry in the ledger"):
            app.execute("UPDATE orient_case SET state = %s WHERE report_id = %s", [state, ringing])
    close_case(actor=ana, report_id=ringing, now=now)
    with pytest.raises(errors.CheckViolation, match="no case moves"):
        app.execute("UPDATE orient_case SET state = 'TO_ASSESS' WHERE report_id = %s", [ringing])


@pytest.mark.parametrize(
    "change",
    [
        "report_id = gen_random_uuid()",
        "desk_id = 2",
        "sender_id = gen_random_uuid()",
        "received_at = now() - interval '9 years'",
        "is_test = true",
    ],
)
def test_a_case_keeps_its_report_and_its_desk(app: Session, ringing: UUID, change: str) -> None:
    with pytest.raises(errors.RestrictViolation):
        app.execute(f"UPDATE orient_case SET {change} WHERE report_id = %s", [ringing])


def test_no_case_comes_in_anybodys_hands(app: Session, ringing: UUID) -> None:
    with pytest.raises(errors.CheckViolation, match="comes to the queue"):
        app.execute(
            "INSERT INTO orient_case SELECT (jsonb_populate_record(c, %s)).* FROM orient_case c",
            [
                Jsonb(
                    {
                        "report_id": str(uuid4()),
                        "state": "CLAIMED",
                        "claimed_by": str(uuid4()),
                        "lease_until": datetime.now(UTC).isoformat(),
                    }
                )
            ],
        )


def test_a_decision_is_of_whoever_holds_the_case(app: Session, ringing: UUID) -> None:
    ana, now = person(Role.ANALYST), datetime.now(UTC)
    forged = (
        "INSERT INTO orient_decision (id, report_id, desk_id, tracks, body, proposal_revision, rule_version,"
        " author_id, claim_token, decided_at, digest) VALUES (gen_random_uuid(), %s, %s, '{NONE}', '[]', 1,"
        " 'x', %s, %s, %s, sha256('x'))"
    )
    with pytest.raises(errors.CheckViolation, match="holds the case"):
        app.execute(forged, [ringing, 1, ana.person_id, 1, now])
    claim = claim_case(actor=ana, report_id=ringing, now=now)
    for author, desk, token in ((uuid4(), 1, claim.token), (ana.person_id, 2, claim.token),
                                (ana.person_id, 1, claim.token + 1)):  # fmt: skip
        with pytest.raises(errors.CheckViolation, match="holds the case"):
            app.execute(forged, [ringing, desk, author, token, now])


def test_nobody_lets_go_of_a_case_without_an_entry(app: Session, ringing: UUID) -> None:
    ana, now = person(Role.ANALYST), datetime.now(UTC)
    claim = claim_case(actor=ana, report_id=ringing, now=now)
    with pytest.raises(errors.CheckViolation, match="entry in the ledger"):
        app.execute(
            "UPDATE orient_case SET state = 'TO_ASSESS', claimed_by = NULL, lease_until = NULL"
            " WHERE report_id = %s",
            [ringing],
        )
    assert release_case(actor=ana, report_id=ringing, claim_token=claim.token, now=now)
