"""The one order in which an act's rows are locked, and the step that moves it.

First the case of the report whose decision the act rests on, as a newer decision takes it; then the act.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID

import msgspec
from django.db import transaction

from fanal.accounts.domain.policy import Resource, require
from fanal.casework.domain import records
from fanal.casework.domain.lifecycle import Lifecycle
from fanal.casework.domain.records import Event, Shown
from fanal.casework.models import Act, Document, Step
from fanal.kernel.actors import Actor
from fanal.kernel.ids import new_id
from fanal.kernel.states import TransitionRefused
from fanal.ledger import operations as ledger
from fanal.ledger.domain.records import ObjectRef
from fanal.ledger.operations import keyed_digest
from fanal.orient import operations as orient

_REPORTS_NAMED = 50
Before = Callable[[records.Act, Event], Event]
"""What a kind does of its own before a step, once the act is locked and nothing else stands in the way.

It refuses, or returns the event as it is recorded (with a reason, with warnings).
"""


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


@contextmanager
def hold_shown(*, actor: Actor, lifecycle: Lifecycle, act_id: UUID, shown: Shown) -> Iterator[None]:
    """Hold an act, while a person acts on it, as the page that they read showed it; one transaction.

    Raises:
        ActUnknown: there is none of that kind.
        TransitionRefused: it has taken a step, or its words have expired, since.
        Refused: the actor reads no such acts at its desk.
    """
    with transaction.atomic():
        row, _ = lock_act(actor, lifecycle, act_id, right=lifecycle.reads)
        written = Document.objects.filter(act_id=row.id, revision=row.revision).first()
        digest = bytes(written.digest) if written else b""
        if Shown(steps=row.steps.count(), digest=digest) != shown:
            raise TransitionRefused(lifecycle.states.name, row.state, "another page")
        yield


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
        recorded_at=now,
        addressee=row.addressee,
        **msgspec.structs.asdict(event) | {"warnings": list(event.warnings)},
    )
    requirement = lifecycle.requirements[transition]
    verb = requirement.entry or ("send" if requirement.sends else "step")
    ledger.record(
        actor=actor,
        action=f"{row.kind}.{verb}",
        at=now,
        objects=objects_of(lifecycle, row),
        detail={"move": transition, **_noted(lifecycle, row, event)},
        motive=actor.motive or row.kind.upper(),
    )


def _noted(lifecycle: Lifecycle, row: Act, event: Event) -> dict[str, str | int]:
    """Return what the ledger says beside a transition: on which bytes, despite how many warnings."""
    noted: dict[str, str | int] = {"revision": row.revision} if lifecycle.approves else {}
    if event.warnings:
        noted["warnings"] = len(event.warnings)
    if event.lapsed_at is not None:
        after = event.happened_at >= event.lapsed_at
        noted["left"] = "AFTER_GROUND" if after else "BEFORE_GROUND"
    return noted


def content_of(row: Act) -> bytes | None:
    """Return the present document of an act; None once it has expired."""
    written = Document.objects.filter(act_id=row.id, revision=row.revision).first()
    return bytes(written.content) if written else None


def objects_of(lifecycle: Lifecycle, row: Act) -> list[ObjectRef]:
    """Return what a ledger entry on an act names: its reports, and the act with a digest.

    The digest is that of the bytes that a second person approves or, where none does, of the act's basis.
    """
    content = (content_of(row) or b"") if lifecycle.approves else bytes(row.basis)
    digest = keyed_digest(kind=row.kind, object_id=row.id, content=content)
    reports = [ObjectRef(kind="report", id=report_id) for report_id in row.report_ids]
    return [*reports[:_REPORTS_NAMED], ObjectRef(kind=row.kind, id=row.id, digest=digest)]
