"""What expiry takes from measures: words of the act and of oversight, host, keys of addresses."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction

from fanal.accounts.domain.policy import require
from fanal.casework import operations as casework
from fanal.db import sql
from fanal.kernel.actors import Actor


def erase_words(*, actor: Actor, measure_ids: Sequence[UUID], now: datetime) -> int:
    """Erase what measures say, and what was said of them in oversight; return how many measures.

    Kind, states, instants, people and the digest of the sent bytes stay. The record of a host's first
    information goes with the last measure on that host. Whether a hold or a date forbids it is the caller's
    question. Erasing twice is harmless.

    Raises:
        Refused: the actor may not run the stages.
    """
    require(actor, "pipeline.run")
    with transaction.atomic():
        erased = casework.erase_words(actor=actor, kind="measure", act_ids=measure_ids, now=now)
        sql.run("SELECT measures_erase_words(%s::uuid[])", [list(measure_ids)])
    return erased
