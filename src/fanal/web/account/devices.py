"""Which browsers a person has signed in with before: a signed cookie of theirs, and nothing stored here.

Failures of a known device are counted apart from those of all others (OWASP, device cookies): strangers
who know a login cannot shut its person out. The cookie names no person; it says nothing without this
installation's secret, and signs nobody in.
"""

import secrets
from datetime import timedelta

from django.core import signing
from django.http import HttpRequest, HttpResponse

from fanal.accounts.domain.names import canonical_login
from fanal.accounts.operations import login_digest

COOKIE = "fanal_device"
KEPT = timedelta(days=180)
_SALT = "fanal.web.account.devices"
_PEOPLE = 8
"""Whom one browser is known for at most: whoever signed in last."""


def known_as(request: HttpRequest | None, login: str) -> str:
    """Return the mark of this browser for the account `login`, empty where it never signed in there."""
    return _marks(request).get(login_digest(canonical_login(login)), "")


def remember(request: HttpRequest, answer: HttpResponse, *, login: str) -> None:
    """Let the browser be known for the account that it has just signed in to, second factor included."""
    marks, key = _marks(request), login_digest(canonical_login(login))
    mark = marks.pop(key, "") or secrets.token_urlsafe(12)
    kept = dict([*marks.items(), (key, mark)][-_PEOPLE:])
    answer.set_cookie(
        COOKIE,
        signing.dumps(kept, salt=_SALT),
        max_age=KEPT,
        httponly=True,
        secure=request.is_secure(),
        samesite="Lax",
    )


def _marks(request: HttpRequest | None) -> dict[str, str]:
    text = request.COOKIES.get(COOKIE, "") if request is not None else ""
    try:
        found = signing.loads(text, salt=_SALT, max_age=KEPT)
    except signing.BadSignature:
        return {}
    return {str(key): str(mark) for key, mark in found.items()}
