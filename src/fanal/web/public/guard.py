"""Protection of the public forms: same-origin check, and rate limits that store no IP address.

The public forms use no cookie, so that there is no session to misuse; the sealed draft acts as the CSRF
token, and the browser's headers keep other sites from posting at all.
"""

import hmac
import secrets
from collections import OrderedDict
from datetime import date, datetime, timedelta
from threading import Lock

from django.http import HttpRequest

from fanal.kernel.clock import paris_day
from fanal.kernel.typed import split_address

_MOST_COUNTED = 100_000


def is_same_origin(request: HttpRequest) -> bool:
    """Return whether a form was posted from a page of this host.

    Browsers send `Sec-Fetch-Site`, or at least `Origin`, with every POST. A request with neither is accepted:
    it needs the sealed draft of the report form, or a receipt code, in any case.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None and site not in {"same-origin", "none"}:
        return False
    origin = request.headers.get("Origin")
    if origin is None:
        return True
    parts = split_address(origin)
    return parts is not None and parts.netloc == request.get_host()


class Limit:
    """Rate limit per sender, in memory, under keyed digests of IP addresses; the key changes every day.

    At most `most` requests in the period `within`. Senders inactive for that period are deleted at the next
    request, and a restart clears everything. Each process counts on its own.
    """

    def __init__(self, *, most: int, within: timedelta) -> None:
        self._most, self._within = most, within
        self._day: date | None = None
        self._key = b""
        self._acts: OrderedDict[bytes, list[datetime]] = OrderedDict()
        self._lock = Lock()

    def count(self, request: HttpRequest, now: datetime) -> bool:
        """Count one request of its sender (IP address); return whether the sender is within the limit."""
        with self._lock:
            acts = self._recent(request, now)
            acts.append(now)
            del acts[: -self._most - 1]
            return len(acts) <= self._most

    def is_passed(self, request: HttpRequest, now: datetime) -> bool:
        """Return whether the sender of the request has exceeded the limit, without counting this request."""
        with self._lock:
            return len(self._recent(request, now)) > self._most

    def _recent(self, request: HttpRequest, now: datetime) -> list[datetime]:
        if self._day != paris_day(now):
            self._day, self._key = paris_day(now), secrets.token_bytes(32)
            self._acts.clear()
        sender = hmac.digest(self._key, request.META.get("REMOTE_ADDR", "").encode(), "sha256")
        acts = self._acts.setdefault(sender, [])
        acts[:] = [act for act in acts if now - act < self._within]
        self._acts.move_to_end(sender)
        self._forget(now, keep=sender)
        return acts

    def _forget(self, now: datetime, *, keep: bytes) -> None:
        """Delete counts of senders inactive for the period, and the least recent above the maximum.

        `keep`: the digest of the present sender, who is never deleted.
        """
        while len(self._acts) > 1:
            sender, acts = next(iter(self._acts.items()))
            recent = bool(acts) and now - acts[-1] < self._within
            if sender == keep or (recent and len(self._acts) <= _MOST_COUNTED):
                return
            del self._acts[sender]
