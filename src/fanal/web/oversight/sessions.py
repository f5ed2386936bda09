"""Oversight sessions: a reproducible random sample of removal requests, and the record of its review."""

from collections.abc import Iterable
from http import HTTPStatus
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from msgspec import Struct

from fanal.accounts.routes import needs
from fanal.casework.operations.acts import ActUnknown as MeasureUnknown
from fanal.kernel.actors import Actor
from fanal.kernel.refusal import Refusal
from fanal.measures import queries
from fanal.measures.domain.oversight import (
    PAUSE_AFTER,
    Happening,
    MeasureLikeness,
    RecommendationKind,
    Session,
    likeness_of,
    pause_due,
    reading_since,
)
from fanal.measures.domain.records import Measure
from fanal.measures.operations.oversight import (
    SessionUnknown,
    judge_group,
    note_in_session,
    start_session,
)
from fanal.web.account.actors import actor_of, now_of
from fanal.web.failures import page_of, reason_of
from fanal.web.forms import Parsed, PostedForm
from fanal.web.reading import consult

# Groups of similar measures in a session of oversight: one verdict for several measures.

NO_REMARK = "AGREED"


class SampledMeasure(Struct, frozen=True, kw_only=True):
    """A removal request (`measure`) of a session's sample, with its state in that session.

    `number` counts from 1. `seen`: the overseer has read it; `agreed`: the overseer has no remark on it;
    `told`: the overseer made a recommendation. `warned`: it was approved despite warnings.
    """

    measure: Measure
    number: int
    seen: bool
    agreed: bool
    told: bool
    warned: bool

    @property
    def addresses(self) -> int:
        """The number of addresses that the removal request targets."""
        return len(self.measure.request.targets)


class Group(Struct, frozen=True, kw_only=True):
    """Similar removal requests of a sample (such as to one host), in the order of the sample (`rows`)."""

    rows: tuple[SampledMeasure, ...]

    @property
    def first(self) -> Measure:
        """The first removal request, whose host and legal ground name the group."""
        return self.rows[0].measure

    @property
    def read(self) -> bool:
        """Whether at least one removal request of the group was read, as a group verdict requires."""
        return any(row.seen for row in self.rows)

    @property
    def judged(self) -> bool:
        """Whether each removal request has a verdict of the overseer: no remark, or a recommendation."""
        return all(row.agreed or row.told for row in self.rows)


def alike_of(asked: str) -> MeasureLikeness:
    """Return the likeness criterion in a URL or form, by default the same host.

    `asked` is the criterion's code as received, "" for the default.

    Raises:
        Http404: there is no such criterion.
    """
    try:
        return MeasureLikeness(asked or MeasureLikeness.HOST)
    except ValueError:
        raise Http404 from None


def groups_of(
    rows: Iterable[SampledMeasure], alike: MeasureLikeness
) -> tuple[list[Group], list[SampledMeasure]]:
    """Return the groups of two or more similar removal requests, largest first, and the remaining ones.

    `rows`: the sample; `alike`: the criterion of similarity. Equal groups keep the order of the sample.
    """
    found: dict[tuple[str, ...], list[SampledMeasure]] = {}
    for row in rows:
        found.setdefault(likeness_of(row.measure.request, alike), []).append(row)
    groups = [Group(rows=tuple(members)) for members in found.values() if len(members) > 1]
    groups.sort(key=lambda group: (-len(group.rows), group.rows[0].number))
    return groups, [members[0] for members in found.values() if len(members) == 1]


@require_POST
@needs("measure.recommend")
def judge(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """Record one verdict on the selected removal requests of a group: no remark, or a recommendation.

    The form holds `by` (the criterion by which measures are alike and form a group), `verdict`, `measure`
    (ids, several) and `words`. Redirects to the session; a refusal records nothing and is explained (status
    409).

    Raises:
        Http404: a malformed field, or no such session or measure.
    """
    alike = alike_of(request.POST.get("by", ""))
    verdict = request.POST.get("verdict", "")
    try:
        measure_ids = [UUID(value) for value in request.POST.getlist("measure")]
        kind = None if verdict == NO_REMARK else RecommendationKind(verdict)
    except ValueError:
        raise Http404 from None
    try:
        if not measure_ids:
            raise Refusal("measure", "NONE_CHOSEN")
        judged = judge_group(
            actor=actor_of(request),
            session_id=session_id,
            measure_ids=measure_ids,
            alike=alike,
            kind=kind,
            words=request.POST.get("words", ""),
            now=now_of(request),
        )
    except (SessionUnknown, MeasureUnknown):
        raise Http404 from None
    except Refusal as refused:
        said = reason_of(refused)
        return page_of(request, "refused.html", status=HTTPStatus.CONFLICT, refused=said)
    told = ngettext(
        "The verdict is recorded for %(n)s measure.",
        "The verdict is recorded for %(n)s measures.",
        judged,
    )
    messages.success(request, told % {"n": judged})
    return redirect(f"{reverse('oversight:session', args=[session_id])}?by={alike}")


_BY_HAND = (Happening.AGREED, Happening.PAUSED, Happening.RESUMED, Happening.ENDED)


class _NoteForm(PostedForm):
    """Form of an event that the overseer records in a session: no remark on a measure, pause, resume, end.

    `measure_id` is required for no remark, refused for the others. `following` is the measure to show next. A
    measure is a removal request.
    """

    what = Parsed({str(what): what for what in _BY_HAND}.get)
    measure_id = Parsed(UUID, posted="measure", required=False)
    following = Parsed(UUID, posted="next", required=False)

    def clean_measure_id(self) -> UUID | None:
        """Return the posted id of the removal request if the event `what` is AGREED, else None.

        AGREED: the overseer has no remark on that request.

        Raises:
            ValidationError: AGREED without an id, or another event with one.
        """
        measure_id: UUID | None = self.cleaned_data["measure_id"]
        if (self.cleaned_data.get("what") is Happening.AGREED) is (measure_id is None):
            raise ValidationError("")
        return measure_id


def open_session(request: HttpRequest) -> Session | None:
    """Return the person's newest oversight session if it has not ended, or None."""
    found = queries.list_sessions(actor=actor_of(request), limit=1)
    return found[0] if found and found[0].ended_at is None else None


def mark(
    request: HttpRequest, session_id: UUID, what: Happening, *, measure_id: UUID | None = None
) -> None:
    """Add the event `what` to the record of an oversight session; on one removal request, only once.

    `measure_id` is the removal request, None for an event of the session.

    Raises:
        Http404: the session is another person's, has ended, or does not hold the measure.
        Refused: the person may not recommend, so that they have no oversight session.
    """
    try:
        note_in_session(
            actor=actor_of(request),
            session_id=session_id,
            what=what,
            measure_id=measure_id,
            now=now_of(request),
        )
    except (SessionUnknown, MeasureUnknown):
        raise Http404 from None


@require_POST
@needs("measure.recommend")
def start(request: HttpRequest) -> HttpResponse:
    """Draw a random sample of removal requests and open an oversight session, or return to the open one.

    The form's `size` is the number of measures, five hundred at most. Redirects to the session; with an
    invalid size to the start page, with a message.
    """
    running = open_session(request)
    if running is not None:
        return redirect("oversight:session", session_id=running.id)
    try:
        size = int(request.POST.get("size", ""))
        session_id = start_session(actor=actor_of(request), size=size, now=now_of(request))
    except ValueError:
        messages.error(request, _("Choose how many measures to draw, five hundred at most."))
        return redirect("oversight:home")
    return redirect("oversight:session", session_id=session_id)


@never_cache
@require_safe
@needs("measure.recommend")
def show(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """Show an oversight session: sample, method of the draw, progress, and when a pause is due.

    The query's `by` is the criterion by which alike measures are grouped, by default the same host.

    Raises:
        Http404: the person has no such session, or there is no such criterion.
    """
    actor, now = actor_of(request), now_of(request)
    session = queries.get_session(actor=actor, session_id=session_id)
    if session is None:
        raise Http404
    consult(request, "measure", session.sample, action="measure.list")
    rows = sampled(session, actor=actor)
    alike = alike_of(request.GET.get("by", ""))
    gathered, alone = groups_of(rows, alike)
    by_id = {row.measure.id: row for row in rows}
    context = {
        "session": session,
        "record": [
            (event, by_id.get(event.measure_id) if event.measure_id else None)
            for event in session.events
        ],
        "rows": rows,
        "alike": alike,
        "likenesses": list(MeasureLikeness),
        "groups": gathered,
        "alone": alone,
        "kinds": list(RecommendationKind),
        "may_judge": session.ended_at is None and not session.paused,
        "seen": len(session.measures(Happening.SEEN)),
        "agreed": len(session.measures(Happening.AGREED)),
        "told": len(session.measures(Happening.RECOMMENDED)),
        "exposure": sum(row.addresses for row in rows if row.seen),
        "pause_due": pause_due(session, now=now),
        "pause_at": reading_since(session) + PAUSE_AFTER,
        "minutes": int(PAUSE_AFTER.total_seconds() // 60),
        "following": next((row.measure for row in rows if not row.seen), None),
    }
    return render(request, "oversight/session.html", context)


def sampled(session: Session, *, actor: Actor) -> list[SampledMeasure]:
    """Return the removal requests of a session's sample that the actor may read, in the order of the draw."""
    found = queries.list_by_ids(actor=actor, measure_ids=session.sample)
    seen, agreed = session.measures(Happening.SEEN), session.measures(Happening.AGREED)
    told = session.measures(Happening.RECOMMENDED)
    despite = queries.seconded_despite(actor=actor, measure_ids=session.sample)
    return [
        SampledMeasure(
            measure=found[measure_id],
            number=number,
            seen=measure_id in seen,
            agreed=measure_id in agreed,
            told=measure_id in told,
            warned=measure_id in despite,
        )
        for number, measure_id in enumerate(session.sample, start=1)
        if measure_id in found
    ]


@require_POST
@needs("measure.recommend")
def note(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """Record an event in an oversight session: no remark on a measure, pause, resume, end.

    The form's `what` names the event (a `Happening`), `measure` the measure that has no remark, `next` the
    measure to show then. Redirects to that measure, else to the session. A measure is a removal request.

    Raises:
        Http404: another event, a malformed field, or the session is another person's, has ended, or does not
            hold the measure.
    """
    form = _NoteForm(request)
    if not form.is_valid():
        raise Http404
    said = form.cleaned_data
    mark(request, session_id, said["what"], measure_id=said["measure_id"])
    if said["following"] is not None:
        return redirect("oversight:measure", measure_id=said["following"])
    return redirect("oversight:session", session_id=session_id)
