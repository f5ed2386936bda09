"""Views that people keep of the queue: their own, those of their desks, and what each holds."""

import unicodedata
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db.models import Count, Q

from fanal.accounts.domain.policy import reach
from fanal.kernel.actors import Actor
from fanal.orient import models
from fanal.orient.domain.records import QueueView, SavedView
from fanal.orient.queries.bounds import bounded, reachable
from fanal.orient.queries.queue import WAITING, in_view, narrowed


def list_saved_views(*, actor: Actor) -> tuple[SavedView, ...]:
    """Return the views that the actor kept, then those shared with their desks, each by name."""
    own = Q(shared=False, person_id=actor.person_id)
    rows = bounded(models.StoredView.objects.all(), reach(actor, "report.list"))
    found = [row.record() for row in rows.filter(own | Q(shared=True))]
    return tuple(sorted(found, key=lambda saved: (saved.shared, _alphabetical(saved.name))))


def count_saved_views(
    *, actor: Actor, views: Iterable[SavedView], now: datetime
) -> dict[UUID, int]:
    """Return how many cases each view holds, all counted in one pass over what waits.

    A view of what is decided has no count: it grows for ever and asks for nothing.
    """
    waiting = {str(v.id): v for v in views if v.view is not QueueView.DECIDED}
    if not waiting:
        return {}
    counts = {
        f"n{number}": Count(
            "report_id",
            filter=in_view(saved.view, actor=actor, now=now) & Q(**narrowed(saved.filters)),
        )
        for number, saved in enumerate(waiting.values())
    }
    found = reachable(actor).filter(state__in=WAITING).aggregate(**counts)
    return {v.id: found[f"n{number}"] for number, v in enumerate(waiting.values())}


def _alphabetical(name: str) -> str:
    """Return what sorts names as a dictionary does: without accents and capitals."""
    plain = unicodedata.normalize("NFKD", name).casefold()
    return "".join(c for c in plain if not unicodedata.combining(c)) + f"\0{name}"
