"""Queries on dereferencings: lists with deadlines, those of a removal request, counts."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from fanal import reference
from fanal.casework import queries as casework
from fanal.casework.domain.records import Act
from fanal.kernel.actors import Actor
from fanal.kernel.figures import Counted
from fanal.measures.dereferencing.document import read_dereferencing
from fanal.measures.dereferencing.kind import (
    BEFORE_NOTIFICATION,
    DEREFERENCING,
    LASTS,
    DereferencingState,
)
from fanal.measures.dereferencing.rules import DereferencingFacts, asked_of, due_at, lapses_at
from fanal.measures.models import StoredDereferencing

MOST = 2000
"""Most dereferencings that a list shows."""
_NEWEST = 200
"""Newest acts of a desk in which the last contact of a recipient is looked up."""


class DereferencingView(Struct, frozen=True, kw_only=True):
    """A dereferencing as pages show it.

    `act` is the official act, `facts` are those from which the deadlines follow. `host` (of the addresses)
    and `recipient` (search engine or directory) are empty once they have expired. `removal_id` is the removal
    request on which it rests. `outcome` is the code of the lifting's reason or of the doubt's cause, ""
    without. `due_at` is the deadline of the next step, `late` whether it has passed. `lapses_at`: from when
    it may only be lifted; `lapsed`: that instant has passed. `asked`: who makes the next step, a code of the
    label kind `dereferencing_asked`.
    """

    act: Act
    host: str
    recipient: str
    removal_id: UUID
    outcome: str
    facts: DereferencingFacts
    due_at: datetime | None
    lapses_at: datetime | None
    late: bool
    lapsed: bool
    asked: str

    @property
    def is_open(self) -> bool:
        """Whether it forbids listing the addresses now, or may still come to do so."""
        return self.facts.state in BEFORE_NOTIFICATION | LASTS and not self.lapsed


def view_of(*, actor: Actor, act: Act, now: datetime) -> DereferencingView:
    """Return a dereferencing, already read by the actor as an act, with its facts and deadlines at `now`.

    Raises:
        DelayMissing: the reference data have no delay in force for one of its deadlines.
    """
    del actor  # the act was read by them
    (view,) = _views([act], now=now)
    return view


def list_dereferencings(
    *, actor: Actor, states: Iterable[str] = (), now: datetime, limit: int = MOST
) -> tuple[DereferencingView, ...]:
    """Return at most `limit` dereferencings that the actor may read, the earliest deadline first.

    Without `states`, those in every state are returned. Ended ones come last.

    Raises:
        DelayMissing: the reference data have no delay in force for one of its deadlines.
    """
    found = casework.list_acts(actor=actor, lifecycle=DEREFERENCING, states=states, limit=limit)
    views = _views(found, now=now)
    return tuple(sorted(views, key=lambda view: (view.due_at is None, view.due_at or now)))


def list_resting(
    *, actor: Actor, report_id: UUID, removal_id: UUID, now: datetime
) -> tuple[DereferencingView, ...]:
    """Return the dereferencings based on a removal request that the actor may read, oldest first.

    Raises:
        DelayMissing: the reference data have no delay in force for one of its deadlines.
    """
    found = casework.acts_on(actor=actor, lifecycle=DEREFERENCING, subject_ids=[report_id])
    views = _views(found.get(report_id, ()), now=now)
    return tuple(view for view in views if view.removal_id == removal_id)


def removals_of(act_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """Return, by act id, the id of the removal request on which each of these dereferencings rests.

    Other ids have no key.
    """
    rows = StoredDereferencing.objects.filter(act_id__in=act_ids)
    return dict(rows.values_list("act_id", "removal_id"))


def last_contacts(*, actor: Actor, desk_id: int) -> dict[str, str]:
    """Return the latest contact point of each recipient of a desk's dereferencings, by case-folded name.

    Recipients are search engines and directories; those without a contact have no key. Only the desk's 200
    newest acts count, without those whose documents have expired. {} if the actor may not read them.
    """
    own = casework.list_acts(
        actor=actor, lifecycle=DEREFERENCING, desk_id=desk_id, newest=True, limit=_NEWEST
    )
    contents = casework.contents_of(acts=own)
    contacts: dict[str, str] = {}
    for act in own:
        if (content := contents.get(act.id)) is not None:
            recipient = read_dereferencing(content).dereferencing.addressee
            if recipient.contact:
                contacts.setdefault(recipient.name.casefold(), recipient.contact)
    return contacts


def count_dereferencings(*, actor: Actor, since: datetime, until: datetime) -> list[Counted]:
    """Count the dereferencings created from `since` to `until` (excluded), by day and state.

    The rows are (day, state, "" for the unused second key, number).

    Raises:
        Refused: the actor may not read statistics.
    """
    return casework.count_acts(
        actor=actor, lifecycle=DEREFERENCING, since=since, until=until, by_state=True
    )


def count_waiting(*, actor: Actor) -> dict[str, int]:
    """Count the dereferencings of all desks not yet notified, by state: DRAFT, TO_SECOND, APPROVED.

    Raises:
        Refused: the actor may not read statistics.
    """
    return {
        code: casework.count_in(actor=actor, lifecycle=DEREFERENCING, states=[code])
        for code in ("DRAFT", "TO_SECOND", "APPROVED")
    }


def _views(found: Sequence[Act], *, now: datetime) -> list[DereferencingView]:
    rows = StoredDereferencing.objects.filter(act_id__in=[act.id for act in found])
    stored = {row.act_id: row for row in rows}
    return [_view(act, stored[act.id], now) for act in found]


def _view(act: Act, row: StoredDereferencing, now: datetime) -> DereferencingView:
    catalogue = reference.load()
    facts = DereferencingFacts(
        state=DereferencingState(act.state),
        level=act.level,
        created_at=act.created_at,
        approved_at=row.approved_at,
        notified_at=row.notified_at,
        confirmed_at=row.confirmed_at,
        checked_at=row.checked_at,
        doubted_at=row.doubted_at,
        ended_at=row.ended_at,
        asked_at=row.asked_at,
        unreviewed=row.outcome == "FREED" and row.reviewed_at is None,
    )
    due, lapses = due_at(facts, catalogue=catalogue), lapses_at(facts, catalogue=catalogue)
    late = due is not None and now >= due
    return DereferencingView(
        act=act,
        host=row.host,
        recipient=row.recipient,
        removal_id=row.removal_id,
        outcome=row.outcome,
        facts=facts,
        due_at=due,
        lapses_at=lapses,
        late=late,
        lapsed=lapses is not None and now >= lapses,
        asked=asked_of(facts, late=late),
    )
