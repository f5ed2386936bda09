"""Erasure of measures at expiry: texts of the act and of oversight, host, keys of addresses."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction

from fanal.accounts.domain.policy import require
from fanal.casework.operations import approvals as casework
from fanal.db import sql
from fanal.kernel.actors import Actor


def erase_words(*, actor: Actor, measure_ids: Sequence[UUID], now: datetime) -> int:
    """Erase the texts of measures and of their oversight; return how many measures had any.

    Kind, states, instants, people and the digest of the sent bytes stay. The first contact with a host is
    erased with the last measure on that host. The caller has already checked retention periods and legal
    holds. The operation is idempotent.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    with transaction.atomic():
        erased = casework.erase_words(actor=actor, kind="measure", act_ids=measure_ids, now=now)
        sql.run("SELECT measures_erase_words(%s::uuid[])", [list(measure_ids)])
    return erased
