"""Known browsers of a person (device cookies, OWASP) and the state of an unfinished sign-in.

Failed sign-ins of a known browser are counted apart, so that strangers who know a login cannot lock its owner
out. The signed cookie names no person, is useless without the installation's secret, and does not sign anyone
in; nothing is stored on the server. A change of password makes all browsers unknown, so that a stranger with
an earlier password or a copied cookie loses the advantage.
"""

import secrets
from datetime import timedelta

from allauth.account.internal.stagekit import LOGIN_SESSION_KEY, clear_login, unstash_login
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.contrib import messages
from django.contrib.auth import logout as end_session
from django.contrib.auth.models import AbstractBaseUser
from django.core import signing
from django.http import HttpRequest, HttpResponse, parse_cookie
from django.shortcuts import redirect
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.translation import gettext as _

from fanal.accounts.domain.records import canonical_login
from fanal.accounts.operations.people import login_digest
from fanal.accounts.queries.people import find_user

# A sign-in between password and second factor: it stays valid while the account does not change.
#
# The library stores the account of the pending sign-in, not the state of its credentials: after a password
# reset, or the end of all sessions, a person at the code page could still go on. The first step therefore
# stores Django's session hash (of password and session epoch), and each later step compares it.

_BEGUN_WITH = "fanal_sign_in"
_SECOND_STEP = "mfa_authenticate"


def begin(request: HttpRequest, user: AbstractBaseUser) -> None:
    """Store the account's session hash in the session, at the first sign-in step.

    The hash changes with the password and when the account's sessions are ended.
    """
    request.session[_BEGUN_WITH] = user.get_session_auth_hash()


def holds(request: HttpRequest, user: AbstractBaseUser) -> bool:
    """Return whether a sign-in may go on: the account is open and unchanged since the first sign-in step.

    Unchanged means that the session hash, which depends on the password, is the one that `begin` stored.
    """
    begun_with = str(request.session.get(_BEGUN_WITH, ""))
    return user.is_active and constant_time_compare(begun_with, user.get_session_auth_hash())


def forget(request: HttpRequest) -> None:
    """Delete the session hash stored at the first step of a sign-in, which is complete or has ended."""
    request.session.pop(_BEGUN_WITH, None)


def end_stale(request: HttpRequest) -> None:
    """End this browser's pending sign-in if it can no longer succeed, so that a new one can begin.

    It can no longer succeed if the account was closed, its sessions ended, the password changed, the second
    factor was removed, or the time limit has passed.
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
    """Add the message "your sign-in has expired, begin again", which the sign-in page then shows."""
    messages.error(
        request, _("This sign-in has expired, or the account has changed since: start again.")
    )


def end_changed(request: HttpRequest) -> HttpResponse:
    """End the session of an account that has changed meanwhile; return the redirect to the sign-in page."""
    end_session(request)  # before the message, which would go with it
    tell_over(request)
    return redirect("account_login")


def _has_factor(user: AbstractBaseUser) -> bool:
    return bool(is_mfa_enabled(user, [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]))


COOKIE = "fanal_device"
KEPT = timedelta(days=180)
_SALT = "fanal.web.account.devices"
_PEOPLE = 8
"""Maximum number of accounts that one browser is known for: the last to sign in."""


def known_as(request: HttpRequest | None, login: str) -> str:
    """Return this browser's device mark (a random id) for the account `login`, or "" if it is unknown there.

    It is unknown as well once the password has changed, and when there is no request.
    """
    name = canonical_login(login)
    mark, known_with = _marks(request).get(login_digest(name), ("", ""))
    user = find_user(username=name) if mark else None
    if user is None or not constant_time_compare(known_with, _print_of(user)):
        return ""
    return mark


def remember(request: HttpRequest, answer: HttpResponse, *, user: AbstractBaseUser) -> None:
    """Set the device cookie in `answer`, so that this browser is known for the account that just signed in.

    A browser keeps the mark (random id) that it has for an account. Its cookie holds the eight accounts that
    signed in last.
    """
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
    """Return a device mark (random id of a known browser) from a Cookie header, or "" for an unknown browser.

    Only its signature is checked: it may belong to any account, whatever its password. It grants a reserved
    place in the queues of slow requests (`config.gate`), and access to no account.
    """
    marks = _read(parse_cookie(cookies).get(COOKIE, ""))
    return min((mark for mark, _print in marks.values()), default="")


def _print_of(user: AbstractBaseUser) -> str:
    """Return a keyed digest of the stored password hash, which changes with the password."""
    return salted_hmac(_SALT, user.password, algorithm="sha256").hexdigest()[:32]


def _marks(request: HttpRequest | None) -> dict[str, tuple[str, str]]:
    """Return by login digest what the device cookie holds: (device mark, password digest at the time).

    A device mark is the random id of a known browser. Empty without a request or a valid cookie.
    """
    return _read(request.COOKIES.get(COOKIE, "") if request is not None else "")


def _read(text: str) -> dict[str, tuple[str, str]]:
    try:
        found = signing.loads(text, salt=_SALT, max_age=KEPT)
    except signing.BadSignature:
        return {}
    return {str(key): (str(kept[0]), str(kept[1])) for key, kept in found.items() if len(kept) == 2}
