"""Pages on standing instructions (permissions to send data automatically): proposal, approval, revocation."""

import hashlib
from datetime import timedelta
from functools import partial
from http import HTTPStatus
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from fanal.accounts.domain.instructions import (
    LONGEST,
    InstructionKind,
    InstructionState,
    NewInstruction,
    StandingInstruction,
)
from fanal.accounts.domain.policy import Resource, allows, may
from fanal.accounts.operations.instructions import revoke_instruction, second_instruction
from fanal.accounts.queries.instructions import get_instruction, list_instructions
from fanal.accounts.queries.people import person_names
from fanal.accounts.routes import needs
from fanal.bearers import Bearer, bearers_of, propose_instruction
from fanal.kernel.actors import Actor
from fanal.kernel.calendar import paris_day
from fanal.kernel.refusal import Refusal
from fanal.web.account.actors import actor_of, now_of
from fanal.web.desk import history
from fanal.web.failures import reason_of
from fanal.web.forms import DatedForm, Parsed, midnight

_PROPOSED = timedelta(days=180)
_WITH_KEYS = frozenset({InstructionKind.DECONFLICTION, InstructionKind.DISTRIBUTION})


def _names(typed: str) -> tuple[str, ...]:
    return tuple(line for line in typed.splitlines() if line.strip())


class _InstructionForm(DatedForm):
    """Form of a new standing instruction: kind, names covered, members, dates, grounds, legal basis.

    Members are the organisations that may read the lists covered. To cover everybody, the box `everybody`
    must be ticked: an empty list of names is refused. Dates are whole days, the last included.
    """

    refuses = "instruction"
    kind = Parsed(InstructionKind, "KIND")
    everybody = Parsed("yes".__eq__)
    names = Parsed(_names)
    members = Parsed(_names)
    valid_from = Parsed(midnight, "DATES", posted="from")
    expires_at = Parsed(partial(midnight, days=1), "DATES", posted="until")
    grounds = Parsed()
    basis = Parsed()

    def clean_names(self) -> tuple[str, ...]:
        """Return the names that the standing instruction covers; empty: it covers everybody.

        Raises:
            ValidationError: SCOPE, both names and `everybody`, or neither.
        """
        names: tuple[str, ...] = self.cleaned_data["names"]
        if self.cleaned_data.pop("everybody") is bool(names):
            raise ValidationError("", code="SCOPE")
        return names


@never_cache
@require_GET
@needs("instruction.read")
def listing(request: HttpRequest) -> HttpResponse:
    """Show all standing instructions; first those awaiting approval, then those in force or to come."""
    found = list_instructions(actor=actor_of(request))
    lines = _lines(request, found)
    ended = {InstructionState.EXPIRED, InstructionState.REVOKED}
    waiting = InstructionState.WAITING
    context = {
        "waiting": [line for line in lines if line["state"] == waiting],
        "lines": [line for line in lines if line["state"] not in {waiting, *ended}],
        "ended": [line for line in lines if line["state"] in ended],
        "may_propose": may(actor_of(request), "instruction.propose"),
    }
    return render(request, "instructions/list.html", context)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@needs("instruction.propose")
def propose(request: HttpRequest) -> HttpResponse:
    """Show the form of a standing instruction (GET), or propose it and redirect to its page (POST).

    It then awaits approval by a second person. A refused form is shown again (status 422).
    """
    if request.method != "POST":
        return _form(request)
    try:
        instruction_id = propose_instruction(
            actor=actor_of(request),
            instruction=NewInstruction(**_InstructionForm(request).checked().cleaned_data),
            now=now_of(request),
        )
    except Refusal as refused:
        return _form(request, refused=refused)
    messages.success(
        request, _("Proposed. It takes effect once another supervisor has approved it.")
    )
    return redirect("desk:instruction", instruction_id)


@never_cache
@require_GET
@needs("instruction.read")
def show(request: HttpRequest, instruction_id: UUID) -> HttpResponse:
    """Show a standing instruction: signatures, next steps, and the record of transmissions under it.

    Raises:
        Http404: no such instruction.
    """
    return _page(request, instruction_id)


@require_POST
@needs("instruction.second")
def second(request: HttpRequest, instruction_id: UUID) -> HttpResponse:
    """Approve a standing instruction as the second person, then redirect to its page.

    It is refused, on that page (status 422), to the proposer, and if the organisations or keys covered have
    changed since the form's page was made.

    Raises:
        Http404: no such instruction.
    """
    found, actor = _found(request, instruction_id), actor_of(request)
    if not allows(actor, "instruction.second", Resource(owner_id=found.proposer_id)).allowed:
        return _page(request, instruction_id, refused=Refusal("instruction", "SAME_PERSON"))
    if request.POST.get("bearers") != _shown(_bearers(actor, found)):
        return _page(request, instruction_id, refused=Refusal("instruction", "BEARERS_CHANGED"))
    try:
        second_instruction(actor=actor, instruction_id=found.id, now=now_of(request))
    except Refusal as refused:
        return _page(request, instruction_id, refused=refused)
    messages.success(request, _("Approved."))
    return redirect("desk:instruction", instruction_id)


@require_POST
@needs("instruction.revoke")
def revoke(request: HttpRequest, instruction_id: UUID) -> HttpResponse:
    """End a standing instruction at once, with the form's `reason`, then redirect to its page.

    A refusal is shown on that page (status 422).

    Raises:
        Http404: no such instruction.
    """
    found = _found(request, instruction_id)
    try:
        revoke_instruction(
            actor=actor_of(request),
            instruction_id=found.id,
            reason=request.POST.get("reason", ""),
            now=now_of(request),
        )
    except Refusal as refused:
        return _page(request, instruction_id, refused=refused)
    messages.success(request, _("Revoked: nothing more is sent under this instruction."))
    return redirect("desk:instruction", instruction_id)


def _bearers(actor: Actor, record: StandingInstruction) -> list[Bearer]:
    """Return the recipients that a standing instruction (`record`) covers now, with their cryptographic keys.

    Empty for kinds whose recipients have no key (all but de-confliction and distribution).
    """
    if record.kind not in _WITH_KEYS:
        return []
    return [one for one in bearers_of(actor=actor, kind=record.kind) if record.covers(one.name)]


def _shown(bearers: list[Bearer]) -> str:
    """Return a digest of the recipients (names and keys), which the form posts to detect a change.

    It has 64 hexadecimal digits.
    """
    return hashlib.sha256(repr(sorted((one.said, one.key) for one in bearers)).encode()).hexdigest()


def _found(request: HttpRequest, instruction_id: UUID) -> StandingInstruction:
    found = get_instruction(actor=actor_of(request), instruction_id=instruction_id)
    if found is None:
        raise Http404
    return found


def _lines(request: HttpRequest, found: list[StandingInstruction]) -> list[dict[str, object]]:
    """Return template contexts of standing instructions: record, its state, names of its signatories.

    Keys: `record`, `state`, `proposer`, `second`, `revoker` (names, "" if none).
    """
    people = {p for i in found for p in (i.proposer_id, i.second_id, i.revoked_by) if p}
    names = person_names(person_ids=people)
    return [
        {
            "record": i,
            "state": i.state(now_of(request)),
            "proposer": names.get(i.proposer_id, ""),
            "second": names.get(i.second_id, "") if i.second_id else "",
            "revoker": names.get(i.revoked_by, "") if i.revoked_by else "",
        }
        for i in found
    ]


def _page(
    request: HttpRequest, instruction_id: UUID, *, refused: Refusal | None = None
) -> HttpResponse:
    found, actor = _found(request, instruction_id), actor_of(request)
    (line,) = _lines(request, [found])
    ended = line["state"] in {InstructionState.EXPIRED, InstructionState.REVOKED}
    its = Resource(owner_id=found.proposer_id)
    bearers = _bearers(actor, found)
    context = {
        "bearers": bearers,
        "shown": _shown(bearers),
        "keys_count": found.kind in _WITH_KEYS,
        "line": line,
        "record": found,
        "waiting": line["state"] == InstructionState.WAITING,
        "own": found.proposer_id == actor.person_id,
        "may_second": allows(actor, "instruction.second", its).allowed,
        "may_revoke": not ended and may(actor, "instruction.revoke"),
        "history": history.lines_of(found.id, actor=actor, reads=True),
        "refused": reason_of(refused),
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if refused else HTTPStatus.OK
    return render(request, "instructions/one.html", context, status=status)


def _form(request: HttpRequest, *, refused: Refusal | None = None) -> HttpResponse:
    today = paris_day(now_of(request))
    typed = _InstructionForm(request).typed
    context = {
        "kinds": list(InstructionKind),
        "typed": typed,
        "everybody": typed["everybody"] == "yes",
        "first": today,
        "last": today + LONGEST - timedelta(days=1),
        "proposed": today + _PROPOSED,
        "refused": reason_of(refused),
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if refused else HTTPStatus.OK
    return render(request, "instructions/propose.html", context, status=status)
