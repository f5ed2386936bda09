"""Row filters by reader: only rows of the desks within the reader's reach are counted or shown."""

from typing import TypeVar

from django.db.models import Model, QuerySet

from fanal.accounts.domain.policy import Reach, reach
from fanal.kernel.actors import Actor
from fanal.orient import models

M = TypeVar("M", bound=Model)


def reachable(actor: Actor) -> QuerySet[models.Case]:
    """Return the cases of the desks where the actor may list reports."""
    return bounded(models.Case.objects.all(), reach(actor, "report.list"))


def bounded(rows: QuerySet[M], bounds: Reach) -> QuerySet[M]:
    """Keep the rows of the desks within reach (`bounds`).

    A single desk becomes an equality, as the queue's indexes need.
    """
    if bounds.everywhere:
        return rows
    if len(bounds.desk_ids) == 1:
        return rows.filter(desk_id=next(iter(bounds.desk_ids)))
    return rows.filter(desk_id__in=bounds.desk_ids)
