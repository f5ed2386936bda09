"""Operations on the emergency numbers and the hours of public pages; each is an entry in the ledger."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final

from django.db import transaction

from fanal.accounts.domain.policy import require
from fanal.accounts.domain.public_info import (
    HIDEABLE,
    NUMBERS,
    Hours,
    LineVerdict,
    are_sound,
)
from fanal.db import sql
from fanal.kernel.actors import Actor
from fanal.kernel.ids import new_id
from fanal.kernel.refusal import Refusal
from fanal.ledger import operations as ledger

_LONGEST: Final = 500
_MOST_CLOSED: Final = 60


def check_number(
    *, actor: Actor, number: str, verdict: LineVerdict, source: str, now: datetime
) -> None:
    """Record that a number was compared with an official text (`source`), or is hidden from public pages.

    Raises:
        Refused: the actor may not edit the public pages.
        Refusal: of kind `public`: NUMBER (public pages have no such number); KEPT (the number may not be
            hidden); SOURCE (the source is missing, too long or not printable).
    """
    require(actor, "public.manage")
    if number not in NUMBERS:
        raise Refusal("public", "NUMBER")
    if verdict is LineVerdict.HIDDEN and number not in HIDEABLE:
        raise Refusal("public", "KEPT")
    named = source if verdict is LineVerdict.CHECKED else ""
    if (
        len(source) > _LONGEST
        or not source.isprintable()
        or (verdict is LineVerdict.CHECKED and not source)
    ):
        raise Refusal("public", "SOURCE")
    with transaction.atomic():
        sql.run(
            "INSERT INTO accounts_help_line (id, number, verdict, source, by_id, at)"
            " VALUES (%s, %s, %s, %s, %s, %s)",
            [new_id(now), number, verdict.value, named, actor.person_id, now],
        )
        detail = {"number": number, "verdict": verdict.value}
        ledger.record(actor=actor, action="public.number", at=now, detail=detail)


def set_hours(
    *, actor: Actor, days: Sequence[Hours], closed: Sequence[date], shown: bool, now: datetime
) -> None:
    """Record the hours of the service, its closed days, and whether public pages show them.

    `days` are the hours of seven days from Monday, in minutes since midnight in Europe/Paris, None for a
    closed day. `closed` are dates, in any order; repeated dates count once.

    Raises:
        Refused: the actor may not edit the public pages.
        Refusal: of kind `public`: HOURS (a day does not close after it opens, or no day is open); DAYS
            (too many closed days).
    """
    require(actor, "public.manage")
    if not are_sound(days):
        raise Refusal("public", "HOURS")
    if len(closed) > _MOST_CLOSED:
        raise Refusal("public", "DAYS")
    with transaction.atomic():
        sql.run(
            "INSERT INTO accounts_opening (id, opens, closes, closed, shown, by_id, at)"
            " VALUES (%s, %s::smallint[], %s::smallint[], %s::date[], %s, %s, %s)",
            [new_id(now), [one and one[0] for one in days], [one and one[1] for one in days],
             sorted(set(closed)), shown, actor.person_id, now],
        )  # fmt: skip
        detail: dict[str, str | int] = {
            "shown": int(shown),
            "days": sum(one is not None for one in days),
        }
        ledger.record(actor=actor, action="public.hours", at=now, detail=detail)
