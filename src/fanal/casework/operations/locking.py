"""The fixed lock order of an official act's rows (against deadlocks), and the step that changes its state.

First the queue row of the report on whose decision the act rests, as a newer decision locks it; then the act.
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
from fanal.casework.operations.proofs import seal_proof
from fanal.kernel.actors import Actor
from fanal.kernel.ids import new_id
from fanal.kernel.states import TransitionRefused
from fanal.ledger import operations as ledger
from fanal.ledger.domain.records import ObjectRef
from fanal.ledger.operations import keyed_digest
from fanal.orient.operations.decisions import hold_decision

_REPORTS_NAMED = 50
Before = Callable[[records.Act, Event], Event]
"""A check that a kind of act adds before a step, called once the act is locked and all other checks passed.

It raises a refusal, or returns the event to record, completed with a reason or warnings.
"""


class ActUnknown(Exception):
    """No official act of that kind has this id."""


def lock_act(actor: Actor, lifecycle: Lifecycle, act_id: UUID, *, right: str) -> tuple[Act, bool]:
    """Lock an official act until the transaction ends; return (its row, whether its decision is in force).

    `lifecycle` is the kind of act, `right` the policy action required. An act without a decision counts as in
    force.

    Raises:
        ActUnknown: no act of that kind has this id.
        Refused: the actor does not hold `right` at its desk.
    """
    found = Act.objects.filter(id=act_id, kind=lifecycle.kind).first()
    if found is None:
        raise ActUnknown(str(act_id))
    in_force = found.decision_id is None or hold_decision(
        actor=actor, report_id=found.subject_id, decision_id=found.decision_id
    )
    row = Act.objects.select_for_update(no_key=True).get(id=act_id)
    require(actor, right, Resource(desk_id=row.desk_id, owner_id=row.author_id))
    return row, in_force


@contextmanager
def hold_shown(*, actor: Actor, lifecycle: Lifecycle, act_id: UUID, shown: Shown) -> Iterator[None]:
    """Lock an official act for a block, after checking that it is unchanged since its page was made.

    `lifecycle` is the kind of act, `shown` the version that the page displayed. The block runs in one
    transaction (optimistic concurrency check, then a row lock).

    Raises:
        ActUnknown: no act of that kind has this id.
        TransitionRefused: since then it has taken a step, or its document has expired.
        Refused: the actor may not read such acts at its desk.
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
    """Record a step of a locked official act (`row`) with the sealed file of its proof, and its ledger entry.

    `lifecycle` is the kind of act, `transition` the name of the step in it; `event` holds date, reason, proof
    and outcome. A database trigger derives the act's state, addressee, revision and instants from the step.

    Raises:
        TransitionRefused: the act's state allows no such transition.
        OSError: the vault's disk is unavailable.
    """
    objects, facts = objects_of(lifecycle, row), msgspec.structs.asdict(event)
    del facts["file"]
    if event.file is not None:
        columns, sealed = seal_proof(row.id, event.file, now=now)
        objects, facts = [*objects, sealed], facts | columns
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
        **facts | {"warnings": list(event.warnings)},
    )
    requirement = lifecycle.requirements[transition]
    verb = requirement.entry or ("send" if requirement.sends else "step")
    ledger.record(
        actor=actor,
        action=f"{row.kind}.{verb}",
        at=now,
        objects=objects,
        detail={"move": transition, **_noted(lifecycle, row, event)},
        motive=actor.motive or row.kind.upper(),
    )


def _noted(lifecycle: Lifecycle, row: Act, event: Event) -> dict[str, str | int]:
    """Return the details of a step (`event`) of an official act (`row`) for its ledger entry, by name.

    `revision` (if the kind, `lifecycle`, needs an approval), `warnings` (their number, if any), and `left`
    for an act sent around the lapse of its basis: BEFORE_GROUND or AFTER_GROUND.
    """
    noted: dict[str, str | int] = {"revision": row.revision} if lifecycle.approves else {}
    if event.warnings:
        noted["warnings"] = len(event.warnings)
    if event.lapsed_at is not None:
        after = event.happened_at >= event.lapsed_at
        noted["left"] = "AFTER_GROUND" if after else "BEFORE_GROUND"
    return noted


def content_of(row: Act) -> bytes | None:
    """Return the current document of an official act (`row`) as its exact bytes; None once it has expired."""
    written = Document.objects.filter(act_id=row.id, revision=row.revision).first()
    return bytes(written.content) if written else None


def objects_of(lifecycle: Lifecycle, row: Act) -> list[ObjectRef]:
    """Return the objects that a ledger entry on an official act names: its reports, then the act itself.

    At most 50 reports. `row` is the act, `lifecycle` its kind. The act's reference has a keyed digest: of its
    document if acts of this kind need an approval, otherwise of its `basis`.
    """
    content = (content_of(row) or b"") if lifecycle.approves else bytes(row.basis)
    digest = keyed_digest(kind=row.kind, object_id=row.id, content=content)
    reports = [ObjectRef(kind="report", id=report_id) for report_id in row.report_ids]
    return [*reports[:_REPORTS_NAMED], ObjectRef(kind=row.kind, id=row.id, digest=digest)]
