"""Views shared by the pages of all official acts (removal measures, notices, referrals, intelligence sheets).

A kind of act supplies an `ActPages`: its lifecycle, its template, the template's additional context, and the
handler of its amendment form.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from fanal.accounts.domain.policy import Reason, Refused, Resource, may
from fanal.accounts.queries.people import person_names
from fanal.accounts.routes import needs
from fanal.casework import queries
from fanal.casework.domain.documents import Part
from fanal.casework.domain.letters import Mail, message_of
from fanal.casework.domain.lifecycle import AMEND, APPROVE, REFUSE, Lifecycle
from fanal.casework.domain.records import ActFile, ApprovalVerdict, Event, Shown
from fanal.casework.operations.acts import record_export, take_step
from fanal.casework.operations.approvals import approve_act, refuse_act
from fanal.casework.operations.locking import Before, hold_shown
from fanal.kernel.actors import Actor
from fanal.kernel.calendar import PARIS
from fanal.kernel.refusal import Refusal
from fanal.kernel.states import TransitionRefused
from fanal.kernel.typed import whole_number
from fanal.orient import queries as oriented
from fanal.web.account.actors import actor_of, now_of, require_declared
from fanal.web.desk import history
from fanal.web.failures import reason_of
from fanal.web.forms import Parsed, PostedForm, Proof, lines, text
from fanal.web.reading import consult

_OWN_FORMS = frozenset({AMEND, APPROVE, REFUSE})
_FIRST = datetime(2000, 1, 1, tzinfo=UTC)
"""Earliest date that a form may give for an event; an earlier one is a typing error."""
_ROUTES = (
    "propose", "move", "approve", "refuse", "proof", "pdf", "print", "text", "machine",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ActPages:
    """Configuration of the pages of one kind of official act: what differs from the other kinds.

    `lifecycle` holds its states and transitions. `route` is the URL name of the page of an act, whose one
    argument is the act's id; its forms have the names `<route>-move` and so on (`routes_of`). `beside`
    returns the additional template context of an act, and the reports whose persons the page shows. `amend`
    stores the amendment form, if acts are amended. `parts` returns the parts of the act's document in a
    language (`act_documents`). `mail` makes a mail message from the act's document, for acts that are sent by
    mail. `take` answers the form of a step, if not as for other kinds. `before` is a further check of each
    step, `approving` of the approval.
    """

    lifecycle: Lifecycle
    route: str
    template: str
    beside: Callable[[HttpRequest, ActFile], tuple[dict[str, object], list[UUID]]]
    parts: Callable[[ActFile, str], tuple[Part, ...]]
    amend: Callable[[HttpRequest, UUID], None] | None = None
    mail: Callable[[bytes], Mail] | None = None
    take: "Callable[[ActPages, HttpRequest, UUID], HttpResponse] | None" = None
    before: Before | None = None
    approving: Before | None = None


def routes_of(pages: ActPages, *, place: str) -> list[URLPattern]:
    """Return the URL routes of the page and forms of a kind of official act (`pages`), under path `place`.

    Each requires the policy action that the lifecycle names for that step. An action other than to propose
    and to record has a route of its own, such as `vouch` for `blocking.vouch`.
    """
    requirements = pages.lifecycle.requirements
    steps = _rights_of_steps(pages.lifecycle)
    views: dict[str, tuple[str, Callable[[HttpRequest, UUID], HttpResponse]]] = {}
    if (amend := pages.amend) is not None:
        views["amend"] = (
            requirements[AMEND].right,
            lambda request, act: record(pages, request, act, lambda: amend(request, act)),
        )
    if pages.lifecycle.proposes in steps:
        views["propose"] = (pages.lifecycle.proposes, partial(pages.take or take, pages))
    recorded = _recorded(pages.lifecycle)
    views["move"] = (recorded, partial(pages.take or take, pages))
    for further in sorted(steps - {pages.lifecycle.proposes, recorded}):
        views[further.partition(".")[2]] = (further, partial(pages.take or take, pages))
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
                never_cache(require_GET(view_of(right, partial(answer, pages)))),
                name=name,
            )
            for end, (right, name, answer) in pictures.items()
        ),
        *(
            path(f"{address}{form}/", require_POST(view_of(right, view)), name=f"{named}-{form}")
            for form, (right, view) in views.items()
        ),
    ]


def _rights_of_steps(lifecycle: Lifecycle) -> set[str]:
    steps = lifecycle.requirements.items()
    return {needs.right for name, needs in steps if name not in _OWN_FORMS}


def _recorded(lifecycle: Lifecycle) -> str:
    """Return the policy action for recording events of an official act, such as its sending or a reply to it.

    If the lifecycle has several policy actions besides the proposal's, return that of the sending.
    """
    rights = _rights_of_steps(lifecycle) - {lifecycle.proposes}
    sending = {needs.right for needs in lifecycle.requirements.values() if needs.sends}
    (recorded,) = rights & sending or rights
    return recorded


def view_of(
    right: str, answer: Callable[[HttpRequest, UUID], HttpResponse]
) -> Callable[..., HttpResponse]:
    """Return a view of one official act (measure, referral, …) that requires the right `right`.

    `right` is a policy action. The view calls `answer` with the request and the act's id, which may have any
    name in the URL.
    """

    @needs(right)
    def view(request: HttpRequest, **named: UUID) -> HttpResponse:
        (act_id,) = named.values()
        return answer(request, act_id)

    return view


def show(pages: ActPages, request: HttpRequest, act_id: UUID) -> HttpResponse:
    """Show an official act (measure, referral, …) as it will be sent, with its possible next steps.

    `pages`: the configuration of the act's kind.

    Raises:
        Http404: no such act.
    """
    return render(request, pages.template, _context(pages, request, act_id))


def download(pages: ActPages, request: HttpRequest, act_id: UUID) -> HttpResponse:
    """Send an official act as a mail message file (`.eml`); the download is recorded in the ledger.

    `pages`: the configuration of the act's kind. An act that may not be sent gives its page with the reason.

    Raises:
        Http404: no such act, its document has expired, or acts of this kind are not sent by mail.
        Refused: the person lacks the right.
    """
    actor, lifecycle = actor_of(request), pages.lifecycle
    found = queries.get_act(actor=actor, lifecycle=lifecycle, act_id=act_id)
    if found is None or found.content is None or pages.mail is None:
        raise Http404
    require_declared(request, Resource(desk_id=found.act.desk_id))
    if not may_leave(lifecycle, found, actor=actor):
        code = "GROUND_GONE" if _may_be_sent(lifecycle, found) else "NOT_APPROVED"
        return refused(pages, request, act_id, reason_of(Refusal(lifecycle.kind, code)))
    consult(request, lifecycle.kind, [act_id], reports=found.act.report_ids)
    message = message_of(pages.mail(found.content), found.content)
    record_export(
        actor=actor, lifecycle=lifecycle, act_id=act_id, format_="EML", now=now_of(request)
    )
    answer = HttpResponse(message, content_type="message/rfc822")
    name = f"fanal-{lifecycle.kind}-{act_id}.eml"
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _may_be_sent(lifecycle: Lifecycle, file: ActFile) -> bool:
    """Return whether sending is a next step of an official act (`file`) in its present state.

    Whether the decision behind the act is in force is not examined. `lifecycle`: of the act's kind.
    """
    steps = (lifecycle.requirements[name] for name in lifecycle.allowed(file.act.state))
    return any(step.sends and not step.lapsed for step in steps)


def may_leave(lifecycle: Lifecycle, file: ActFile, *, actor: Actor) -> bool:
    """Return whether an official act (`file`) may be downloaded: already sent, or ready to send.

    Ready to send: sending is a next step, and the decision behind the act is in force (neither replaced nor
    its report reopened); an act without a decision is never ready here. `lifecycle`: of the act's kind.
    """
    act = file.act
    if not _may_be_sent(lifecycle, file) or act.decision_id is None:
        return act.sent_at is not None
    return oriented.decision_stands(
        actor=actor, report_id=act.subject_id, decision_id=act.decision_id
    )


def take(pages: ActPages, request: HttpRequest, act_id: UUID) -> HttpResponse:
    """Record the step (transition) of an official act that the form names, with its proof and outcome.

    Redirects to the act's page, or shows it with the reason of a refusal. `pages`: the configuration of the
    act's kind (measure, referral, …). Raises the errors of `record`, and OSError if the proof's file could
    not be sealed.
    """

    def step() -> None:
        named = _StepForm(request, kind=pages.lifecycle.kind).checked().cleaned_data
        take_step(
            actor=actor_of(request),
            lifecycle=pages.lifecycle,
            act_id=act_id,
            transition=named.pop("transition"),
            event=Event(**named),
            now=now_of(request),
            before=pages.before,
        )

    return record(pages, request, act_id, step)


class EventForm(PostedForm):
    """Form of an event of an official act: its time (`happened_at`), and its proof in words or as a file.

    `kind` is the label kind of its refusals. The time is in Europe/Paris; empty means now. A time before the
    year 2000 is refused.
    """

    happened_at = Parsed(
        lambda typed: datetime.fromisoformat(typed.strip()), posted="at", required=False
    )
    proof = text()
    file = Proof()

    def __init__(self, request: HttpRequest, *, kind: str) -> None:
        super().__init__(request)
        self.refuses = kind

    def clean_happened_at(self) -> datetime:
        """Return the time of the event: the time given (in Europe/Paris if it has no zone), else the present.

        Raises:
            ValidationError: the time lies before the year 2000.
        """
        at: datetime = self.cleaned_data["happened_at"] or now_of(self.request)
        if at.tzinfo is None:
            at = at.replace(tzinfo=PARIS)
        if at < _FIRST:
            raise ValidationError("nobody kept such acts then")
        return at


class _StepForm(EventForm):
    """Form of a step (transition) of an official act: the transition's name, its event and outcome."""

    transition = Parsed(posted="move")
    outcome = Parsed()


class SummaryForm(PostedForm):
    """Form of an official act to an authority: its text (`summary`), and the authority's code (`body`)."""

    body = Parsed()
    summary = lines()


class AddresseeForm(PostedForm):
    """Form with the provider to which an official act is addressed: its name and contact address."""

    name = text()
    contact = text()


class ApprovalForm(PostedForm):
    """Form to approve a document, named by its digest (hexadecimal); b"" if it is missing or malformed."""

    digest = Parsed(bytes.fromhex, otherwise=b"")


class RefusalForm(ApprovalForm):
    """Form to refuse the approval of a document, named by its digest, with a reason."""

    reason = text()


class _ShownForm(ApprovalForm):
    """Form fields of the official act's version on the page: digest, number of steps (optimistic locking).

    If they are missing, they match no version, and the form is refused.
    """

    steps = Parsed(partial(whole_number, digits=9), otherwise=-1)


def record(
    pages: ActPages, request: HttpRequest, act_id: UUID, step: Callable[[], object]
) -> HttpResponse:
    """Run `step`, the operation on an official act that a form asks for, and redirect to the act's page.

    If the step is refused, return that page with the reason. `pages`: the configuration of the act's kind.

    Optimistic locking: a form made from an earlier version of the page is refused. It could record a sending
    that did not happen, overwrite unread text, or withdraw an act that was sent meanwhile.

    Raises:
        Http404: no such act.
        Refused: the person lacks the right; approval of one's own act is refused on the page instead.
    """
    actor = actor_of(request)
    found = queries.get_act(actor=actor, lifecycle=pages.lifecycle, act_id=act_id)
    if found is None:
        raise Http404
    require_declared(request, Resource(desk_id=found.act.desk_id))
    status = HTTPStatus.CONFLICT
    try:
        with hold_shown(
            actor=actor,
            lifecycle=pages.lifecycle,
            act_id=act_id,
            shown=shown_in(request),
        ):
            said = _refusal_of(step)
    except TransitionRefused:
        said = moved_on()
    except Refused as fault:
        if fault.reason_code is not Reason.OWN_ACT:
            raise
        status = HTTPStatus.FORBIDDEN
        said = reason_of(Refusal(pages.lifecycle.kind, "OWN_BYTES"))
    if said:
        return refused(pages, request, act_id, said, status=status)
    messages.success(request, _("It is recorded."))
    return redirect(pages.route, act_id)


def _refusal_of(step: Callable[[], object]) -> str:
    """Run `step`; return why it was refused, in words, or "". Changes before a refusal are kept."""
    try:
        step()
    except Refusal as fault:
        return reason_of(fault)
    except TransitionRefused:
        return moved_on()
    except ValueError:
        return _("A date or a choice cannot be read.")
    return ""


def shown_in(request: HttpRequest) -> Shown:
    """Return the version of an official act that the page of a posted form displayed (optimistic locking)."""
    return Shown(**_ShownForm(request).checked().cleaned_data)


def moved_on() -> str:
    """Return the message for a form whose page showed an earlier version of the official act."""
    return _("The act has moved on since this page was made: read it again.")


def refused(
    pages: ActPages,
    request: HttpRequest,
    act_id: UUID,
    said: str,
    *,
    status: HTTPStatus = HTTPStatus.CONFLICT,
) -> HttpResponse:
    """Return an official act's page with `said`, the reason of a refusal (status 409 by default).

    `pages`: the configuration of the act's kind. Raises Http404 if the person may read no such act.
    """
    context = _context(pages, request, act_id, said)
    return render(request, pages.template, context, status=status)


def sign(pages: ActPages, request: HttpRequest, act_id: UUID, *, approves: bool) -> HttpResponse:
    """Approve the official act's document whose digest the form holds, or (`approves` false) refuse it.

    A refusal needs the form's reason. Redirects to the act's page, or shows it with the reason why the step
    was refused. `pages`: the configuration of the act's kind. Raises the errors of `record`.
    """
    approve = partial(approve_act, before=pages.approving)
    act: Callable[..., object] = approve if approves else refuse_act
    form = ApprovalForm if approves else RefusalForm
    named = {"actor": actor_of(request), "lifecycle": pages.lifecycle, "now": now_of(request)}
    return record(
        pages,
        request,
        act_id,
        lambda: act(act_id=act_id, **named, **form(request).checked().cleaned_data),
    )


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
    names = person_names(person_ids=_people(found))
    return {
        "act": act,
        "labels": {part: f"{kind}_{part}" for part in ("state", "move", "outcome")},
        "routes": {part: f"{pages.route}-{part}" for part in _ROUTES},
        "steps": [(step, names.get(step.actor_id, "")) for step in found.steps],
        "author": names.get(act.author_id, ""),
        "moves": [
            (name, needs.proof)
            for name, needs in allowed
            if name not in _OWN_FORMS and needs.right == _recorded(lifecycle)
        ],
        "buttons": [
            name
            for name, needs in allowed
            if name not in _OWN_FORMS and needs.right == lifecycle.proposes
        ],
        "outcomes": [outcome for _name, needs in allowed for outcome in needs.outcomes],
        "may_download": pages.mail is not None
        and may(actor, _recorded(lifecycle))
        and may_leave(lifecycle, found, actor=actor),
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
    """Return the person id of an official act's last author: the last to amend it, else who drafted it."""
    amended = (step.actor_id for step in reversed(file.steps) if step.transition == AMEND)
    return next(amended, file.act.author_id)


def _people(file: ActFile) -> set[UUID]:
    taken = {step.actor_id for step in file.steps} | {one.approver_id for one in file.approvals}
    return {file.act.author_id} | taken


def _signatures(file: ActFile, names: Mapping[UUID, str], *, actor: Actor) -> dict[str, object]:
    """Return the template context of an official act's signatures: author, approver, refusals, version.

    `file`: the act; `names`: of people, by id. Keys: `writer`, `approver` (names), `approval` (of the present
    revision, or None), `refusals` (each with the name). `own`: the reader wrote the act or its present
    revision, and cannot approve it. `taken` and `digest`: the version that the form posts back, for
    optimistic locking.
    """
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
