"""Which browsers a person has signed in with before: a signed cookie of theirs, and nothing stored here.

Failures of a known device are counted apart from those of all others (OWASP, device cookies): strangers
who know a login cannot shut its person out. The cookie names no person; it says nothing without this
installation's secret, and signs nobody in. A browser is known until the password changes: whoever signed in
with an earlier one, or copied a cookie, is a stranger from then on.
"""

import secrets
from datetime import timedelta

from allauth.account.internal.stagekit import LOGIN_SESSION_KEY, clear_login, unstash_login
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.contrib import messages
from django.contrib.auth.models import AbstractBaseUser
from django.core import signing
from django.http import HttpRequest, HttpResponse, parse_cookie
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.translation import gettext as _

from fanal.accounts import queries
from fanal.accounts.domain.records import canonical_login
from fanal.accounts.operations import login_digest

# A sign-in between its first step and its second factor: it stands while nothing about the account changes.
#
# The library keeps whose sign-in waits, and not what it began with: after a reset of the password, or the
# end of all sessions, whoever stood at the page of the code would go on with what had just been withdrawn.
# The first step therefore leaves the mark that binds a session to password and epoch, and each later one
# compares.

_BEGUN_WITH = "fanal_sign_in"
_SECOND_STEP = "mfa_authenticate"


def begin(request: HttpRequest, user: AbstractBaseUser) -> None:
    """Keep with what the first step of a sign-in has just been passed."""
    request.session[_BEGUN_WITH] = user.get_session_auth_hash()


def holds(request: HttpRequest, user: AbstractBaseUser) -> bool:
    """Return whether password and epoch of the account are still those that the sign-in began with."""
    begun_with = str(request.session.get(_BEGUN_WITH, ""))
    return user.is_active and constant_time_compare(begun_with, user.get_session_auth_hash())


def forget(request: HttpRequest) -> None:
    """Drop the mark of the first step: the sign-in is complete, or over."""
    request.session.pop(_BEGUN_WITH, None)


def end_stale(request: HttpRequest) -> None:
    """End a sign-in that waits for nothing it can be given any more, so that the next one can begin.

    The account was closed or its sessions ended, the password changed, the second factor is gone, or the
    time is over.
    """
    if request.user.is_authenticated or LOGIN_SESSION_KEY not in request.session:
        return
    login = unstash_login(request, peek=True)
    if login and login.user and holds(request, login.user) and _has_factor(login.user):
        return
    clear_login(request)
    forget(request)
    match = request.resolver_match
    if match and match.view_name == _SECOND_STEP:
        tell_over(request)


def tell_over(request: HttpRequest) -> None:
    """Say on the sign-in page why it has to begin again."""
    messages.error(
        request, _("This sign-in has expired, or the account has changed since: begin again.")
    )


def _has_factor(user: AbstractBaseUser) -> bool:
    return bool(is_mfa_enabled(user, [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]))


COOKIE = "fanal_device"
KEPT = timedelta(days=180)
_SALT = "fanal.web.account.devices"
_PEOPLE = 8
"""Whom one browser is known for at most: whoever signed in last."""


def known_as(request: HttpRequest | None, login: str) -> str:
    """Return the mark of this browser for the account `login`, empty where it never signed in there.

    Empty, too, where the password has changed since.
    """
    name = canonical_login(login)
    mark, known_with = _marks(request).get(login_digest(name), ("", ""))
    user = queries.find_user(username=name) if mark else None
    if user is None or not constant_time_compare(known_with, _print_of(user)):
        return ""
    return mark


def remember(request: HttpRequest, answer: HttpResponse, *, user: AbstractBaseUser) -> None:
    """Let the browser be known for the account that is signed in on it, second factor included."""
    login = user.get_username()
    mark = known_as(request, login) or secrets.token_urlsafe(12)
    marks, key = _marks(request), login_digest(canonical_login(login))
    marks.pop(key, None)
    marks[key] = (mark, _print_of(user))
    kept = dict(list(marks.items())[-_PEOPLE:])
    answer.set_cookie(
        COOKIE,
        signing.dumps(kept, salt=_SALT),
        max_age=KEPT,
        httponly=True,
        secure=request.is_secure(),
        samesite="Lax",
    )


def mark_in(cookies: str) -> str:
    """Return a mark of the browser that sends these cookies, by signature alone; empty: it is a stranger.

    Of any account, whether or not its password has changed since: it opens a place to wait in, no account.
    """
    marks = _read(parse_cookie(cookies).get(COOKIE, ""))
    return min((mark for mark, _print in marks.values()), default="")


def _print_of(user: AbstractBaseUser) -> str:
    """Return what changes with the password, and says nothing of it."""
    return salted_hmac(_SALT, user.password, algorithm="sha256").hexdigest()[:32]


def _marks(request: HttpRequest | None) -> dict[str, tuple[str, str]]:
    """Return for each account its mark and the print of the password that was in force."""
    return _read(request.COOKIES.get(COOKIE, "") if request is not None else "")


def _read(text: str) -> dict[str, tuple[str, str]]:
    try:
        found = signing.loads(text, salt=_SALT, max_age=KEPT)
    except signing.BadSignature:
        return {}
    return {str(key): (str(kept[0]), str(kept[1])) for key, kept in found.items() if len(kept) == 2}
