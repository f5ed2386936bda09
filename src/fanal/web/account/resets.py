"""Pages on resets of a person's sign-in by two people: list, one reset, its confirmation, its withdrawal."""

from datetime import datetime, timedelta
from http import HTTPStatus
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ObjectDoesNotExist
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from fanal.accounts.domain.policy import Resource, allows, may
from fanal.accounts.domain.records import ResetRecord, ResetState
from fanal.accounts.operations import resets as operations
from fanal.accounts.operations.resets import ResetHalf, password_half
from fanal.accounts.queries import resets as queries
from fanal.accounts.routes import changes_sign_in, needs
from fanal.kernel.actors import Actor
from fanal.kernel.refusal import Refusal
from fanal.web.account.actors import actor_of, now_of
from fanal.web.failures import reason_of
from fanal.web.reading import consult

_SHOWN = timedelta(hours=1)
"""How long after the confirmation each of the two sees their half of the new password."""


@never_cache
@require_GET
@needs("reset.confirm")
def listing(request: HttpRequest) -> HttpResponse:
    """List the resets that await a second person, then those of the last thirty days."""
    found = queries.list_resets(actor=actor_of(request), now=now_of(request))
    consult(request, "person", [one.person_id for one in found], action="account.list")
    context = {
        "open": [one for one in found if one.state is ResetState.OPEN],
        "ended": [one for one in found if one.state is not ResetState.OPEN],
        "may_list": may(actor_of(request), "account.list"),
    }
    return render(request, "account_pages/resets.html", context)


@never_cache
@require_GET
@needs("reset.confirm")
def show(request: HttpRequest, reset_id: UUID) -> HttpResponse:
    """Show one reset of a person's sign-in.

    Each of its two people sees only their own half of the new password.

    Raises:
        Http404: no such reset.
    """
    return _page(request, reset_id)


@require_POST
@needs("reset.confirm")
def confirm(request: HttpRequest, reset_id: UUID) -> HttpResponse:
    """Confirm and carry out a sign-in reset as second person, then redirect to its page; 422 if refused.

    Raises:
        Http404: no such reset.
        Refused: the actor is the proposer or the person.
    """
    try:
        operations.confirm_reset(actor=actor_of(request), reset_id=reset_id, now=now_of(request))
    except ObjectDoesNotExist as missing:
        raise Http404 from missing
    except Refusal as refused:
        return _page(request, reset_id, refused=refused)
    messages.success(request, _("The sign-in is reset, and the person’s sessions have ended."))
    return redirect("account_reset", reset_id)


@require_POST
@needs("reset.confirm")
def withdraw(request: HttpRequest, reset_id: UUID) -> HttpResponse:
    """Withdraw a reset of a person's sign-in, then redirect to the list; 422 if it has ended.

    Raises:
        Http404: no such reset.
    """
    try:
        operations.withdraw_reset(actor=actor_of(request), reset_id=reset_id, now=now_of(request))
    except ObjectDoesNotExist as missing:
        raise Http404 from missing
    except Refusal as refused:
        return _page(request, reset_id, refused=refused)
    messages.success(request, _("The reset is withdrawn: nothing has changed."))
    return redirect("account_resets")


@require_POST
@changes_sign_in
def refuse(request: HttpRequest) -> HttpResponse:
    """Withdraw the open reset of the reader's own sign-in, then redirect to their account page.

    It requires a fresh second factor, if one is set up, so that nobody can refuse a reset in a session left
    open.
    """
    actor, now = actor_of(request), now_of(request)
    found = queries.open_reset_of(person_id=actor.person_id, now=now)
    try:
        if found is None:
            raise Refusal("reset", "NOT_OPEN")
        operations.withdraw_reset(actor=actor, reset_id=found.id, now=now)
    except Refusal as refused:
        messages.error(request, reason_of(refused))
    else:
        messages.success(request, _("The reset is withdrawn: nothing has changed."))
    return redirect("account_home")


def _page(request: HttpRequest, reset_id: UUID, *, refused: Refusal | None = None) -> HttpResponse:
    actor, now = actor_of(request), now_of(request)
    found = queries.get_reset(actor=actor, reset_id=reset_id, now=now)
    if found is None:
        raise Http404
    consult(request, "person", [found.person_id], action="account.read")
    half = _half_of(found, actor, now)
    is_open = found.state is ResetState.OPEN
    context = {
        "reset": found,
        "half": password_half(found.id, half) if half else "",
        "is_first": half is ResetHalf.PROPOSER,
        "is_open": is_open,
        "may_confirm": is_open and _may_confirm(actor, found),
        "may_withdraw": is_open,
        "may_list": may(actor, "account.list"),
        "refused": reason_of(refused),
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if refused else HTTPStatus.OK
    return render(request, "account_pages/reset.html", context, status=status)


def _half_of(found: ResetRecord, actor: Actor, now: datetime) -> ResetHalf | None:
    """Return the half of the new password that the actor may see now, or None."""
    if found.state is ResetState.OPEN:
        return ResetHalf.PROPOSER if actor.person_id == found.proposer_id else None
    if found.state is not ResetState.CONFIRMED or found.ended_at is None:
        return None
    if now - found.ended_at > _SHOWN:
        return None
    halves = {found.proposer_id: ResetHalf.PROPOSER, found.ended_by_id: ResetHalf.CONFIRMER}
    return halves.get(actor.person_id)


def _may_confirm(actor: Actor, found: ResetRecord) -> bool:
    return all(
        allows(actor, "reset.confirm", Resource(owner_id=owner)).allowed
        for owner in (found.person_id, found.proposer_id)
    )
