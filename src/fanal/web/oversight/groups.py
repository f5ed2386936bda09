"""Groups of similar measures in a session of oversight: one verdict for several measures."""

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
    """A measure of the sample with its state in this session; `number` is its place in the sample.

    `seen`: read; `agreed`: no remark; `told`: a recommendation was made; `warned`: it was approved despite
    warnings.
    """

    measure: Measure
    number: int
    seen: bool
    agreed: bool
    told: bool
    warned: bool

    @property
    def addresses(self) -> int:
        """Number of addresses that the measure targets."""
        return len(self.measure.request.targets)


class Group(Struct, frozen=True, kw_only=True):
    """Measures that are alike (by the same host, for example), in the order of the sample."""

    rows: tuple[SampledMeasure, ...]

    @property
    def first(self) -> Measure:
        """The first measure, whose host and legal ground name the group."""
        return self.rows[0].measure

    @property
    def read(self) -> bool:
        """Whether at least one measure was read, which a group verdict requires."""
        return any(row.seen for row in self.rows)

    @property
    def judged(self) -> bool:
        """Whether each measure has a verdict: no remark, or a recommendation."""
        return all(row.agreed or row.told for row in self.rows)


def alike_of(asked: str) -> MeasureLikeness:
    """Return the likeness criterion in a URL or form, by default the same host.

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
    """Return the groups of two or more measures alike, largest first, and the remaining single measures.

    `alike` is the criterion.
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
    """Record one verdict on the selected measures of a group: no remark, or a recommendation.

    A refusal records nothing.
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
