"""Look-alikes of a session side by side: one verdict for the group, a row for each measure."""

from collections.abc import Iterable
from http import HTTPStatus
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import get_language, ngettext
from django.views.decorators.http import require_POST
from msgspec import Struct

from fanal import reference
from fanal.accounts.routes import needs
from fanal.kernel.refusal import Refusal
from fanal.measures import operations
from fanal.measures.domain.oversight import MeasureLikeness, RecommendationKind, likeness_of
from fanal.measures.domain.records import Measure
from fanal.web.account.actors import actor_of, now_of
from fanal.web.failures import page_of

NO_REMARK = "AGREED"


class SampledMeasure(Struct, frozen=True, kw_only=True):
    """A measure of the sample with what this session holds of it; `number` is its place in the sample.

    `warned`: it was seconded while warnings stood.
    """

    measure: Measure
    number: int
    seen: bool
    agreed: bool
    told: bool
    warned: bool

    @property
    def addresses(self) -> int:
        """How many addresses the measure names."""
        return len(self.measure.request.targets)


class Group(Struct, frozen=True, kw_only=True):
    """Measures that look alike, in the order of the sample."""

    rows: tuple[SampledMeasure, ...]

    @property
    def first(self) -> Measure:
        """The measure whose host and ground name the group."""
        return self.rows[0].measure

    @property
    def read(self) -> bool:
        """Whether one of them was read, so that a verdict may rest on it."""
        return any(row.seen for row in self.rows)

    @property
    def judged(self) -> bool:
        """Whether each of them has a verdict."""
        return all(row.agreed or row.told for row in self.rows)


def alike_of(asked: str) -> MeasureLikeness:
    """Return the likeness that an address or a form names; the same host when none is.

    Raises:
        Http404: there is no such likeness.
    """
    try:
        return MeasureLikeness(asked or MeasureLikeness.HOST)
    except ValueError:
        raise Http404 from None


def groups_of(
    rows: Iterable[SampledMeasure], alike: MeasureLikeness
) -> tuple[list[Group], list[SampledMeasure]]:
    """Return the groups of two measures or more, the largest first, and the rows that stand alone."""
    found: dict[tuple[str, ...], list[SampledMeasure]] = {}
    for row in rows:
        found.setdefault(likeness_of(row.measure.request, alike), []).append(row)
    groups = [Group(rows=tuple(members)) for members in found.values() if len(members) > 1]
    groups.sort(key=lambda group: (-len(group.rows), group.rows[0].number))
    return groups, [members[0] for members in found.values() if len(members) == 1]


@require_POST
@needs("measure.recommend")
def judge(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """Give the ticked measures of a group one verdict; what is refused says why and records nothing."""
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
        judged = operations.judge_group(
            actor=actor_of(request),
            session_id=session_id,
            measure_ids=measure_ids,
            alike=alike,
            kind=kind,
            words=request.POST.get("words", ""),
            now=now_of(request),
        )
    except (operations.SessionUnknown, operations.MeasureUnknown):
        raise Http404 from None
    except Refusal as refused:
        words = reference.label("measure_refusal", refused.code, get_language() or "fr")
        return page_of(request, "refused.html", status=HTTPStatus.CONFLICT, refused=words)
    told = ngettext(
        "The verdict stands on %(n)s measure.", "The verdict stands on %(n)s measures.", judged
    )
    messages.success(request, told % {"n": judged})
    return redirect(f"{reverse('oversight:session', args=[session_id])}?by={alike}")
