"""Pages on accounts, for the administrator: list and opening; see `person` for those of one account."""

import secrets
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from http import HTTPStatus

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_GET, require_http_methods

from fanal.accounts.domain.records import (
    AccountRecord,
    NewAccount,
    ResetState,
    canonical_login,
    is_login,
    is_person_name,
    likeness_key,
)
from fanal.accounts.operations.people import LoginTaken, create_account
from fanal.accounts.queries.people import list_accounts
from fanal.accounts.queries.resets import list_resets
from fanal.accounts.routes import needs
from fanal.kernel.typed import is_mail_address
from fanal.web.account import lockout
from fanal.web.account.actors import actor_of, now_of
from fanal.web.reading import consult

_FIELDS = ("login", "name", "email")
_PAGE = 50


_STATES = ("CLOSED", "LOCKED", "NO_ROLE", "NEVER", "EXPIRING")
EXPIRES_WITHIN = timedelta(days=30)
"""A role that ends within this time is expiring: its holder needs a new one, or nothing more to do."""


@never_cache
@require_GET
@needs("account.list")
def listing(request: HttpRequest) -> HttpResponse:
    """List the accounts of the installation, filtered by text, state and role, a page at a time."""
    actor, now = actor_of(request), now_of(request)
    asked = {name: request.GET.get(name, "") for name in ("q", "state", "role")}
    locked = lockout.locked_logins(now=now)
    everybody = list_accounts(actor=actor, now=now)
    found = [one for one in everybody if _is_asked(one, asked, locked, now)]
    page = Paginator(found, _PAGE).get_page(request.GET.get("page"))
    consult(request, "person", [one.person_id for one in page], action="account.list")
    context = {
        "page": page,
        "total": len(everybody),
        "asked": asked,
        "filtered": any(asked.values()),
        "states": _STATES,
        "roles": sorted({role for one in everybody for role in one.roles}),
        "locked": locked,
        "resets": sum(one.state is ResetState.OPEN for one in list_resets(actor=actor, now=now)),
        "own": actor.person_id,
    }
    return render(request, "account_pages/people.html", context)


def account_states(
    one: AccountRecord, *, locked: Collection[str], now: datetime
) -> dict[str, bool]:
    """Return whether an account is in each state of the filter of the page, by code.

    The codes are CLOSED, and for open accounts LOCKED, NO_ROLE, NEVER (never signed in) and EXPIRING (the
    first of its roles in force ends within thirty days). `locked` holds the logins that wrong passwords have
    locked.
    """
    ends = one.role_ends_at
    return {
        "CLOSED": not one.active,
        "LOCKED": one.active and one.login in locked,
        "NO_ROLE": one.active and not one.roles,
        "NEVER": one.active and one.last_sign_in is None,
        "EXPIRING": one.active and ends is not None and ends < now + EXPIRES_WITHIN,
    }


def _is_asked(
    one: AccountRecord, asked: Mapping[str, str], locked: Collection[str], now: datetime
) -> bool:
    """Return whether an account matches the filters of the page (`asked`: text `q`, `state`, `role`).

    Without a state, closed accounts match only if a text is searched.
    """
    words = likeness_key(asked["q"]).split()
    text = likeness_key(f"{one.name} {one.login} {one.email} {one.organisation}")
    states = account_states(one, locked=locked, now=now)
    in_state = states.get(asked["state"], one.active or bool(words))
    return in_state and (asked["role"] in {"", *one.roles}) and all(w in text for w in words)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@needs("account.manage")
@sensitive_variables("password")
def add(request: HttpRequest) -> HttpResponse:
    """Show the form of a new account (GET), or open the account (POST).

    Its first password is shown once, in this response only. A refused form is shown again (status 422).
    """
    if request.method != "POST":
        return _form(request)
    login = canonical_login(request.POST.get("login", ""))
    name = " ".join(request.POST.get("name", "").split())
    email = request.POST.get("email", "").strip()
    refused = _refusal(login, name, email)
    if refused:
        return _form(request, refused=refused)
    password = secrets.token_urlsafe(18)
    try:
        create_account(
            actor=actor_of(request),
            account=NewAccount(username=login, name=name, email=email, password=password),
            now=now_of(request),
        )
    except LoginTaken:
        return _form(request, refused=_("Another account has this login."))
    return _form(request, issued=(login, password))


def _form(
    request: HttpRequest, *, refused: str = "", issued: tuple[str, str] | None = None
) -> HttpResponse:
    context = {
        "typed": {name: request.POST.get(name, "") if refused else "" for name in _FIELDS},
        "refused": refused,
        "issued": issued,
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if refused else HTTPStatus.OK
    return render(request, "account_pages/account_add.html", context, status=status)


def _refusal(login: str, name: str, email: str) -> str:
    if not is_login(login):
        return _("Give a login of letters and digits, without a space.")
    if not is_person_name(name):
        return _("Give the person’s name.")
    if email and not is_mail_address(email):
        return _("This is not an e-mail address.")
    return ""
