"""A report's state in raw SQL, as the roles of the program: it changes by steps alone, each of them in the ledger."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest
from psycopg import errors

from fanal.intake.domain.records import REPORT_STATES, Arrival, ReportState, Submission
from fanal.intake.operations.lifecycle import expire_reports, retract_report
from fanal.intake.operations.receive import receive_reports
from fanal.intake.queries.envelopes import get_reports
from fanal.kernel.actors import Actor, system_actor
from fanal.kernel.ids import new_id
from tests.server import as_worker

pytestmark = pytest.mark.django_db(transaction=True)
Connect = Callable[[str], psycopg.Connection[tuple[object, ...]]]
SYSTEM = system_actor("test")
MOVE = "SELECT intake_move(%s, %s, %s, %s, now())"


@pytest.fixture
def app(as_role: Connect) -> psycopg.Connection[tuple[object, ...]]:
    """The desk's role, which row rights hide nothing from."""
    session = as_role("app")
    session.execute("SET fanal.scope = 'ALL'")
    return session


@pytest.fixture
def opened(partner: Actor, make_submission: Callable[..., Submission]) -> UUID:
    submission = make_submission(partner.partner_id, arrival=Arrival.WIRE, finish=False)
    now = datetime.now(UTC)
    [answer] = receive_reports(actor=partner, submissions=[submission], now=now)
    assert answer.report_id is not None
    return answer.report_id


def _state(report_id: UUID) -> str:
    return str(get_reports(actor=SYSTEM, report_ids=[report_id])[report_id].state)


@pytest.mark.parametrize("state", [s.value for s in ReportState])
def test_the_desk_writes_no_state(app, opened: UUID, state: str) -> None:
    for change in ("state = %s", "state = %s, changed_at = now()"):
        with pytest.raises(errors.InsufficientPrivilege):
            app.execute(f"UPDATE intake_report SET {change} WHERE id = %s", [state, opened])
    assert _state(opened) == "OPEN"


def test_the_desk_gives_no_report_another_id(app, opened: UUID) -> None:
    with pytest.raises(errors.RestrictViolation):
        app.execute(
            "UPDATE intake_report SET id = %s WHERE id = %s", [new_id(datetime.now(UTC)), opened]
        )


@pytest.mark.parametrize("role", ["app", "worker"])
@pytest.mark.parametrize("state", ["RETRACTED", "EXPIRED"])
def test_no_report_comes_ended(app, as_role: Connect, opened: UUID, role: str, state: str) -> None:
    copy = (
        "INSERT INTO intake_report SELECT (jsonb_populate_record(r, %s)).* FROM intake_report r"
        " WHERE id = %s"
    )
    changed = psycopg.types.json.Jsonb({"id": str(new_id(datetime.now(UTC))), "state": state})
    with pytest.raises(errors.CheckViolation, match="open or finished"):
        (app if role == "app" else as_role(role)).execute(copy, [changed, opened])


@pytest.mark.parametrize("whose", ["sender", None])
@pytest.mark.parametrize("entering", ["FINISHED", "RETRACTED"])
def test_no_move_without_its_entry(
    app, partner: Actor, opened: UUID, entering: str, whose: str | None
) -> None:
    """Through the function that the steps themselves call, in anybody's name."""
    sender = partner.partner_id if whose else None
    with pytest.raises(errors.CheckViolation, match="entry in the ledger"):
        app.execute(MOVE, [opened, sender, "OPEN", entering])
    assert _state(opened) == "OPEN"


def test_retracting_is_written_by_its_partner(opened: UUID, partner: Actor) -> None:
    now = datetime.now(UTC)
    with pytest.raises(Exception, match="entry in the ledger"):
        retract_report(actor=SYSTEM, report_id=opened, now=now)
    assert _state(opened) == "OPEN"
    retract_report(actor=partner, report_id=opened, now=now)
    assert _state(opened) == "RETRACTED"


def test_expiry_is_the_workers(app, opened: UUID, as_role: Connect) -> None:
    with pytest.raises(errors.InsufficientPrivilege, match="moves no report"):
        app.execute(MOVE, [opened, None, "OPEN", "EXPIRED"])
    with pytest.raises(errors.CheckViolation, match="entry in the ledger"):
        as_role("worker").execute(
            "UPDATE intake_report SET state = 'EXPIRED' WHERE id = %s", [opened]
        )
    later = datetime.now(UTC) + timedelta(days=2)
    with as_worker():
        assert expire_reports(actor=SYSTEM, now=later) == [opened]
    assert _state(opened) == "EXPIRED"


def test_the_database_knows_the_moves_of_the_table(as_role: Connect, opened: UUID) -> None:
    """Each pair of states, tried by the owner, who is bound by the triggers alone."""
    owner = as_role("owner")
    allowed = {
        (source, move.target) for move in REPORT_STATES.transitions for source in move.sources
    }
    for before in ReportState:
        for after in ReportState:
            if before is after:
                continue
            with owner.transaction(force_rollback=True):
                owner.execute("ALTER TABLE intake_report DISABLE TRIGGER intake_report_bound")
                owner.execute("ALTER TABLE intake_report DISABLE TRIGGER intake_report_moved")
                owner.execute("UPDATE intake_report SET state = %s", [before])
                owner.execute("ALTER TABLE intake_report ENABLE TRIGGER intake_report_bound")
                refused = False
                try:
                    with owner.transaction():
                        owner.execute("UPDATE intake_report SET state = %s", [after])
                except errors.CheckViolation:
                    refused = True
                assert refused is ((before, after) not in allowed), (before, after)
