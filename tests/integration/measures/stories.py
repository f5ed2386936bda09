"""A decision that opens measures, and the people of the two tracks."""

from datetime import datetime
from uuid import UUID, uuid4

from fanal.casework.domain.records import Addressee, RecordedDecision
from fanal.casework.operations.deciding import record_decision
from fanal.kernel.actors import Actor, Role
from fanal.measures import queries
from fanal.measures.domain.records import Measure, MeasureState
from fanal.measures.domain.warnings import Asked
from fanal.measures.operations.drafts import approve_measure, submit_measure
from fanal.orient.domain.records import Choice, Track
from fanal.orient.operations.batch import orient_batch
from fanal.orient.queue.operations import claim_case
from tests.integration.orient.people import WORKER, person
from tests.known import known
from tests.unit.orient.items import MATERIAL, NOW, item

ANALYST = person(Role.ANALYST)
OFFICER = person(Role.MEASURES_OFFICER)
OVERSEER = known(Actor(person_id=uuid4(), roles=frozenset({Role.OVERSEER}), motive="oversight"))
HOST = "pictures.example"
ADDRESSEE = Addressee(name="Hosting Ltd", contact="abuse@hosting.example")
RECIPIENT = ADDRESSEE.contact
"""The key of the first contact."""
BOTH = Choice(
    tracks=(Track.JUDICIAL, Track.MEASURES), bases=("CP 227-23", "CP 227-23-1"), reason="read"
)


def decide(
    *,
    author: Actor = ANALYST,
    choice: Choice = BOTH,
    addressee: Addressee | None = ADDRESSEE,
    now: datetime = NOW,
    host: str = HOST,
    **values: object,
) -> RecordedDecision:
    """A report comes in, is claimed and decided."""
    subject = item(level="HIGH", **(MATERIAL | values))
    orient_batch(actor=WORKER, items=[subject], now=now)
    claim = claim_case(actor=author, report_id=subject.report.report_id, now=now)
    return record_decision(
        actor=author,
        report=subject.report,
        choice=choice,
        claim_token=claim.token,
        now=now,
        addressees={host: addressee} if addressee else None,
    )


def warned(measure_id: UUID, actor: Actor = ANALYST) -> dict[str, object]:
    """What a person who read the warnings on a measure sends with the act: which they saw, and why it goes on."""
    found = measure(measure_id, actor)
    asked = Asked(desk_id=found.desk_id, report_id=found.report_id, request=found.request)
    warnings = queries.warnings_on(actor=actor, asked=[asked])[measure_id]
    tokens = {token for one in warnings for token in one.tokens}
    return {"seen": tokens, "reason": "checked again today"} if tokens else {}


def seconded(
    measure_id: UUID, *, author: Actor = ANALYST, officer: Actor = OFFICER, now: datetime = NOW
) -> UUID:
    """The measure is submitted if it waits for that, and approved, whatever warnings stand."""
    if measure(measure_id, author).state is MeasureState.DRAFT:
        submit_measure(actor=author, measure_id=measure_id, now=now, **warned(measure_id, author))
    digest = measure(measure_id, officer).digest
    approve_measure(
        actor=officer, measure_id=measure_id, digest=digest, now=now, **warned(measure_id, officer)
    )
    return measure_id


def measure(measure_id: UUID, actor: Actor = ANALYST) -> Measure:
    """The measure as it stands."""
    found = queries.get_measure(actor=actor, measure_id=measure_id)
    assert found is not None
    return found.measure
