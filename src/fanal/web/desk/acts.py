"""Pages of official acts: what those of every kind have in common.

A kind gives an `ActPages`: its lifecycle, its template, what its page shows beside, and how its form amends.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils.translation import get_language, gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from fanal import reference
from fanal.accounts import queries as accounts
from fanal.accounts.domain.policy import Reason, Refused, Resource, may
from fanal.accounts.routes import needs
from fanal.casework import operations, queries
from fanal.casework.domain.letters import Mail, message_of
from fanal.casework.domain.lifecycle import AMEND, APPROVE, REFUSE, Lifecycle
from fanal.casework.domain.records import ActFile, ApprovalVerdict, Event, Shown
from fanal.kernel.actors import Actor
from fanal.kernel.calendar import PARIS
from fanal.kernel.refusal import Refusal
from fanal.kernel.states import TransitionRefused
from fanal.orient import queries as oriented
from fanal.web.account.actors import actor_of, now_of
from fanal.web.account.guarded import require_declared
from fanal.web.desk import history
from fanal.web.reading import consult

_OWN_FORMS = frozenset({AMEND, APPROVE, REFUSE})
_FIRST = datetime(2000, 1, 1, tzinfo=UTC)
"""Before it, what a form says that it happened is a slip of the hand."""
_COUNT = re.compile("[0-9]{1,9}")
_FORMS = ("propose", "move", "approve", "refuse")


@dataclass(frozen=True, slots=True, kw_only=True)
class ActPages:
    """What differs of the pages of a kind.

    `route` names the act's own page, whose one argument is its id; those of its forms are `<route>-move` and
    so on (`routes_of`). `beside` returns what its template shows of the document, and the reports whose
    people it names; `amend` writes what the amending form says. Where the act leaves by mail, `mail` returns
    how from its document.
    """

    lifecycle: Lifecycle
    route: str
    template: str
    beside: Callable[[HttpRequest, ActFile], tuple[dict[str, object], list[UUID]]]
    amend: Callable[[HttpRequest, UUID], None]
    mail: Callable[[bytes], Mail] | None = None


def routes_of(pages: ActPages, *, place: str) -> list[URLPattern]:
    """Return the routes of an act's page and of its forms below `place`, each with the right it needs."""
    requirements = pages.lifecycle.requirements
    steps = _rights_of_steps(pages.lifecycle)
    views: dict[str, tuple[str, Callable[[HttpRequest, UUID], HttpResponse]]] = {
        "amend": (
            requirements[AMEND].right,
            lambda request, act: record(pages, request, act, lambda: pages.amend(request, act)),
        ),
    }
    if pages.lifecycle.proposes in steps:
        views["propose"] = (pages.lifecycle.proposes, partial(take, pages))
    recorded = _recorded(pages.lifecycle)
    views["move"] = (recorded, partial(take, pages))
    for name, approves in ((APPROVE, True), (REFUSE, False)):
        if name in requirements:
            views[name] = (requirements[name].right, partial(sign, pages, approves=approves))
    named = pages.route.partition(":")[2]
    address = f"{place}/<uuid:{pages.lifecycle.kind}_id>/"
    pictures = {"": (pages.lifecycle.reads, named, show)}
    if pages.mail is not None:
        pictures["message/"] = (recorded, f"{named}-file", download)
    return [
        *(
            path(
                f"{address}{end}",
                never_cache(require_GET(_view(right, partial(answer, pages)))),
                name=name,
            )
            for end, (right, name, answer) in pictures.items()
        ),
        *(
            path(f"{address}{form}/", require_POST(_view(right, view)), name=f"{named}-{form}")
            for form, (right, view) in views.items()
        ),
    ]


def _rights_of_steps(lifecycle: Lifecycle) -> set[str]:
    steps = lifecycle.requirements.items()
    return {needs.right for name, needs in steps if name not in _OWN_FORMS}


def _recorded(lifecycle: Lifecycle) -> str:
    """Return the right of whoever records what happened to an act."""
    (recorded,) = _rights_of_steps(lifecycle) - {lifecycle.proposes}
    return recorded


def _view(
    right: str, answer: Callable[[HttpRequest, UUID], HttpResponse]
) -> Callable[..., HttpResponse]:
    """Return a view of one act, whatever its id is called in the address."""

    @needs(right)
    def view(request: HttpRequest, **named: UUID) -> HttpResponse:
        (act_id,) = named.values()
        return answer(request, act_id)

    return view


def show(pages: ActPages, request: HttpRequest, act_id: UUID) -> HttpResponse:
    """Show an act as it will leave, and what comes next."""
    return render(request, pages.template, _context(pages, request, act_id))


def download(pages: ActPages, request: HttpRequest, act_id: UUID) -> HttpResponse:
    """Send an act as a message ready to be mailed; the download is journaled."""
    actor, lifecycle = actor_of(request), pages.lifecycle
    found = queries.get_act(actor=actor, lifecycle=lifecycle, act_id=act_id)
    if found is None or found.content is None or pages.mail is None:
        raise Http404
    require_declared(request, Resource(desk_id=found.act.desk_id))
    if not _may_leave(lifecycle, found, actor=actor):
        code = "GROUND_GONE" if _may_be_sent(lifecycle, found) else "NOT_APPROVED"
        said = reference.label(f"{lifecycle.kind}_refusal", code, get_language() or "fr")
        return refused(pages, request, act_id, said)
    consult(request, lifecycle.kind, [act_id], reports=found.act.report_ids)
    message = message_of(pages.mail(found.content), found.content)
    operations.record_export(
        actor=actor, lifecycle=lifecycle, act_id=act_id, format_="EML", now=now_of(request)
    )
    answer = HttpResponse(message, content_type="message/rfc822")
    name = f"fanal-{lifecycle.kind}-{act_id}.eml"
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _may_be_sent(lifecycle: Lifecycle, file: ActFile) -> bool:
    """Return whether sending is the next step of an act, whatever became of its decision."""
    steps = (lifecycle.requirements[name] for name in lifecycle.allowed(file.act.state))
    return any(step.sends and not step.lapsed for step in steps)


def _may_leave(lifecycle: Lifecycle, file: ActFile, *, actor: Actor) -> bool:
    """Return whether an act may be downloaded: it was sent, or it may be sent now."""
    act = file.act
    if not _may_be_sent(lifecycle, file) or act.decision_id is None:
        return act.sent_at is not None
    return oriented.decision_stands(
        actor=actor, report_id=act.subject_id, decision_id=act.decision_id
    )


def take(pages: ActPages, request: HttpRequest, act_id: UUID) -> HttpResponse:
    """Record the transition that a form names, with its proof and its outcome."""

    def step() -> None:
        now = now_of(request)
        operations.take_step(
            actor=actor_of(request),
            lifecycle=pages.lifecycle,
            act_id=act_id,
            transition=request.POST.get("move", ""),
            event=Event(
                happened_at=happened_at(request, now=now),
                proof=request.POST.get("proof", "").strip(),
                outcome=request.POST.get("outcome", ""),
            ),
            now=now,
        )

    return record(pages, request, act_id, step)


def happened_at(request: HttpRequest, *, now: datetime) -> datetime:
    """Return when what a form records happened (Europe/Paris); `now` where it does not say.

    Raises:
        ValueError: the time is none.
    """
    text = request.POST.get("at", "").strip()
    at = datetime.fromisoformat(text) if text else now
    if at.tzinfo is None:
        at = at.replace(tzinfo=PARIS)
    if at < _FIRST:
        raise ValueError("nobody kept such acts then")
    return at


def record(
    pages: ActPages, request: HttpRequest, act_id: UUID, step: Callable[[], None]
) -> HttpResponse:
    """Do what a form asks of an act, and answer with its page: changed, or with why it is not.

    A form of an earlier page does nothing: it would record what nobody sent, overwrite words unread, or give
    up what has left meanwhile.
    """
    actor = actor_of(request)
    found = queries.get_act(actor=actor, lifecycle=pages.lifecycle, act_id=act_id)
    if found is None:
        raise Http404
    require_declared(request, Resource(desk_id=found.act.desk_id))
    status = HTTPStatus.CONFLICT
    try:
        with operations.hold_shown(
            actor=actor, lifecycle=pages.lifecycle, act_id=act_id, shown=_shown_in(request)
        ):
            said = _refusal_of(step)
    except TransitionRefused:
        said = _moved_on()
    except Refused as fault:
        if fault.reason_code is not Reason.OWN_ACT:
            raise
        kind, status = pages.lifecycle.kind, HTTPStatus.FORBIDDEN
        said = reference.label(f"{kind}_refusal", "OWN_BYTES", get_language() or "fr")
    if said:
        return refused(pages, request, act_id, said, status=status)
    messages.success(request, _("It is recorded."))
    return redirect(pages.route, act_id)


def _refusal_of(step: Callable[[], None]) -> str:
    """Return why a step is refused, or ""; what it did before, it has done."""
    try:
        step()
    except Refusal as fault:
        return reference.label(f"{fault.kind}_refusal", fault.code, get_language() or "fr")
    except TransitionRefused:
        return _moved_on()
    except ValueError:
        return _("A date or a choice cannot be read.")
    return ""


def _moved_on() -> str:
    return _("The act has moved on since this page was made: read it again.")


def refused(
    pages: ActPages,
    request: HttpRequest,
    act_id: UUID,
    said: str,
    *,
    status: HTTPStatus = HTTPStatus.CONFLICT,
) -> HttpResponse:
    """Answer with an act's page and why what was asked is not done."""
    context = _context(pages, request, act_id, said)
    return render(request, pages.template, context, status=status)


def sign(pages: ActPages, request: HttpRequest, act_id: UUID, *, approves: bool) -> HttpResponse:
    """Approve exactly the bytes that the form names, or send the act back with the form's reason."""
    digest = digest_in(request)
    actor, lifecycle, now = actor_of(request), pages.lifecycle, now_of(request)
    reason = request.POST.get("reason", "")

    def step() -> None:
        if approves:
            operations.approve_act(
                actor=actor, lifecycle=lifecycle, act_id=act_id, digest=digest, now=now
            )
        else:
            operations.refuse_act(
                actor=actor,
                lifecycle=lifecycle,
                act_id=act_id,
                digest=digest,
                reason=reason,
                now=now,
            )

    return record(pages, request, act_id, step)


def _shown_in(request: HttpRequest) -> Shown:
    """Return what the page of a form showed; nothing that any act shows, where the form does not say."""
    said = _COUNT.fullmatch(request.POST.get("steps", ""))
    return Shown(steps=int(said[0]) if said else -1, digest=digest_in(request))


def digest_in(request: HttpRequest) -> bytes:
    """Return the digest of the bytes that a form was made of; none where it names none."""
    try:
        return bytes.fromhex(request.POST.get("digest", ""))
    except ValueError:
        return b""


def _context(
    pages: ActPages, request: HttpRequest, act_id: UUID, refused: str = ""
) -> dict[str, object]:
    actor, lifecycle = actor_of(request), pages.lifecycle
    found = queries.get_act(actor=actor, lifecycle=lifecycle, act_id=act_id)
    if found is None:
        raise Http404
    act, kind = found.act, lifecycle.kind
    beside, reports = pages.beside(request, found)
    consult(request, kind, [act_id], reports=reports)
    allowed = [
        (transition, lifecycle.requirements[transition])
        for transition in lifecycle.allowed(act.state)
        if may(actor, lifecycle.requirements[transition].right)
    ]
    names = accounts.person_names(person_ids=_people(found))
    return {
        "act": act,
        "labels": {part: f"{kind}_{part}" for part in ("state", "move", "outcome")},
        "routes": {part: f"{pages.route}-{part}" for part in _FORMS},
        "steps": [(step, names.get(step.actor_id, "")) for step in found.steps],
        "author": names.get(act.author_id, ""),
        "moves": [
            (name, needs.proof)
            for name, needs in allowed
            if name not in _OWN_FORMS and needs.right != lifecycle.proposes
        ],
        "buttons": [
            name
            for name, needs in allowed
            if name not in _OWN_FORMS and needs.right == lifecycle.proposes
        ],
        "outcomes": [outcome for _name, needs in allowed for outcome in needs.outcomes],
        "may_download": pages.mail is not None
        and may(actor, _recorded(lifecycle))
        and _may_leave(lifecycle, found, actor=actor),
        "may_amend": any(name == AMEND for name, _needs in allowed),
        "ground_gone": act.decision_id is not None
        and act.state not in lifecycle.states.final
        and not oriented.decision_stands(
            actor=actor, report_id=act.subject_id, decision_id=act.decision_id
        ),
        "refused": refused,
        "history": history.lines_of(act_id, actor=actor),
        **_signatures(found, names, actor=actor),
        "may_sign": any(name == APPROVE for name, _needs in allowed),
        **beside,
    }


def _writer(file: ActFile) -> UUID:
    """Return who wrote the present revision."""
    amended = (step.actor_id for step in reversed(file.steps) if step.transition == AMEND)
    return next(amended, file.act.author_id)


def _people(file: ActFile) -> set[UUID]:
    taken = {step.actor_id for step in file.steps} | {one.approver_id for one in file.approvals}
    return {file.act.author_id} | taken


def _signatures(file: ActFile, names: Mapping[UUID, str], *, actor: Actor) -> dict[str, object]:
    """Return who wrote the present bytes, who approved them, and who refused earlier ones."""
    signed = [(one, names.get(one.approver_id, "")) for one in file.approvals]
    present = [
        one
        for one in signed
        if one[0].revision == file.act.revision and one[0].verdict is ApprovalVerdict.APPROVED
    ]
    approval, approver = present[0] if present else (None, "")
    return {
        "taken": str(file.shown.steps),
        "digest": file.digest.hex(),
        "writer": names.get(_writer(file), ""),
        "own": actor.person_id in {file.act.author_id, _writer(file)},
        "approval": approval,
        "approver": approver,
        "refusals": [one for one in signed if one[0].verdict is ApprovalVerdict.REFUSED],
    }
