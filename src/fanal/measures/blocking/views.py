"""Queries on blockings of host names, mirrors too: lists with deadlines, those in force, counts."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from fanal import reference
from fanal.casework import queries as casework
from fanal.casework.domain.lifecycle import Lifecycle
from fanal.casework.domain.records import Act
from fanal.db import sql
from fanal.kernel.actors import Actor
from fanal.kernel.figures import Counted
from fanal.measures import queries as measures
from fanal.measures.blocking.document import Ground
from fanal.measures.blocking.kind import BEFORE_LISTING, BLOCKING, BLOCKS, BlockingState
from fanal.measures.blocking.mirrors.kind import MIRROR
from fanal.measures.blocking.names import covers
from fanal.measures.blocking.rules import BlockingFacts, asked_of, due_at, expiry_of
from fanal.measures.models import StoredBlocking

_BEFORE = frozenset({BlockingState.APPROVED, BlockingState.VOUCHED})
MOST = 2000
"""Most blockings that a list shows."""


class BlockingView(Struct, frozen=True, kw_only=True):
    """A blocking as pages show it.

    `act` is the official act, `facts` are those from which the deadlines follow. `host` is the blocked name,
    empty once expired. `removal_id` is the removal request on which it rests, `ground` the legal ground: both
    None for a mirror, which rests on a court's decision, enforceable from `decision_from`. `outcome` is the
    code of the lifting's reason or of the doubt's cause, "" without. `due_at` is the deadline of the next
    step, `late` whether it has passed; `expires_at` is when the name leaves every list by itself, `lapsed`
    whether it has. `asked`: who makes the next step, a code of the
    label kind `blocking_asked`.
    """

    act: Act
    host: str
    removal_id: UUID | None
    ground: Ground | None
    decision_from: datetime | None
    outcome: str
    facts: BlockingFacts
    due_at: datetime | None
    expires_at: datetime | None
    late: bool
    lapsed: bool
    asked: str

    @property
    def is_open(self) -> bool:
        """Whether it blocks the name now, or may still come to do so."""
        return self.facts.state in BEFORE_LISTING | BLOCKS and not self.lapsed


def view_of(*, actor: Actor, act: Act, now: datetime) -> BlockingView:
    """Return a blocking, already read by the actor as an act, with its facts and deadlines at `now`.

    Raises:
        DelayMissing: the reference data have no delay in force for one of its deadlines.
    """
    (view,) = _views([act], actor=actor, now=now)
    return view


def list_blockings(
    *,
    actor: Actor,
    states: Iterable[str] = (),
    now: datetime,
    limit: int = MOST,
    lifecycle: Lifecycle = BLOCKING,
) -> tuple[BlockingView, ...]:
    """Return at most `limit` blockings that the actor may read, the earliest deadline first.

    Without `states`, blockings in every state are returned. Ended ones come last. `lifecycle` is the kind of
    act, `MIRROR` for mirrors.

    Raises:
        DelayMissing: the reference data have no delay in force for one of its deadlines.
    """
    found = casework.list_acts(actor=actor, lifecycle=lifecycle, states=states, limit=limit)
    views = _views(found, actor=actor, now=now)
    return tuple(sorted(views, key=lambda view: (view.due_at is None, view.due_at or now)))


def list_every(
    *, actor: Actor, states: Iterable[str], now: datetime, limit: int = MOST
) -> tuple[BlockingView, ...]:
    """Return the blockings and mirrors in some states that the actor may read, at most `limit` of each.

    Blockings come before mirrors, each kind with the earliest deadline first and ended ones last.

    Raises:
        DelayMissing: the reference data have no delay in force for one of its deadlines.
    """
    return tuple(
        view
        for kind in (BLOCKING, MIRROR)
        for view in list_blockings(actor=actor, states=states, now=now, limit=limit, lifecycle=kind)
    )


def blockings_on(
    *, actor: Actor, report_id: UUID, now: datetime, lifecycle: Lifecycle = BLOCKING
) -> tuple[BlockingView, ...]:
    """Return the blockings of a kind on a report that the actor may read, oldest first.

    Raises:
        DelayMissing: the reference data have no delay in force for one of its deadlines.
    """
    found = casework.acts_on(actor=actor, lifecycle=lifecycle, subject_ids=[report_id])
    return tuple(_views(found.get(report_id, ()), actor=actor, now=now))


def still_blocked(*, actor: Actor, view: BlockingView, now: datetime) -> tuple[BlockingView, ...]:
    """Return the other blockings in force that block the name of `view`: lifting it then changes nothing.

    Raises:
        DelayMissing: the reference data have no delay in force for one of its deadlines.
    """
    found = list_every(actor=actor, states=BLOCKS, now=now)
    return tuple(
        one
        for one in found
        if one.act.id != view.act.id
        and not one.lapsed
        and view.host
        and covers(one.host, view.host)
    )


def removals_of(act_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """Return, by blocking id, the id of the removal request on which each of these blockings rests.

    Mirrors rest on none.
    """
    rows = StoredBlocking.objects.filter(act_id__in=act_ids).values_list("act_id", "removal_id")
    return {act_id: removal_id for act_id, removal_id in rows if removal_id is not None}


def signed_by(act: Act) -> set[UUID]:
    """Return the ids of the people who drafted a blocking, wrote its current document or approved it."""
    steps = casework.steps_of(act_ids=[act.id]).get(act.id, ())
    approvals = casework.approvals_of(act_ids=[act.id]).get(act.id, ())
    wrote = [one.actor_id for one in steps if one.transition == "amend"][-1:]
    signed = [one.approver_id for one in approvals if one.revision == act.revision]
    return {act.author_id, *wrote, *signed}


def count_mirrors(*, actor: Actor, since: datetime, until: datetime) -> list[Counted]:
    """Count the blockings of mirrors created from `since` to `until` (excluded), as `count_blockings`.

    Raises:
        Refused: the actor may not read statistics.
    """
    return casework.count_acts(
        actor=actor, lifecycle=MIRROR, since=since, until=until, by_state=True
    )


def count_blockings(*, actor: Actor, since: datetime, until: datetime) -> list[Counted]:
    """Count the blockings created from `since` to `until` (excluded), by day and state.

    The rows are (day, state, "" for the unused second key, number).

    Raises:
        Refused: the actor may not read statistics.
    """
    return casework.count_acts(
        actor=actor, lifecycle=BLOCKING, since=since, until=until, by_state=True
    )


def count_waiting(*, actor: Actor) -> dict[str, int]:
    """Count the blockings of all desks not yet listed, by state: DRAFT, TO_SECOND, APPROVED (with VOUCHED).

    Raises:
        Refused: the actor may not read statistics.
    """
    places = {
        "DRAFT": [BlockingState.DRAFT],
        "TO_SECOND": [BlockingState.TO_SECOND],
        "APPROVED": [BlockingState.APPROVED, BlockingState.VOUCHED],
    }
    return {
        code: casework.count_in(actor=actor, lifecycle=BLOCKING, states=states)
        for code, states in places.items()
    }


def _views(found: Sequence[Act], *, actor: Actor, now: datetime) -> list[BlockingView]:
    stored = {
        row.act_id: row for row in StoredBlocking.objects.filter(act_id__in=[a.id for a in found])
    }
    protected = _protected({row.host for row in stored.values()})
    asked = (stored[act.id].removal_id for act in found if act.state in _BEFORE)
    waiting = [removal_id for removal_id in asked if removal_id is not None]
    removals = measures.list_by_ids(actor=actor, measure_ids=waiting)
    views = []
    for act in found:
        row = stored[act.id]
        removal = removals.get(row.removal_id) if row.removal_id else None
        facts = BlockingFacts(
            state=BlockingState(act.state),
            level=act.level,
            protected=row.host in protected,
            created_at=act.created_at,
            removal_due=removal.legal_due_at
            if removal and row.ground == Ground.UNEXECUTED
            else None,
            approved_at=row.approved_at,
            listed_at=row.listed_at,
            checked_at=row.checked_at,
            doubted_at=row.doubted_at,
            ended_at=row.ended_at,
            decision_ends_at=row.decision_ends_at,
        )
        views.append(_view(act, row, facts, now))
    return views


def _view(act: Act, row: StoredBlocking, facts: BlockingFacts, now: datetime) -> BlockingView:
    catalogue = reference.load()
    due, expires = due_at(facts, catalogue=catalogue), expiry_of(facts, catalogue=catalogue)
    late = due is not None and now >= due
    return BlockingView(
        act=act,
        host=row.host,
        removal_id=row.removal_id,
        ground=Ground(row.ground) if row.removal_id else None,
        decision_from=row.decision_from,
        outcome=row.outcome,
        facts=facts,
        due_at=due,
        expires_at=expires,
        late=late,
        lapsed=expires is not None and now >= expires,
        asked=asked_of(facts, late=late),
    )


def _protected(hosts: set[str]) -> set[str]:
    """Return those of `hosts` that need a third person, as PostgreSQL's guard of listings decides."""
    rows = sql.rows(
        "SELECT host FROM unnest(%s::text[]) host WHERE host <> '' AND measures_name_protected(host)",
        [sorted(hosts)],
    )
    return {row[0] for row in rows}
