"""Blockings by the people of the stories: drafted, approved, vouched for, listed, at instants of the past."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from fanal.casework import queries as casework
from fanal.casework.domain.records import Act, ActFile, Addressee, Event
from fanal.casework.operations.approvals import approve_act
from fanal.kernel.actors import Actor, Role
from fanal.measures.blocking import acts, views
from fanal.measures.blocking.document import Ground, Mentions
from fanal.measures.blocking.kind import BLOCKING
from fanal.measures.operations import milestones
from tests.integration.measures.stories import (
    ANALYST,
    HOST,
    OFFICER,
    decide,
    seconded,
)
from tests.integration.orient.people import person
from tests.unit.orient.items import url

SUPERVISOR = person(Role.SUPERVISOR)
COLLEAGUE = person(Role.MEASURES_OFFICER)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
REASONS = "The pages are still there."
MENTIONS = Mentions(
    identity="capture 1",
    seat="capture 2",
    phone="capture 3",
    director="capture 4",
    host="capture 5",
)


def ago(days: float) -> datetime:
    """An instant before now: the database dates the steps of blockings itself."""
    return (datetime.now(UTC) - days * DAY).replace(microsecond=0)


def received(at: datetime, host: str = HOST, paths: Sequence[str] = "a") -> UUID:
    """A removal request whose twenty-four hours run from `at`."""
    before = at - 13 * HOUR
    addressee = Addressee(name="Hosting Ltd", contact=f"abuse@{host}")
    addresses = tuple(url(f"https://{host}/{path}", host) for path in paths)
    (removal_id,) = decide(
        now=before, at=before, host=host, addressee=addressee, urls=addresses
    ).opened["measure"]
    seconded(removal_id, now=before)
    told = Event(happened_at=before, proof="mail 11")
    milestones.record_first_contact(
        actor=OFFICER, recipient=addressee.contact, event=told, now=before
    )
    sent = Event(happened_at=at - HOUR / 2, proof="mail 12")
    milestones.record_sent(actor=OFFICER, measure_id=removal_id, event=sent, now=sent.happened_at)
    event = Event(happened_at=at, proof="receipt 12")
    milestones.record_receipt(actor=OFFICER, measure_id=removal_id, event=event, now=at)
    return removal_id


def drafted(
    removal_id: UUID,
    at: datetime,
    *,
    name: str = HOST,
    actor: Actor = ANALYST,
    ground: Ground = Ground.UNEXECUTED,
    mentions: Mentions | None = None,
) -> UUID:
    """A draft on a removal request."""
    return acts.open_blocking(
        actor=actor,
        removal_id=removal_id,
        name=name,
        ground=ground,
        mentions=mentions,
        reasons=REASONS,
        now=at,
    )


def take(
    blocking_id: UUID,
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
    acts.record_blocking(
        actor=actor, blocking_id=blocking_id, transition=transition, event=event, now=at
    )


def approved(blocking_id: UUID, at: datetime) -> UUID:
    """Have a draft submitted and approved."""
    take(blocking_id, "submit", at, actor=ANALYST)
    digest = file_of(blocking_id).digest
    approve_act(actor=OFFICER, lifecycle=BLOCKING, act_id=blocking_id, digest=digest, now=at)
    return blocking_id


def listed(days: float, *, host: str = HOST, name: str = "") -> UUID:
    """A name that was put on the list some days ago, once its host's time had run out."""
    at = ago(days)
    removal_id = received(at - 25 * HOUR, host)
    blocking_id = approved(drafted(removal_id, at - HOUR, name=name or host), at - HOUR)
    take(blocking_id, "list", at)
    return blocking_id


def file_of(blocking_id: UUID, actor: Actor = ANALYST) -> ActFile:
    """The act with its document and steps."""
    found = casework.get_act(actor=actor, lifecycle=BLOCKING, act_id=blocking_id)
    assert found is not None
    return found


def act_of(blocking_id: UUID) -> Act:
    """The act as it stands."""
    return file_of(blocking_id).act


def view(blocking_id: UUID, at: datetime | None = None) -> views.BlockingView:
    """The blocking as pages show it."""
    now = at or datetime.now(UTC)
    return views.view_of(actor=ANALYST, act=act_of(blocking_id), now=now)
