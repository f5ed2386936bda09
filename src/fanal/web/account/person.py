"""One person's account, for the administrator: details, state, sessions, roles, and acts that change it."""

from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from uuid import UUID

from allauth.mfa.models import Authenticator
from django.contrib import messages
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.models import Session
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from fanal.accounts.domain.policy import Resource, allows
from fanal.accounts.domain.records import AccountRecord, is_person_name
from fanal.accounts.operations import changes as operations
from fanal.accounts.operations.resets import ResetReason, propose_reset
from fanal.accounts.queries.people import habilitations_of, list_accounts, person_names, users_of
from fanal.accounts.queries.resets import open_reset_of
from fanal.accounts.routes import needs
from fanal.kernel.actors import SYSTEM_PERSON
from fanal.kernel.refusal import Refusal
from fanal.kernel.typed import is_mail_address
from fanal.ledger.queries import acts_on_person
from fanal.web.account import lockout
from fanal.web.account.actors import actor_of, now_of
from fanal.web.account.habilitations import line_of
from fanal.web.failures import reason_of
from fanal.web.forms import Parsed, PostedForm, text
from fanal.web.reading import consult

_MOST_SESSIONS = 5000
_ACTS = 20


class _DetailsForm(PostedForm):
    """Form of a person's name and mail address (may be empty), with the state that the page showed."""

    refuses = "account"
    name = Parsed(lambda typed: " ".join(typed.split()))
    email = text()
    seen = Parsed(lambda typed: typed or "-")

    def clean_name(self) -> str:
        """Return the typed name of the person.

        Raises:
            ValidationError: NAME: it is empty, too long, has unprintable characters, or is the mark of an
            erased name.
        """
        name: str = self.cleaned_data["name"]
        if not is_person_name(name):
            raise ValidationError("", code="NAME")
        return name

    def clean_email(self) -> str:
        """Return the typed mail address, or "" if none was typed.

        Raises:
            ValidationError: EMAIL: it is not a valid address.
        """
        email: str = self.cleaned_data["email"]
        if email and not is_mail_address(email):
            raise ValidationError("", code="EMAIL")
        return email


class _ResetForm(PostedForm):
    """Form of a proposed reset: whether the second factors go with the password, and why."""

    refuses = "reset"
    factors = Parsed(bool)
    reason = Parsed({str(one): one for one in ResetReason}.get, "REASON")


@never_cache
@require_GET
@needs("account.list")
def show(request: HttpRequest, person_id: UUID) -> HttpResponse:
    """Show one person's account, their habilitations, open sessions and the latest acts on it.

    Raises:
        Http404: no such account.
    """
    return _page(request, person_id)


@require_POST
@needs("account.manage")
def edit(request: HttpRequest, person_id: UUID) -> HttpResponse:
    """Change a person's name and mail address, then redirect to their page; 422 if refused.

    Raises:
        Http404: no such account.
    """

    def act() -> None:
        typed = _DetailsForm(request).checked().cleaned_data
        operations.edit_account(
            actor=actor_of(request), person_id=person_id, now=now_of(request), **typed
        )

    return _done(request, person_id, act, _("The details are changed, and the person is notified."))


@require_POST
@needs("account.manage")
def unlock(request: HttpRequest, person_id: UUID) -> HttpResponse:
    """Delete the counters of a person's wrong passwords, then redirect to their page.

    Raises:
        Http404: no such account.
    """
    login = _account(request, person_id).login

    def act() -> None:
        operations.record_unlock(actor=actor_of(request), person_id=person_id, now=now_of(request))
        lockout.unlock(login)

    return _done(request, person_id, act, _("The account is unlocked."))


@require_POST
@needs("account.manage")
def end_sessions(request: HttpRequest, person_id: UUID) -> HttpResponse:
    """End every session of the account, even if it has changed since the page was made; redirect to its page.

    Raises:
        Http404: no such account.
    """
    return _done(
        request, person_id, _change(request, person_id, operations.end_sessions_of),
        _("All sessions have ended."),
    )  # fmt: skip


@require_POST
@needs("account.manage")
def close(request: HttpRequest, person_id: UUID) -> HttpResponse:
    """Close a person's account and end its sessions, then redirect to its page; 422 if it is closed.

    Raises:
        Http404: no such account.
        Refused: it is the actor's own.
    """
    return _done(
        request, person_id, _change(request, person_id, operations.close_account),
        _("The account is closed and its sessions have ended."),
    )  # fmt: skip


@require_POST
@needs("account.manage")
def reopen(request: HttpRequest, person_id: UUID) -> HttpResponse:
    """Reopen a closed account, without any role, then redirect to the person's page; 422 if it has changed.

    Raises:
        Http404: no such account.
        Refused: it is the actor's own.
    """
    seen = request.POST.get("seen") or "-"
    return _done(
        request, person_id, _change(request, person_id, operations.reopen_account, seen=seen),
        _("The account is open again, without any role."),
    )  # fmt: skip


@require_POST
@needs("reset.propose")
def propose(request: HttpRequest, person_id: UUID) -> HttpResponse:
    """Propose a reset of the person's sign-in, then redirect to its page; 422 if refused.

    Raises:
        Http404: no such account.
        Refused: it is the actor's own.
    """
    _account(request, person_id)
    try:
        typed = _ResetForm(request).checked().cleaned_data
        reset_id = propose_reset(
            actor=actor_of(request), person_id=person_id, now=now_of(request), **typed
        )
    except Refusal as refused:
        return _page(request, person_id, refused=refused)
    messages.success(request, _("The reset is proposed: a second person confirms it."))
    return redirect("account_reset", reset_id)


def _change(
    request: HttpRequest, person_id: UUID, act: Callable[..., None], **shown: str
) -> Callable[[], None]:
    def run() -> None:
        act(actor=actor_of(request), person_id=person_id, now=now_of(request), **shown)

    return run


def _done(
    request: HttpRequest, person_id: UUID, act: Callable[[], None], words: str
) -> HttpResponse:
    try:
        act()
    except Refusal as refused:
        return _page(request, person_id, refused=refused)
    except ObjectDoesNotExist as missing:
        raise Http404 from missing
    messages.success(request, words)
    return redirect("account_person", person_id)


def _account(request: HttpRequest, person_id: UUID) -> AccountRecord:
    found = list_accounts(actor=actor_of(request), now=now_of(request))
    account = next((one for one in found if one.person_id == person_id), None)
    if account is None:
        raise Http404
    return account


def _page(request: HttpRequest, person_id: UUID, *, refused: Refusal | None = None) -> HttpResponse:
    actor, now = actor_of(request), now_of(request)
    account = _account(request, person_id)
    consult(request, "person", [person_id], action="account.read")
    acts = acts_on_person(actor=actor, person_id=person_id, limit=_ACTS)
    names = person_names(person_ids={act.actor_id for act in acts} - {SYSTEM_PERSON})
    details = _DetailsForm(request).typed if refused and "name" in request.POST else None
    context = {
        "account": account,
        "typed": details or {"name": account.name, "email": account.email},
        "seen": operations.account_state(
            email=account.email,
            name=account.name,
            active=account.active,
            session_epoch=account.session_epoch,
        ),
        "own": person_id == actor.person_id,
        "lines": [
            line_of(one, now=now, actor=actor)
            for one in habilitations_of(actor=actor, person_id=person_id)
        ],
        "sessions": _open_sessions(person_id, now),
        "factors": list(
            Authenticator.objects.filter(user__person_id=person_id)
            .order_by("type")
            .values_list("type", flat=True)
            .distinct()
        ),
        "lock": lockout.locked_logins(now=now).get(account.login),
        "reset": open_reset_of(person_id=person_id, now=now),
        "may_reset": allows(actor, "reset.propose", Resource(owner_id=person_id)).allowed,
        "reasons": list(ResetReason),
        "acts": [(act, names.get(act.actor_id, "")) for act in acts],
        "refused": reason_of(refused),
        "refused_kind": refused.kind if refused else "",
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if refused else HTTPStatus.OK
    return render(request, "account_pages/person.html", context, status=status)


def _open_sessions(person_id: UUID, now: datetime) -> int:
    """Return the number of open sessions of a person, among the newest five thousand of the installation."""
    users = {str(user.pk): user for user in users_of(person_id=person_id)}
    count = 0
    rows = Session.objects.filter(expire_date__gt=now).order_by("-expire_date")
    for row in rows[:_MOST_SESSIONS]:
        data = row.get_decoded()
        user = users.get(str(data.get(SESSION_KEY)))
        if user is not None and user.is_active:
            known = str(data.get(HASH_SESSION_KEY, ""))
            count += constant_time_compare(known, user.get_session_auth_hash())
    return count
