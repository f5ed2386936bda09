"""What expiry takes from saved views: those of people who left."""

from collections.abc import Sequence
from uuid import UUID

from fanal.accounts.domain.policy import require
from fanal.kernel.actors import Actor
from fanal.orient.models import StoredView


def forget_views(*, actor: Actor, person_ids: Sequence[UUID]) -> int:
    """Delete the views that these people saved, shared ones too; return how many.

    Raises:
        Refused: the actor may not run the stages.
    """
    require(actor, "pipeline.run")
    deleted, _ = StoredView.objects.filter(person_id__in=person_ids).delete()
    return int(deleted)
