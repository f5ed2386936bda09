"""Pages on removal measures: list of those awaiting approval, overview by state, one measure and its steps.

A removal measure is a legal request to a host to remove content.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from uuid import UUID

from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from fanal.accounts.domain.policy import may
from fanal.accounts.queries.people import person_names
from fanal.accounts.routes import needs
from fanal.casework.domain.documents import Part, parts_of
from fanal.casework.domain.records import ActFile, Addressee, AddresseeKind, ApprovalVerdict, Event
from fanal.harmonise import queries as harmonised
from fanal.kernel.actors import Actor
from fanal.kernel.refusal import Refusal
from fanal.kernel.typed import identifier
from fanal.measures import queries as measures
from fanal.measures.domain.letters import read_letter
from fanal.measures.domain.records import (
    ENDED,
    MEASURE_STATES,
    Measure,
    MeasureState,
    SuspensionCause,
)
from fanal.measures.domain.warnings import Asked
from fanal.measures.operations import drafts
from fanal.measures.operations.milestones import record_first_contact, record_step
from fanal.measures.removal.kind import REMOVAL
from fanal.orient import queries as oriented
from fanal.orient.domain.proposal import differences
from fanal.web.account.actors import actor_of, now_of
from fanal.web.desk.acts import (
    addressees,
    appeals,
    blockings,
    dereferencings,
    lists as act_lists,
    mirrors,
    notices,
    pages as acts,
)
from fanal.web.forms import Parsed, PostedForm, Several, text
from fanal.web.reading import consult

_TO_LEAVE = frozenset({MeasureState.DRAFT, MeasureState.TO_SECOND, MeasureState.APPROVED})
"""States in which warnings still help: nothing has been sent."""
_BLOCKABLE = frozenset({*_TO_LEAVE, MeasureState.SENT, MeasureState.RECEIVED, MeasureState.EXPIRED})
"""States of a removal request on which a blocking may rest (`measures.blocking.rules`)."""
_FOLLOWING = ("send", "receive", "suspend", "resume", "expire", "execute", "lift", "annul")
"""Transitions that a measures officer records on an approved measure, in order."""

_ENDED = tuple(MeasureState(one) for one in ("EXECUTED", "LIFTED", "WITHDRAWN", "ANNULLED"))
_COLUMNS: tuple[tuple[str, tuple[MeasureState, ...]], ...] = (
    ("DRAFT", (MeasureState.DRAFT,)),
    ("TO_SECOND", (MeasureState.TO_SECOND,)),
    ("APPROVED", (MeasureState.APPROVED,)),
    ("SENT", (MeasureState.SENT,)),
    ("RUNNING", (MeasureState.RECEIVED, MeasureState.SUSPENDED)),
    ("EXPIRED", (MeasureState.EXPIRED,)),
    ("ENDED", _ENDED),
)
"""Columns of the board: one for each stage, all final states in the last."""

_A_COLUMN = 30  # cards shown in a column, whose count covers all
_ALONE = 100  # cards on a page of one column


@never_cache
@require_GET
@needs("measure.list")
def second(request: HttpRequest) -> HttpResponse:
    """Show the official acts that await approval by a second person; of removal requests the oldest hundred.

    The reader's own, which they cannot approve, are listed separately.
    """
    actor = actor_of(request)
    state = MeasureState.TO_SECOND
    waiting = measures.list_measures(actor=actor, states=[state], limit=_ALONE)
    consult(request, "measure", [m.id for m in waiting], action="measure.list")
    warned = measures.warnings_on(actor=actor, asked=[_asked(m) for m in waiting])
    cards = [
        card | {"warned": len(warned[measure.id])}
        for card, measure in zip(_cards(waiting, actor=actor), waiting, strict=True)
    ]
    context = {
        "others": [c for c in cards if not c["own"]],
        "own": [c for c in cards if c["own"]],
        "more": measures.count_by_state(actor=actor)[state] - len(waiting),
        "blockings": blockings.waiting(request),
        "mirrors": mirrors.waiting(request),
        "dereferencings": dereferencings.waiting(request),
    } | act_lists.waiting(notices.LIST, request)
    return render(request, "desk/second.html", context | addressees.waiting(request))


@never_cache
@require_GET
@needs("measure.list")
def board(request: HttpRequest) -> HttpResponse:
    """Show the removal requests in columns by state, thirty to a column, each with its legal time limit.

    The query's `column` shows one column alone, a hundred at a time after the request `after`.
    """
    actor = actor_of(request)
    counts = measures.count_by_state(actor=actor)
    chosen = request.GET.get("column", "")
    alone = chosen in dict(_COLUMNS)
    after = identifier(request.GET.get("after", "")) if alone else None
    columns = []
    for name, states in _COLUMNS:
        if alone and name != chosen:
            continue
        found = measures.list_measures(
            actor=actor, states=states, after=after, limit=_ALONE if alone else _A_COLUMN
        )
        consult(request, "measure", [m.id for m in found], action="measure.list")
        total = sum(counts[s] for s in states)
        columns.append(
            {
                "name": name,
                "count": total,
                "cards": _cards(found, actor=actor),
                "more": max(0, total - len(found)),
                "following": found[-1].id if alone and len(found) == _ALONE else None,
            }
        )
    return render(request, "desk/measures.html", {"columns": columns, "alone": alone})


def _beside(request: HttpRequest, file: ActFile) -> tuple[dict[str, object], list[UUID]]:
    """Return the template context that only a removal measure has, and the reports whose persons it shows.

    `file`: the measure with its letter, steps and approvals. Keys: `measure`, its letter in both languages
    (`letter_first`, `letter_other`) and as JSON (`machine`), `moves` (the next steps that the reader may
    record), warnings (`warned`), `recommendations` and what the reader may do.
    """
    actor, found = actor_of(request), measures.read_file(file=file)
    measure = found.measure
    moves = MEASURE_STATES.moves_from(measure.state)
    last = found.approvals[-1] if found.approvals else None
    grounds = _grounds(measure, actor=actor)
    gone = bool(grounds["ground_gone"])
    texts, english = (found.letter.fr, found.letter.en), get_language() == "en"
    return {
        "measure": measure,
        "request_asked": measure.request,
        "letter_first": texts[english],
        "letter_other": texts[not english],
        "machine": found.letter.machine.decode(),
        "moves": _following(moves, actor, gone=gone),
        "may_leave": may(actor, "measure.send") and _may_have_left(measure, gone=gone),
        "left": next((s for s in reversed(found.steps) if s.lapsed_at), None),
        **_warned(measure, actor=actor),
        "written": request.POST.get("reason", "") if "seen" in request.POST else "",
        "may_amend": may(actor, "measure.propose") and "amend" in moves and not gone,
        "may_submit": may(actor, "measure.propose") and "submit" in moves,
        "may_withdraw": may(actor, "measure.propose") and "withdraw" in moves,
        "kept": getattr(request, "kept", False),
        "causes": list(SuspensionCause),
        "contact_at": measures.first_contact(actor=actor, recipient=measure.request.recipient),
        "refusal": last if last and last.verdict is ApprovalVerdict.REFUSED else None,
        **grounds,
        "recommendations": measures.recommendations_of(actor=actor, measure_id=measure.id),
        "may_read_report": may(actor, "report.read"),
        "may_block": may(actor, "blocking.propose") and measure.state in _BLOCKABLE and not gone,
        **dereferencings.on_removal(request, measure, gone=gone),
        **appeals.against(request, file.act),
        **addressees.on_removal(request, measure),
    }, [measure.report_id]


class _AddresseeForm(acts.AddresseeForm):
    kind = Parsed(AddresseeKind, otherwise=AddresseeKind.HOST)
    language = Parsed()

    def clean_language(self) -> str:
        return str(self.data.get("language", "fr"))


class _AmendmentForm(PostedForm):
    targets = Several(posted="target")
    non_disclosure = Parsed("1".__eq__)
    unsent = Parsed("1".__eq__)


def _amend(request: HttpRequest, measure_id: UUID) -> None:
    """Change addressee, targeted addresses and non-disclosure of a removal request, as the form says.

    An unknown kind of addressee counts as HOST.

    Raises:
        Refusal: UNSENT_UNSAID, an approved measure without confirmation that it was not sent; GROUND_GONE,
            EXPIRED, ADDRESSEE_UNREADABLE, NO_TARGET, FOREIGN_TARGET from `drafts.amend_measure`.
        ActUnknown, TransitionRefused, Refused: from `drafts.amend_measure`.
    """
    actor, form = actor_of(request), _AmendmentForm(request).checked().cleaned_data
    unsent = form.pop("unsent")
    found = measures.get_measure(actor=actor, measure_id=measure_id)
    # After an amendment, nobody could record any more that the approved bytes were sent.
    if found and found.measure.state is MeasureState.APPROVED and not unsent:
        raise Refusal("measure", "UNSENT_UNSAID")
    drafts.amend_measure(
        actor=actor,
        measure_id=measure_id,
        addressee=Addressee(**_AddresseeForm(request).checked().cleaned_data),
        now=now_of(request),
        **form,
    )


def _parts(file: ActFile, lang: str) -> tuple[Part, ...]:
    letter = read_letter(file.content or b"")
    return parts_of(letter.en if lang == "en" else letter.fr)


PAGES = acts.ActPages(
    lifecycle=REMOVAL,
    route="desk:measure",
    template="desk/measure.html",
    beside=_beside,
    amend=_amend,
    parts=_parts,
)


@never_cache
@require_GET
@needs("measure.read")
def show(request: HttpRequest, measure_id: UUID) -> HttpResponse:
    """Show a removal request: the letter as it will be sent, signatures, steps with proofs, next steps.

    Raises:
        Http404: no such measure.
    """
    return acts.show(PAGES, request, measure_id)


def _following(moves: Sequence[str], actor: Actor, *, gone: bool) -> list[str]:
    if not may(actor, "measure.send"):
        return []
    return [m for m in _FOLLOWING if m in moves and not (m == "send" and gone)]


def _may_have_left(measure: Measure, *, gone: bool) -> bool:
    """Return whether an approved request can no longer be sent, but may have been sent without a record.

    `gone`: the decision behind it is no longer in force.
    """
    if measure.approved_at is None or measure.sent_at is not None:
        return False
    return measure.state is MeasureState.WITHDRAWN or gone


def _asked(measure: Measure) -> Asked:
    return Asked(desk_id=measure.desk_id, report_id=measure.report_id, request=measure.request)


def _warned(measure: Measure, *, actor: Actor) -> dict[str, object]:
    """Return the warnings on a removal request not sent yet, for the template.

    Keys: `warned` (the warnings; empty once sent), and `seen`, their tokens, which the form posts back as
    proof of the warnings that its page showed.
    """
    if measure.state not in _TO_LEAVE:
        return {"warned": ()}
    found = measures.warnings_on(actor=actor, asked=[_asked(measure)])[measure.id]
    return {"warned": found, "seen": " ".join(sorted({t for one in found for t in one.tokens}))}


def _cards(found: Sequence[Measure], *, actor: Actor) -> list[dict[str, object]]:
    names = person_names(person_ids={m.proposer_id for m in found})
    return [
        {
            "measure": m,
            "proposer": names.get(m.proposer_id, ""),
            "own": actor.person_id in {m.proposer_id, m.author_id},
        }
        for m in found
    ]


def _grounds(measure: Measure, *, actor: Actor) -> dict[str, object]:
    """Return the decision behind a removal request, and its differences from the legal rules' proposal.

    Keys: `decision`; `ground_gone`, it is no longer in force; `differences`, of the decision from the
    proposal; `left_out`, addresses of the host in the report that the measure does not target. Without access
    to reports (oversight), all but `ground_gone` are empty.
    """
    ids = [measure.report_id]
    decisions = oriented.decisions_of(actor=actor, report_ids=ids).get(measure.report_id, ())
    decision = next((d for d in decisions if d.id == measure.decision_id), None)
    stored = oriented.get_proposals(actor=actor, report_ids=ids).get(measure.report_id)
    record = harmonised.get_records(actor=actor, report_ids=ids).get(measure.report_id)
    reported = (
        [u.canonical for u in record.urls if u.host == measure.request.host] if record else []
    )
    return {
        "decision": decision,
        "ground_gone": measure.state not in ENDED
        and not oriented.decision_stands(
            actor=actor, report_id=measure.report_id, decision_id=measure.decision_id
        ),
        "differences": differences(stored.proposal if stored else None, decision),
        "left_out": [a for a in reported if a and a not in measure.request.targets],
    }


_CAUSED = ("suspend", "lift")


@require_POST
@needs("measure.propose")
def amend(request: HttpRequest, measure_id: UUID) -> HttpResponse:
    """Change a removal measure, and submit it for approval when the form asks for that.

    Redirects to the measure's page, or shows it with the reason of a refusal; raises as `acts.record`.
    """

    def act() -> None:
        _amend(request, measure_id)
        if request.POST.get("submit") == "1":
            request.kept = True  # type: ignore[attr-defined]
            _submit(request, measure_id)

    return acts.record(PAGES, request, measure_id, act)


@require_POST
@needs("measure.propose")
def submit(request: HttpRequest, measure_id: UUID) -> HttpResponse:
    """Submit a draft removal measure for the approval of a second person.

    A refusal is shown on the measure's page. Raises the errors of `acts.record`.
    """
    return _record(request, measure_id, drafts.submit_measure, _WarnedForm)


@require_POST
@needs("measure.propose")
def withdraw(request: HttpRequest, measure_id: UUID) -> HttpResponse:
    """Withdraw a removal measure, with the form's `cause`.

    A refusal is shown on the measure's page. Raises the errors of `acts.record`.
    """
    return _record(request, measure_id, drafts.withdraw_measure, _WithdrawalForm)


@require_POST
@needs("measure.approve")
def approve(request: HttpRequest, measure_id: UUID) -> HttpResponse:
    """Approve a removal measure as the second person; the form names the document by its digest.

    So exactly the bytes shown are approved. A refusal is shown on the page. Raises as `acts.record`.
    """
    return _record(request, measure_id, drafts.approve_measure, _ApprovalForm)


@require_POST
@needs("measure.approve")
def refuse(request: HttpRequest, measure_id: UUID) -> HttpResponse:
    """Refuse to approve a removal measure, with the form's `reason`: it becomes the proposer's draft again.

    If this is not possible, the measure's page says why. Raises as `acts.record`.
    """
    return _record(request, measure_id, drafts.refuse_measure, acts.RefusalForm)


@require_POST
@needs("measure.send")
def step(request: HttpRequest, measure_id: UUID) -> HttpResponse:
    """Record an event of an approved removal measure: sent, received, executed, suspended and so on.

    The form's `move` names it. A refusal is shown on the measure's page. Raises as `acts.record`.
    """

    def act() -> None:
        named = _MeasureStepForm(request, kind="measure").checked().cleaned_data
        record_step(
            actor=actor_of(request),
            measure_id=measure_id,
            transition=named.pop("transition"),
            event=Event(**named),
            now=now_of(request),
        )

    return acts.record(PAGES, request, measure_id, act)


@require_POST
@needs("measure.send")
def contact(request: HttpRequest, measure_id: UUID) -> HttpResponse:
    """Record that the recipient of a removal request was informed beforehand of procedures and time limits.

    The information is that of LCEN, article 6-2 I. A refusal is shown on the measure's page.

    Raises:
        Http404: no such measure.
        Refused: the person lacks the right at the measure's desk.
    """

    def act() -> None:
        actor = actor_of(request)
        found = measures.get_measure(actor=actor, measure_id=measure_id)
        if found is None:
            raise Http404
        record_first_contact(
            actor=actor,
            recipient=found.measure.request.recipient,
            event=Event(**acts.EventForm(request, kind="measure").checked().cleaned_data),
            now=now_of(request),
        )

    return acts.record(PAGES, request, measure_id, act)


class _MeasureStepForm(acts.EventForm):
    """Form of a step of a removal request: its transition, event, and the cause of a suspension or lifting.

    For a sending recorded after its legal basis lapsed (transition `leave`), the time is required (refusal
    NO_INSTANT).
    """

    transition = Parsed({name: name for name in (*_FOLLOWING, "leave")}.get, posted="move")
    reason = text(posted="cause")
    field_order = ("transition",)

    def clean_happened_at(self) -> datetime:
        """Return the time of the event.

        Raises:
            ValidationError: NO_INSTANT, it is missing and required.
        """
        leaves = self.cleaned_data.get("transition") == "leave"
        if leaves and self.cleaned_data["happened_at"] is None:
            raise ValidationError("", code="NO_INSTANT")
        return super().clean_happened_at()

    def clean_reason(self) -> str:
        """Return the cause of a suspension or lifting of a removal request; "" for other transitions."""
        caused = self.cleaned_data.get("transition") in _CAUSED
        return self.cleaned_data["reason"] if caused else ""


class _WithdrawalForm(PostedForm):
    """Form of the withdrawal of a removal request: its cause."""

    cause = text()


class _WarnedForm(PostedForm):
    """Form with the tokens of the warnings that its page showed, and the person's reason to proceed.

    The operation refuses when a warning has arisen that the page did not show.
    """

    seen = Parsed(str.split)
    reason = text()


class _ApprovalForm(_WarnedForm, acts.ApprovalForm):
    """Form of a removal request's approval: digest of the document, tokens of its warnings, the reason."""


def _submit(request: HttpRequest, measure_id: UUID) -> None:
    drafts.submit_measure(
        actor=actor_of(request),
        measure_id=measure_id,
        now=now_of(request),
        **_WarnedForm(request).checked().cleaned_data,
    )


def _record(
    request: HttpRequest, measure_id: UUID, act: Callable[..., None], form: type[PostedForm]
) -> HttpResponse:
    """Run an operation (`act`) on a removal request with the fields of `form`; redirect to its page.

    A refusal is shown on that page. Raises as `acts.record`.
    """
    step = partial(act, actor=actor_of(request), measure_id=measure_id, now=now_of(request))
    return acts.record(
        PAGES, request, measure_id, lambda: step(**form(request).checked().cleaned_data)
    )
