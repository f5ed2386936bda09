"""The filters of the queue as conditions in SQL on the columns of `orient_case`."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from uuid import UUID

from msgspec import Struct

from fanal.kernel.actors import Actor
from fanal.kernel.calendar import end_of_day
from fanal.kernel.ids import lowest_id
from fanal.orient.domain.filters import (
    AGES,
    ME,
    NOBODY,
    NONE,
    PUBLIC,
    RECEIVED,
    Conversation,
)
from fanal.orient.domain.records import QueueFilter

FACETS = ("kind", "channel", "country", "level")
"""Filters whose values lead an index: a view under these alone is read as ranges, in queue order."""
Value = str | int | datetime | UUID | list[str | int | bool]
Condition = tuple[str, tuple[Value, ...]]
_PUBLIC = UUID(int=0)
_GIVEN = "SELECT report_id FROM orient_assignment WHERE ended_at IS NULL"
IN_CHARGE = (
    "SELECT report_id FROM orient_case WHERE state = 'CLAIMED' AND claimed_by = %s"  # noqa: S608 - constants only
    f" UNION ALL {_GIVEN} AND person_id = %s"
)
"""Reports in a person's charge: claimed by them, or given to them (`assignment`)."""


class Narrowed(Struct, frozen=True, kw_only=True):
    """The filters as conditions in SQL, their parameters (`values`), and what decides how they are read.

    `facets`: value by column of those in FACETS. `answered`: only reports with an unread answer of the
    reporter, in none of the `conditions`. `sifted`: there are filters other than the facets and `answered`.
    `holder`: only reports in this person's charge.
    """

    conditions: tuple[str, ...]
    values: tuple[Value, ...]
    facets: dict[str, str]
    answered: bool
    sifted: bool
    holder: UUID | None


def narrowed(filters: QueueFilter, *, actor: Actor, now: datetime) -> Narrowed:
    """Return the conditions of the filters for a reader at `now`, on columns without a table's name."""
    facets = {name: value for name in FACETS if (value := getattr(filters, name))}
    more = list(_conditions(filters, actor, now))
    return Narrowed(
        conditions=(*(f"{name} = %s" for name in facets), *(text for text, _ in more)),
        values=(*facets.values(), *(value for _, values in more for value in values)),
        facets=facets,
        answered=filters.conversation == Conversation.ANSWER,
        sifted=bool(more),
        holder=_person(filters.holder, actor)
        if filters.holder and filters.holder != NOBODY
        else None,
    )


def _conditions(filters: QueueFilter, actor: Actor, now: datetime) -> Iterator[Condition]:
    if filters.departement:
        yield "departement = %s", (filters.departement,)
    if filters.language:
        yield "language = %s", ("" if filters.language == NONE else filters.language,)
    if filters.sender:
        yield "sender_id = %s", (_PUBLIC if filters.sender == PUBLIC else UUID(filters.sender),)
    if filters.age:
        yield (
            ("age IS NULL", ())
            if filters.age == NONE
            else ("age BETWEEN %s AND %s", AGES[filters.age])
        )
    if filters.conversation == Conversation.WITH:
        yield "conversation", ()
    yield from _holder(filters.holder, actor, now)
    yield from _times(filters, now)


def _holder(holder: str | None, actor: Actor, now: datetime) -> Iterator[Condition]:
    if holder == NOBODY:
        yield f"(claimed_by IS NULL OR lease_until <= %s) AND report_id NOT IN ({_GIVEN})", (now,)
    elif holder:
        person = _person(holder, actor)
        yield f"report_id IN ({IN_CHARGE})", (person, person)


def _person(holder: str, actor: Actor) -> UUID:
    return actor.person_id if holder == ME else UUID(holder)


def _times(filters: QueueFilter, now: datetime) -> Iterator[Condition]:
    """Yield bounds of the report's id, which begins with the time of receipt."""
    if filters.received:
        yield "report_id >= %s", (lowest_id(now - RECEIVED[filters.received]),)
    if filters.since:
        yield "report_id >= %s", (lowest_id(_beginning(filters.since)),)
    if filters.until:
        yield "report_id < %s", (lowest_id(end_of_day(filters.until)),)


def _beginning(day: date) -> datetime:
    return end_of_day(day - timedelta(days=1))
