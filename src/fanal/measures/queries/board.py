"""The reading door of measures: the board, a measure with its letter, approvals and steps; oversight."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from django.db.models import Count, QuerySet
from msgspec import Struct

from fanal import reference
from fanal.accounts.domain.policy import Resource, allows, may, reach
from fanal.kernel.actors import Actor
from fanal.measures.domain.clocks import legal_deadline, suspensions_of
from fanal.measures.domain.letters import Letter, read_letter
from fanal.measures.domain.records import (
    Approval,
    Measure,
    Step,
    Verdict,
)
from fanal.measures.domain.states import MeasureState
from fanal.measures.models import Contact, StoredApproval, StoredMeasure, StoredStep
from fanal.orient.domain.clocks import desk_deadline


class MeasureFile(Struct, frozen=True, kw_only=True):
    """Everything that oversight and the second person read of one measure."""

    measure: Measure
    letter: Letter
    approvals: tuple[Approval, ...]
    steps: tuple[Step, ...]


def list_measures(
    *,
    actor: Actor,
    states: Iterable[MeasureState] = (),
    after: UUID | None = None,
    limit: int = 50,
) -> tuple[Measure, ...]:
    """Return the measures within the actor's reach, oldest first; all states when none is named.

    Overseers reach every desk (LCEN 6-1). The page after `after` starts with the next id.
    """
    rows = _reachable(actor)
    if wanted := list(states):
        rows = rows.filter(state__in=wanted)
    if after is not None:
        rows = rows.filter(id__gt=after)
    return _measures(list(rows.order_by("id")[:limit]))


def measures_of(*, actor: Actor, report_ids: Sequence[UUID]) -> dict[UUID, tuple[Measure, ...]]:
    """Return the measures of each report, within the actor's reach."""
    rows = _reachable(actor).filter(report_id__in=report_ids).order_by("report_id", "id")
    found: dict[UUID, tuple[Measure, ...]] = {}
    for measure in _measures(list(rows)):
        found[measure.report_id] = (*found.get(measure.report_id, ()), measure)
    return found


def get_measure(*, actor: Actor, measure_id: UUID) -> MeasureFile | None:
    """Return a measure with its letter, approvals and steps; None when it is out of reach."""
    row = StoredMeasure.objects.filter(id=measure_id).first()
    if row is None or not allows(actor, "measure.read", Resource(desk_id=row.desk_id)).allowed:
        return None
    return MeasureFile(
        measure=_measures([row])[0],
        letter=_letter(row),
        approvals=tuple(
            a.record()
            for a in StoredApproval.objects.filter(measure_id=row.id).order_by("revision")
        ),
        steps=_steps([row.id]).get(row.id, ()),
    )


def _letter(row: StoredMeasure) -> Letter:
    if row.erased_at is not None:
        return Letter(fr="", en="", machine=b"")
    return read_letter(bytes(row.request))


def list_by_ids(*, actor: Actor, measure_ids: Sequence[UUID]) -> dict[UUID, Measure]:
    """Return those of the measures that are within the actor's reach."""
    rows = _reachable(actor).filter(id__in=measure_ids)
    return {measure.id: measure for measure in _measures(list(rows))}


def list_left(*, actor: Actor, limit: int = 50) -> tuple[tuple[Measure, Step], ...]:
    """Return the measures within reach that left without what they rest on, newest first, with that step."""
    steps = StoredStep.objects.filter(ground_gone_at__isnull=False).order_by("-recorded_at")
    within = steps.filter(measure__in=_reachable(actor))[:limit]
    found = {row.measure_id: row.record() for row in within}
    measures = list_by_ids(actor=actor, measure_ids=list(found))
    return tuple((measures[measure_id], step) for measure_id, step in found.items())


def seconded_despite(*, actor: Actor, measure_ids: Sequence[UUID]) -> set[UUID]:
    """Return those of the measures within reach that were seconded while warnings stood."""
    rows = StoredApproval.objects.filter(measure_id__in=measure_ids, verdict=Verdict.APPROVED)
    warned = rows.filter(measure__in=_reachable(actor)).exclude(warnings=[])
    return set(warned.values_list("measure_id", flat=True))


def count_by_state(*, actor: Actor) -> dict[MeasureState, int]:
    """Return how many measures within reach stand in each state; states without any are 0."""
    rows = _reachable(actor).values("state").annotate(n=Count("id")).values_list("state", "n")
    found = dict(rows)
    return {state: found.get(state.value, 0) for state in MeasureState}


def first_contact(*, actor: Actor, host: str) -> datetime | None:
    """Return when a host was informed of procedures and delays, or None (also without any right)."""
    if not may(actor, "measure.read"):
        return None
    return Contact.objects.filter(host=host).values_list("informed_at", flat=True).first()


def _measure(row: StoredMeasure, steps: Iterable[Step]) -> Measure:
    """Return the record of a measure with the clocks that follow from its recorded instants."""
    state = MeasureState(row.state)
    legal = legal_deadline(
        catalogue=reference.load(),
        received_at=row.received_at,
        suspensions=suspensions_of(steps),
    )
    return Measure(
        id=row.id,
        desk_id=row.desk_id,
        report_id=row.report_id,
        decision_id=row.decision_id,
        request=row.asked(),
        digest=bytes(row.digest),
        state=state,
        level=row.level,
        proposer_id=row.proposer_id,
        author_id=row.author_id,
        created_at=row.created_at,
        submitted_at=row.submitted_at,
        approved_at=row.approved_at,
        sent_at=row.sent_at,
        received_at=row.received_at,
        executed_at=row.executed_at,
        due_at=_due(row, state, legal),
        legal_due_at=legal,
        non_disclosure_until=row.non_disclosure_until,
    )


def steps_of(*, actor: Actor, measure_id: UUID) -> tuple[Step, ...]:
    """Return the steps of a measure within the actor's reach, first to last."""
    if not _reachable(actor).filter(id=measure_id).exists():
        return ()
    return _steps([measure_id]).get(measure_id, ())


def _due(row: StoredMeasure, state: MeasureState, legal: datetime | None) -> datetime | None:
    """Return when the next act is due: the desk's delay before sending, the legal one after receipt."""
    catalogue = reference.load()
    match state:
        case MeasureState.DRAFT | MeasureState.TO_SECOND:
            start = row.submitted_at or row.created_at
            return desk_deadline(catalogue=catalogue, stage="SECOND", level=row.level, start=start)
        case MeasureState.APPROVED:
            start = row.approved_at or row.created_at
            return desk_deadline(catalogue=catalogue, stage="SEND", level=row.level, start=start)
        case MeasureState.RECEIVED | MeasureState.EXPIRED:
            return legal
        case _:
            return None


def _reachable(actor: Actor) -> QuerySet[StoredMeasure]:
    bounds = reach(actor, "measure.list")
    rows = StoredMeasure.objects.all()
    return rows if bounds.everywhere else rows.filter(desk_id__in=bounds.desk_ids)


def _measures(rows: Sequence[StoredMeasure]) -> tuple[Measure, ...]:
    steps = _steps([row.id for row in rows])
    return tuple(_measure(row, steps.get(row.id, ())) for row in rows)


def _steps(measure_ids: Sequence[UUID]) -> dict[UUID, tuple[Step, ...]]:
    found: dict[UUID, tuple[Step, ...]] = {}
    for row in StoredStep.objects.filter(measure_id__in=measure_ids).order_by(
        "measure_id", "db_at"
    ):
        found[row.measure_id] = (*found.get(row.measure_id, ()), row.record())
    return found
