"""Numbers of people whose data reach the end of their retention, and which people these are."""

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import Final

from fanal.accounts.domain.records import ERASED
from fanal.db import sql
from fanal.kernel.actors import PUBLIC_PERSON, SYSTEM_PERSON

LEFT: Final = """
SELECT p.id FROM accounts_person p
WHERE p.created_at < %(before)s AND p.name <> %(erased)s AND NOT p.id = ANY (%(machines)s::uuid[])
  AND NOT EXISTS (
    SELECT FROM accounts_habilitation h LEFT JOIN accounts_revocation r ON r.habilitation_id = h.id
    WHERE h.person_id = p.id AND least(h.valid_until, r.revoked_at) >= %(before)s)
  AND NOT EXISTS (
    SELECT FROM accounts_user u WHERE u.person_id = p.id AND u.last_login >= %(before)s)
  AND NOT EXISTS (
    SELECT FROM accounts_partnercredential c
    WHERE c.person_id = p.id AND (c.revoked_at IS NULL OR c.revoked_at >= %(before)s))
ORDER BY p.id LIMIT %(limit)s
"""
"""SQL query: ids of people without a right or sign-in since `before`, whose identity is not yet erased."""


def left_before(before: datetime, *, limit: int | None) -> dict[str, object]:
    """Return the parameters of `LEFT`, for at most `limit` people without a right or sign-in since `before`.

    `limit` None: all of them.
    """
    machines = [SYSTEM_PERSON, PUBLIC_PERSON]
    return {"before": before, "erased": ERASED, "machines": machines, "limit": limit}


def count_people_due(*, edges: Sequence[datetime]) -> list[int]:
    """Count people by the instant at which their last right ends or they last signed in.

    The first number counts those with an instant before the first of `edges` (ascending), each further number
    those between an edge and the next one, if nothing changes until then. The caller has checked the right to
    read these numbers.
    """
    sums = [len(sql.rows(LEFT, left_before(edge, limit=None))) for edge in edges]
    return [sums[0], *(later - before for before, later in pairwise(sums))]
