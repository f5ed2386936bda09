"""Dereferencings by the people of the stories: drafted, approved, notified, at instants of the past."""

from datetime import UTC, datetime
from uuid import UUID

from fanal.casework import queries as casework
from fanal.casework.domain.records import Act, ActFile, Addressee, AddresseeKind, Event
from fanal.casework.operations.approvals import approve_act
from fanal.kernel.actors import Actor
from fanal.measures.dereferencing import acts, views
from fanal.measures.dereferencing.kind import DEREFERENCING
from tests.integration.measures.blockings import HOUR, ago, received
from tests.integration.measures.stories import ANALYST, HOST, OFFICER

ENGINE = Addressee(
    kind=AddresseeKind.SEARCH_ENGINE, name="Look Search", contact="legal@look.example"
)
REASONS = "The pages are found by their own words."


def drafted(
    removal_id: UUID, at: datetime, *, actor: Actor = ANALYST, recipient: Addressee = ENGINE
) -> UUID:
    """A draft on a removal request, to one search engine."""
    (act_id,) = acts.open_dereferencings(
        actor=actor, removal_id=removal_id, recipients=[recipient], reasons=REASONS, now=at
    )
    return act_id


def take(
    act_id: UUID,
    transition: str,
    at: datetime,
    *,
    actor: Actor = OFFICER,
    outcome: str = "",
    reason: str = "read again",
    proof: str = "capture 9",
) -> None:
    """Take a step at an instant."""
    event = Event(happened_at=at, proof=proof, reason=reason, outcome=outcome)
    acts.record_dereferencing(
        actor=actor, act_id=act_id, transition=transition, event=event, now=at
    )


def approved(act_id: UUID, at: datetime) -> UUID:
    """Have a draft submitted and approved."""
    take(act_id, "submit", at, actor=ANALYST)
    digest = file_of(act_id).digest
    approve_act(actor=OFFICER, lifecycle=DEREFERENCING, act_id=act_id, digest=digest, now=at)
    return act_id


def notified(days: float, *, host: str = HOST) -> UUID:
    """An act of which its search engine was notified some days ago."""
    at = ago(days)
    removal_id = received(at - HOUR, host)
    act_id = approved(drafted(removal_id, at - HOUR), at - HOUR)
    take(act_id, "notify", at)
    return act_id


def file_of(act_id: UUID, actor: Actor = ANALYST) -> ActFile:
    """The act with its document and steps."""
    found = casework.get_act(actor=actor, lifecycle=DEREFERENCING, act_id=act_id)
    assert found is not None
    return found


def act_of(act_id: UUID) -> Act:
    """The act as it stands."""
    return file_of(act_id).act


def view(act_id: UUID, at: datetime | None = None) -> views.DereferencingView:
    """The act as pages show it."""
    return views.view_of(actor=ANALYST, act=act_of(act_id), now=at or datetime.now(UTC))
