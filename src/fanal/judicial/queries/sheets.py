"""Intelligence sheets with their facts, words and steps."""

from collections.abc import Iterable
from uuid import UUID

import msgspec
from django.db.models import QuerySet

from fanal.accounts.domain.policy import Resource, allows, reach
from fanal.judicial.domain.sheets import Sheet, SheetFacts, SheetFile, SheetState
from fanal.judicial.models import SheetWords, StoredSheet
from fanal.kernel.actors import Actor


def list_sheets(
    *, actor: Actor, states: Iterable[SheetState] = (), limit: int = 100
) -> tuple[Sheet, ...]:
    """Return the sheets within the actor's reach, newest first; all states when none is named."""
    rows = _reachable(actor, "referral.read")
    if wanted := list(states):
        rows = rows.filter(state__in=wanted)
    return tuple(row.record() for row in rows.order_by("-id")[:limit])


def sheets_on(*, actor: Actor, payer: UUID) -> tuple[Sheet, ...]:
    """Return that there are sheets on a payer, to whoever reads reports of their desk: no content."""
    rows = _reachable(actor, "report.read").filter(payer=payer)
    return tuple(row.record() for row in rows.order_by("id"))


def get_sheet(*, actor: Actor, sheet_id: UUID) -> SheetFile | None:
    """Return a sheet with its facts and steps; None when it is out of reach.

    Once its words have expired, facts are None and the summary empty.
    """
    row = StoredSheet.objects.filter(id=sheet_id).first()
    if row is None or not allows(actor, "referral.read", Resource(desk_id=row.desk_id)).allowed:
        return None
    words = SheetWords.objects.filter(sheet_id=row.id).first()
    return SheetFile(
        sheet=row.record(),
        facts=msgspec.json.decode(bytes(words.facts), type=SheetFacts) if words else None,
        summary=words.summary if words else "",
        steps=tuple(step.record() for step in row.steps.order_by("db_at")),
    )


def _reachable(actor: Actor, action: str) -> QuerySet[StoredSheet]:
    bounds = reach(actor, action)
    rows = StoredSheet.objects.all()
    return rows if bounds.everywhere else rows.filter(desk_id__in=bounds.desk_ids)
