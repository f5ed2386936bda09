"""Views that people keep of the queue: their own, those of their desks, and what each holds."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from fanal.accounts.domain.policy import reach
from fanal.kernel.actors import Actor
from fanal.kernel.alphabet import alphabetical
from fanal.orient import models
from fanal.orient.domain.records import QueueView, SavedView
from fanal.orient.queries.bounds import bounded
from fanal.orient.queries.queue import COUNT_CAP, count_selections
from fanal.orient.queries.streams import streams_of


def list_saved_views(*, actor: Actor) -> tuple[SavedView, ...]:
    """Return the views that the actor kept, then those shared with their desks, each by name."""
    own = Q(shared=False, person_id=actor.person_id)
    rows = bounded(models.StoredView.objects.all(), reach(actor, "report.list"))
    found = [row.record() for row in rows.filter(own | Q(shared=True))]
    return tuple(sorted(found, key=lambda saved: (saved.shared, alphabetical(saved.name))))


def count_saved_views(
    *, actor: Actor, views: Iterable[SavedView], now: datetime, cap: int = COUNT_CAP
) -> dict[UUID, int]:
    """Return how many cases each view holds, each counted up to `cap`.

    A view of what is decided has no count: it grows for ever and asks for nothing.
    """
    waiting = {
        saved.id: streams_of(actor=actor, view=saved.view, filters=saved.filters, now=now)
        for saved in views
        if saved.view is not QueueView.DECIDED
    }
    return count_selections(waiting, cap=cap)
