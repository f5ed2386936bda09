"""Accounts, for the administrator: list, opening and closing."""

import secrets
from http import HTTPStatus

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from fanal.accounts.domain.records import NewAccount, canonical_login, is_login
from fanal.accounts.operations.people import LoginTaken, close_account, create_account
from fanal.accounts.queries.people import find_user, list_accounts
from fanal.accounts.routes import needs
from fanal.kernel.typed import is_mail_address
from fanal.web.account.actors import actor_of, now_of
from fanal.web.reading import consult

_LONGEST_NAME = 200
_FIELDS = ("login", "name", "email")


@never_cache
@require_GET
@needs("account.list")
def listing(request: HttpRequest) -> HttpResponse:
    """List the accounts of the installation, open ones first."""
    actor = actor_of(request)
    found = list_accounts(actor=actor, now=now_of(request))
    consult(request, "person", [a.person_id for a in found], action="account.list")
    context = {
        "open": [a for a in found if a.active],
        "closed": [a for a in found if not a.active],
        "own": actor.person_id,
    }
    return render(request, "account_pages/people.html", context)


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


@require_POST
@needs("account.manage")
def close(request: HttpRequest) -> HttpResponse:
    """Close the account of the form's `login` and end its sessions, then redirect to the list.

    Administrators cannot close their own account: nothing happens, and a message says so.

    Raises:
        Http404: no open account has this login.
    """
    login = canonical_login(request.POST.get("login", ""))
    found = find_user(username=login) if "\0" not in login else None
    if found is None:
        raise Http404
    if found.person_id == actor_of(request).person_id:
        messages.error(request, _("You cannot close your own account."))
    else:
        close_account(actor=actor_of(request), username=login, now=now_of(request))
        messages.success(request, _("The account is closed and its sessions have ended."))
    return redirect("account_people")


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
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        return _("Give the person’s name.")
    if email and not is_mail_address(email):
        return _("This is not an e-mail address.")
    return ""
