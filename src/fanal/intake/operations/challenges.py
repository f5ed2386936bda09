"""Proofs of work are spent once."""

import hashlib
from datetime import datetime

from django.db import connection

from fanal.kernel.actors import Actor


def spend_challenge(*, actor: Actor, challenge: str, expires_at: datetime) -> bool:
    """Return whether `challenge` was unspent, and spend it; the row outlives the challenge itself."""
    del actor  # anybody may deposit
    digest = hashlib.sha256(challenge.encode()).digest()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO intake_spent_challenge (digest, expires_at) VALUES (%s, %s)"
            " ON CONFLICT DO NOTHING",
            [digest, expires_at],
        )
        return bool(cursor.rowcount)
