"""The one order in which an act's rows are locked, and the step that moves it.

First the case of the report whose decision the act rests on, as a newer decision takes it; then the act.
"""

from datetime import datetime
from uuid import UUID

from fanal.accounts.domain.policy import Resource, require
from fanal.casework.domain.lifecycle import Lifecycle
from fanal.casework.domain.records import Event
from fanal.casework.models import Act, Step
from fanal.kernel.actors import Actor
from fanal.kernel.ids import new_id
from fanal.ledger import operations as ledger
from fanal.ledger.operations import ObjectRef, keyed_digest
from fanal.orient import operations as orient

_REPORTS_NAMED = 50


class ActUnknown(Exception):
    """No such act of that kind."""


def lock_act(actor: Actor, lifecycle: Lifecycle, act_id: UUID, *, right: str) -> tuple[Act, bool]:
    """Return an act, locked until the transaction ends, and whether its decision is in force.

    Raises:
        ActUnknown: there is none of that kind.
        Refused: the actor does not hold `right` at its desk.
    """
    found = Act.objects.filter(id=act_id, kind=lifecycle.kind).first()
    if found is None:
        raise ActUnknown(str(act_id))
    in_force = found.decision_id is None or orient.hold_decision(
        actor=actor, report_id=found.subject_id, decision_id=found.decision_id
    )
    row = Act.objects.select_for_update(no_key=True).get(id=act_id)
    require(actor, right, Resource(desk_id=row.desk_id, owner_id=row.author_id))
    return row, in_force


def step(
    actor: Actor, lifecycle: Lifecycle, row: Act, transition: str, *, event: Event, now: datetime
) -> None:
    """Record a step of a locked act; PostgreSQL writes state, addressee, revision and instant from it.

    Raises:
        TransitionRefused: the act's state allows no such transition.
    """
    Step.objects.create(
        id=new_id(now),
        act_id=row.id,
        transition=transition,
        source=row.state,
        target=lifecycle.target(row.state, transition),
        revision=row.revision,
        actor_id=actor.person_id,
        happened_at=event.happened_at,
        recorded_at=now,
        addressee=row.addressee,
        outcome=event.outcome,
        proof=event.proof,
    )
    requirement = lifecycle.requirements[transition]
    ledger.record(
        actor=actor,
        action=f"{row.kind}.send" if requirement.sends else f"{row.kind}.step",
        at=now,
        objects=objects_of(row),
        detail={"move": transition},
        motive=actor.motive or row.kind.upper(),
    )


def objects_of(row: Act) -> list[ObjectRef]:
    """Return what a ledger entry on an act names: its reports, and the act with the digest of its basis."""
    digest = keyed_digest(kind=row.kind, object_id=row.id, content=bytes(row.basis))
    reports = [ObjectRef(kind="report", id=report_id) for report_id in row.report_ids]
    return [*reports[:_REPORTS_NAMED], ObjectRef(kind=row.kind, id=row.id, digest=digest)]
