"""Counters for sign-in, shared by all processes: used one-time codes, failed attempts, lock-outs.

A key is stored as a keyed digest, which reveals nothing without the digest key.
"""

import json
from datetime import datetime

from fanal.accounts.models import Counter
from fanal.db import sql
from fanal.vault import keyring

_PUT = """
    INSERT INTO accounts_counter (digest, value, expires_at) VALUES (%s, %s, %s)
    ON CONFLICT (digest) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at
"""
_ADD = f"{_PUT} WHERE accounts_counter.expires_at <= %s RETURNING 1"


def add_counter(*, key: str, value: object, expires_at: datetime, now: datetime) -> bool:
    """Store `value` (JSON) under `key` unless an unexpired value exists; return whether it was stored.

    Atomic: of several concurrent processes exactly one succeeds.
    """
    return sql.row(_ADD, [_digest(key), json.dumps(value), expires_at, now]) is not None


def set_counter(*, key: str, value: object, expires_at: datetime) -> None:
    """Store `value` (JSON) under `key`, replacing any earlier value."""
    sql.run(_PUT, [_digest(key), json.dumps(value), expires_at])


def get_counter(*, key: str, now: datetime) -> object | None:
    """Return the value under `key`; None when there is none or it has expired."""
    found = Counter.objects.filter(digest=_digest(key), expires_at__gt=now).first()
    return None if found is None else found.value


def drop_counter(*, key: str) -> bool:
    """Delete `key`; return whether it existed."""
    deleted, _ = Counter.objects.filter(digest=_digest(key)).delete()
    return deleted > 0


def forget_counters(*, now: datetime | None) -> int:
    """Delete the expired counters of sign-in limits (all if `now` is None); return their number.

    A counter is a value with an expiry, such as a used one-time code, failed attempts or a lock-out. The
    worker deletes the expired ones, `SharedCounters.clear` all.
    """
    ended = Counter.objects.all() if now is None else Counter.objects.filter(expires_at__lte=now)
    deleted, _ = ended.delete()
    return deleted


def login_digest(login: str) -> str:
    """Return the keyed digest (32 hexadecimal digits) that stands in the ledger for a refused login."""
    return keyring.current().digest("account.login", login.encode()).hex()[:32]


def _digest(key: str) -> bytes:
    return keyring.current().digest("account.counter", key.encode())
