"""A desk that holds identifiers, and a counterpart played by the slow peer."""

from datetime import datetime
from uuid import UUID

import msgspec
from django.db import connection

from fanal.accounts.domain.instructions import InstructionKind
from fanal.deconfliction import queries
from fanal.deconfliction.domain.records import Counterpart, NewCounterpart
from fanal.deconfliction.operations.counterparts import add_counterpart
from fanal.deconfliction.operations.identity import ensure_identity
from fanal.formats.report.read import canonical_bytes, read_report
from fanal.intake.domain.records import Arrival, Format, Submission
from fanal.intake.operations.receive import receive_reports
from fanal.kernel import clock
from fanal.kernel.actors import system_actor
from fanal.worker.stages import StageLoop
from tests.deconfliction_peer import Peer
from tests.integration.exchange.sharing import instruct

SYSTEM = system_actor("test")
SENDER = UUID(int=77)


def receive(reference: str, *, desk: int = 1, test: bool = False, **fields: object) -> UUID:
    """Receive a report and carry it through the stages."""
    body = msgspec.json.encode({"reference": reference, "kind": "GROOMING"} | fields)
    [answer] = receive_reports(
        actor=SYSTEM,
        submissions=[
            Submission(
                arrival=Arrival.API,
                format=Format.REPORT,
                body=body,
                canonical=canonical_bytes(read_report(body)),
                sender_id=SENDER,
                desk_id=desk,
                reference=reference,
                is_test=test,
            )
        ],
        now=clock.now(),
    )
    assert answer.report_id is not None
    loop = StageLoop(actor=SYSTEM, clock=clock.now)
    while loop.run_once():
        pass
    return answer.report_id


def holding(reference: str, *emails: str, role: str = "SUSPECT", **more: object) -> UUID:
    """Receive a report whose person has these addresses."""
    persons = [{"role": role, "emails": list(emails)}]
    return receive(reference, persons=persons, **more)


def peer(*held: str, kind: str = "EMAIL", now: datetime | None = None) -> Peer:
    """Return the other desk, which holds these addresses."""
    public = ensure_identity(actor=SYSTEM, now=clock.now())
    return Peer(
        name="South desk",
        fanal_name="North desk",
        fanal_key=public,
        held=[(kind, value) for value in held],
        now=now or clock.now().replace(microsecond=0),
    )


def register(other: Peer, *, another: bool = False, **more: object) -> Counterpart:
    """Register the other desk here, and instruct rounds with it."""
    asked = {
        "name": other.name,
        "our_name": other.fanal_name,
        "contact": "Duty officer, +33 1 99 00 00 00",
        "public_key": other.public,
    }
    add_counterpart(
        actor=SYSTEM,
        counterpart=NewCounterpart(**asked | more),  # type: ignore[arg-type]
        another=another,
        now=clock.now(),
    )
    return instructed(other)


def instructed(other: Peer) -> Counterpart:
    """Instruct rounds with the other desk as it is registered now."""
    instruct(InstructionKind.DECONFLICTION, other.name)
    found = queries.find_counterpart(name=other.name)
    assert found is not None
    return found


def rows(statement: str) -> list[tuple[object, ...]]:
    """Return what a statement reads."""
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()
