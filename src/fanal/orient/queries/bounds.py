"""What a reader may see: rows of the desks within reach, of which nothing else is counted or shown."""

from typing import TypeVar

from django.db.models import Model, QuerySet

from fanal.accounts.domain.policy import Reach, reach
from fanal.kernel.actors import Actor
from fanal.orient import models

M = TypeVar("M", bound=Model)


def reachable(actor: Actor) -> QuerySet[models.Case]:
    """Return the cases of the actor's desks."""
    return bounded(models.Case.objects.all(), reach(actor, "report.list"))


def bounded(rows: QuerySet[M], bounds: Reach) -> QuerySet[M]:
    """Keep the rows of the desks within reach; one desk is an equality, which the queue's indexes need."""
    if bounds.everywhere:
        return rows
    if len(bounds.desk_ids) == 1:
        return rows.filter(desk_id=next(iter(bounds.desk_ids)))
    return rows.filter(desk_id__in=bounds.desk_ids)
