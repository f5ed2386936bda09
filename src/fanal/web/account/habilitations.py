"""Pages on habilitations (roles granted to a named person) at a supervisor's desks.

They list, review, grant, approve and revoke them. A supervisor never manages their own.
"""

from datetime import datetime, timedelta
from functools import partial
from http import HTTPStatus
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language, gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from fanal import reference
from fanal.accounts.domain.policy import POLICY, Resource, allows, may, reach
from fanal.accounts.domain.records import (
    HabilitationRecord,
    NewHabilitation,
    ReviewVerdict,
    RevocationReason,
)
from fanal.accounts.operations import habilitations as operations
from fanal.accounts.queries import people as queries
from fanal.accounts.queries.desks import desk_names
from fanal.accounts.routes import needs
from fanal.kernel.actors import SYSTEM_PERSON, Actor
from fanal.kernel.calendar import paris_day
from fanal.kernel.refusal import Refusal
from fanal.kernel.typed import whole_number
from fanal.web.account.actors import actor_of, now_of
from fanal.web.failures import reason_of
from fanal.web.forms import DatedForm, Parsed, midnight, text
from fanal.web.reading import consult

QUARTER = timedelta(days=92)
"""Interval between reviews of a habilitation."""

_SOON = timedelta(days=30)
_LONGEST_ACT = 200


def _act(typed: str) -> str | None:
    act = " ".join(typed.split())
    return act if act.isprintable() and len(act) <= _LONGEST_ACT else None


class _HabilitationForm(DatedForm):
    """Form of a new grant of a role, for the person with the login; without a login, for the one selected.

    Dates are whole days, the last included. A supervisor's own habilitation is refused (code OWN).
    """

    refuses = "habilitation"
    login = text()
    person_id = Parsed(posted="person")
    role = Parsed({str(role): role for role in operations.AT_A_DESK}.get, "ROLE")
    desk_id = Parsed(partial(whole_number, digits=9), "DESK", posted="desk")
    act_reference = Parsed(_act, "ACT", posted="act")
    valid_from = Parsed(midnight, "DATES", posted="from")
    valid_until = Parsed(partial(midnight, days=1), "DATES", posted="until")

    def clean_person_id(self) -> UUID:
        """Return the id of the person with the login, or of the selected candidate if no login was typed.

        Raises:
            ValidationError: OWN (the actor), PERSON (nobody has the login, or no candidate is selected).
        """
        login, chosen = self.cleaned_data.pop("login"), self.cleaned_data["person_id"]
        actor = actor_of(self.request)
        if login and "\0" not in login:
            found = queries.find_user(username=login)
            person_id = found.person_id if found else None
        else:
            people = (person.person_id for person in queries.list_candidates(actor=actor))
            person_id = next((one for one in people if str(one) == chosen), None)
        if person_id is None or person_id == actor.person_id:
            raise ValidationError("", code="OWN" if person_id else "PERSON")
        return person_id

    def clean_desk_id(self) -> int:
        """Return the id of a desk within the supervisor's reach.

        Raises:
            ValidationError: DESK, any other desk.
        """
        desk_id: int = self.cleaned_data["desk_id"]
        if desk_id not in reach(actor_of(self.request), "habilitation.grant").desk_ids:
            raise ValidationError("", code="DESK")
        return desk_id


@never_cache
@require_GET
@needs("habilitation.review")
def listing(request: HttpRequest) -> HttpResponse:
    """Show the habilitations (grants of roles) of the supervisor's desks, the next to expire first."""
    actor, now = actor_of(request), now_of(request)
    found = queries.list_habilitations(actor=actor)
    consult(request, "person", [h.person_id for h in found], action="account.list")
    lines = [line_of(h, now=now, actor=actor) for h in found]
    context = {
        "lines": [line for line in lines if line["state"] != "ENDED"],
        "ended": [line for line in lines if line["state"] == "ENDED"],
        "to_review": sum(1 for line in lines if line["review_due"]),
    }
    return render(request, "account_pages/habilitations.html", context)


@never_cache
@require_GET
@needs("habilitation.revoke")
def show(request: HttpRequest, habilitation_id: UUID) -> HttpResponse:
    """Show one habilitation: a grant of a role to a person.

    The form to revoke it is included unless it is the supervisor's own or has ended.

    Raises:
        Http404: no such habilitation, or one that the person may not read.
    """
    return _page(request, habilitation_id)


def _looked_up(request: HttpRequest, habilitation_id: UUID) -> Actor:
    """Return the request's actor, if that person may read the habilitation (grant of a role).

    Readable are those at the desks that the actor supervises, and the actor's own at any desk.

    Raises:
        Http404: it does not exist, or may not be read.
    """
    actor = actor_of(request)
    if queries.get_habilitation(actor=actor, habilitation_id=habilitation_id) is None:
        raise Http404
    return actor


@require_POST
@needs("habilitation.review")
def review(request: HttpRequest, habilitation_id: UUID) -> HttpResponse:
    """Record the quarterly review of a habilitation (grant of a role), then redirect to the list.

    The form's `verdict` is a `ReviewVerdict`; any other gives status 400. A refusal is shown on the
    habilitation's page (status 422).

    Raises:
        Http404: no such habilitation, or one that the person may not read.
        Refused: it is the person's own, or of a desk that the person does not supervise.
    """
    actor, now = _looked_up(request, habilitation_id), now_of(request)
    try:
        verdict = ReviewVerdict(request.POST.get("verdict", ""))
    except ValueError:
        return render(request, "400.html", status=HTTPStatus.BAD_REQUEST)
    try:
        operations.review_habilitation(
            actor=actor, habilitation_id=habilitation_id, verdict=verdict, now=now
        )
    except Refusal as refused:
        return _page(request, habilitation_id, refused=reason_of(refused))
    messages.success(request, _("The review is recorded."))
    if verdict is ReviewVerdict.REVOKE:
        _warn_of_another(request, habilitation_id)
    return redirect("account_habilitations")


@require_POST
@needs("habilitation.revoke")
def revoke(request: HttpRequest, habilitation_id: UUID) -> HttpResponse:
    """Revoke a habilitation (grant of a role) with the form's `reason`, then redirect to the list.

    The person's sessions lose the role at once. Without a valid reason, or if its end is recorded
    at a later instant, the page is shown again (status 422).

    Raises:
        Http404: no such habilitation, or one that the person may not read.
        Refused: it is the person's own, or of a desk that the person does not supervise.
    """
    actor, now = _looked_up(request, habilitation_id), now_of(request)
    try:
        reason = RevocationReason(request.POST.get("reason", ""))
    except ValueError:
        return _page(request, habilitation_id, refused=_("Choose why the habilitation ends."))
    try:
        operations.revoke_habilitation(
            actor=actor, habilitation_id=habilitation_id, reason=reason, now=now
        )
    except Refusal as refused:
        return _page(request, habilitation_id, refused=reason_of(refused))
    messages.success(request, _("The habilitation has ended."))
    _warn_of_another(request, habilitation_id)
    return redirect("account_habilitations")


def _warn_of_another(request: HttpRequest, habilitation_id: UUID) -> None:
    """Show a warning if the person of an ended habilitation keeps its role at its desk by another one."""
    actor, now = actor_of(request), now_of(request)
    found = {one.id: one for one in queries.list_habilitations(actor=actor)}
    ended = found.pop(habilitation_id)
    same = (ended.person_id, ended.role, ended.desk_id)
    if any(
        (one.person_id, one.role, one.desk_id) == same and one.in_force(now)
        for one in found.values()
    ):
        messages.warning(
            request, _("The person still holds the same role here by another habilitation.")
        )


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@needs("habilitation.grant")
def grant(request: HttpRequest) -> HttpResponse:
    """Show the form for a new habilitation (role; GET), or grant it and redirect to the list (POST).

    A refused form is shown again with the reason (status 422). A role that approves acts of others only takes
    effect after a second supervisor's approval.
    """
    if request.method != "POST":
        return _form(request)
    actor, now = actor_of(request), now_of(request)
    try:
        asked = NewHabilitation(**_HabilitationForm(request).checked().cleaned_data)
        operations.grant_habilitation(actor=actor, habilitation=asked, now=now)
    except Refusal as refused:
        return _form(request, refused=refused)
    if asked.role in operations.APPROVING:
        messages.success(
            request,
            _("The habilitation awaits approval by another supervisor."),
        )
    else:
        messages.success(request, _("The habilitation is granted."))
    return redirect("account_habilitations")


@require_POST
@needs("habilitation.grant")
def approve(request: HttpRequest, habilitation_id: UUID) -> HttpResponse:
    """Approve a habilitation (grant of a role) as a second supervisor, then redirect to the list.

    A message says that it is approved, or no longer awaits approval.

    Raises:
        Http404: no such habilitation, or one that the person may not read.
        Refused: the person granted it or gets it, or does not supervise its desk.
    """
    actor, now = _looked_up(request, habilitation_id), now_of(request)
    try:
        operations.approve_habilitation(actor=actor, habilitation_id=habilitation_id, now=now)
    except Refusal as refused:
        messages.error(request, reason_of(refused))
    else:
        messages.success(request, _("The habilitation is approved."))
    return redirect("account_habilitations")


def line_of(habilitation: HabilitationRecord, *, now: datetime, actor: Actor) -> dict[str, object]:
    """Return the template context of a habilitation (grant of a role) in a list, as of `now`.

    Keys: `record`; `state` (IN_FORCE, ENDS_SOON, WAITING, TO_COME or ENDED); `review_due`: it is in force,
    and its last review (or its start) is over a quarter ago; `own`, it is that of `actor`, the reader;
    `console`, a command granted it.
    """
    in_force = habilitation.in_force(now)
    state = "ENDED"
    if in_force:
        state = "ENDS_SOON" if habilitation.valid_until - now < _SOON else "IN_FORCE"
    elif habilitation.waits and habilitation.revoked_at is None and now < habilitation.valid_until:
        state = "WAITING"
    elif habilitation.revoked_at is None and now < habilitation.valid_from:
        state = "TO_COME"
    last = habilitation.reviewed_at or habilitation.valid_from
    return {
        "record": habilitation,
        "state": state,
        "review_due": in_force and now - last > QUARTER,
        "own": habilitation.person_id == actor.person_id,
        "console": habilitation.granted_by_id == SYSTEM_PERSON,
    }


def _page(request: HttpRequest, habilitation_id: UUID, *, refused: str = "") -> HttpResponse:
    actor, now = actor_of(request), now_of(request)
    found = queries.get_habilitation(actor=actor, habilitation_id=habilitation_id)
    if found is None:
        raise Http404
    consult(request, "person", [found.person_id])
    line = line_of(found, now=now, actor=actor)
    its = Resource(desk_id=found.desk_id, owner_id=found.person_id)
    may_end = allows(actor, "habilitation.revoke", its).allowed and line["state"] != "ENDED"
    context = {
        "lines": [line],
        "record": found,
        "may_approve": line["state"] == "WAITING" and _may_approve(actor, found),
        "may_end": may_end,
        "reasons": list(RevocationReason),
        "refused": refused,
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if refused else HTTPStatus.OK
    return render(request, "account_pages/habilitation.html", context, status=status)


def _may_approve(actor: Actor, found: HabilitationRecord) -> bool:
    owners = (found.person_id, found.granted_by_id)
    return all(
        allows(actor, "habilitation.grant", Resource(desk_id=found.desk_id, owner_id=owner)).allowed
        for owner in owners
    )


def _form(request: HttpRequest, *, refused: Refusal | None = None) -> HttpResponse:
    actor, now = actor_of(request), now_of(request)
    people = queries.list_candidates(actor=actor)
    consult(request, "person", [person.person_id for person in people], action="account.list")
    desks = desk_names(desk_ids=reach(actor, "habilitation.grant").desk_ids)
    today = paris_day(now)
    context = {
        "people": people,
        "roles": sorted(operations.AT_A_DESK),
        "desks": sorted(desks.items()),
        "first": today,
        "last": today + operations.LONGEST - timedelta(days=1),
        "proposed": today + timedelta(days=365),
        "typed": _HabilitationForm(request).typed,
        "refused": reason_of(refused),
        "longest": _LONGEST_ACT,
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if refused else HTTPStatus.OK
    return render(request, "account_pages/grant.html", context, status=status)


# The rights that a person's habilitations grant, in words.

_FOR_ALL = frozenset({"page", "receipt", "figures", "account"})


def opened_to(actor: Actor) -> list[str]:
    """Return the policy actions that the actor may do, as labels in the language of the page.

    Actions open to everybody are left out. In the order of the policy.
    """
    language = get_language() or "fr"
    return [
        reference.label("policy_action", action, language)
        for action in POLICY.actions
        if (
            action.partition(".")[0] not in _FOR_ALL or action in {"account.list", "account.manage"}
        )
        and action != "report.deposit"
        and may(actor, action)
    ]
