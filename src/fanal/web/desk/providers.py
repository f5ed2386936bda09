"""Pages on providers: their reports, refusals, delays, quota, quality and trend; feedback on a report."""

from collections import Counter
from datetime import date, datetime, timedelta
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST
from msgspec import Struct

from fanal.accounts.domain.instructions import InstructionKind
from fanal.accounts.domain.policy import Resource, may
from fanal.accounts.queries.instructions import standing_id
from fanal.accounts.queries.people import list_uses, partner_names, person_names
from fanal.accounts.routes import needs
from fanal.harmonise import queries as harmonised
from fanal.harmonise.domain.quality import Quality, assess
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.intake.queries import providers as intake
from fanal.kernel.actors import Actor
from fanal.kernel.calendar import paris_day
from fanal.kernel.refusal import Refusal
from fanal.kernel.texts import alphabetical
from fanal.orient import queries as oriented
from fanal.orient.feedback.domain import GIVEN, Feedback, FeedbackVerdict
from fanal.orient.feedback.operations import NothingToJudge, give_feedback
from fanal.orient.feedback.queries import count_feedback, feedback_of, provider_figures
from fanal.web.account.actors import actor_of, now_of, require_declared
from fanal.web.failures import reason_of
from fanal.web.forms import Parsed, PostedForm, Several

PERIOD = timedelta(days=91)
"""Period that the page covers: thirteen weeks."""
READ = 100
"""Newest reports of the period from which a provider's quality is computed."""
_USUALLY = 0.5
_JUDGED = 2000
"""Newest reports of the period from which delays, duplicates and links are computed."""


@never_cache
@require_GET
@needs("provider.read")
def listing(request: HttpRequest) -> HttpResponse:
    """List the providers with reports in the last thirteen weeks, largest volume first."""
    actor, now = actor_of(request), now_of(request)
    counts = intake.count_by_sender(actor=actor, since=now - PERIOD, now=now)
    names = partner_names(partner_ids=counts)
    rows = [(one, name, counts[one]) for one, name in names.items()]
    context = {"rows": sorted(rows, key=lambda row: (-row[2], alphabetical(row[1])))}
    return render(request, "providers/list.html", context)


@never_cache
@require_GET
@needs("provider.read")
def show(request: HttpRequest, provider: UUID) -> HttpResponse:
    """Show one provider's figures of the last thirteen weeks, for the reader's desks.

    Raises:
        Http404: no such provider.
    """
    actor, now = actor_of(request), now_of(request)
    name = partner_names(partner_ids=[provider]).get(provider)
    if name is None:
        raise Http404
    since = now - PERIOD
    states = intake.count_states(actor=actor, sender_id=provider, since=since, now=now)
    weeks = intake.count_weeks(actor=actor, sender_id=provider, since=since, now=now)
    newest = intake.newest_of(actor=actor, sender_id=provider, since=since, now=now, limit=_JUDGED)
    counts = {week.monday: week.count for week in weeks}
    most = max(counts.values(), default=1)
    context = {
        "name": name,
        "states": states.items(),
        "total": sum(states.values()),
        "refusals": intake.list_refusals(actor=actor, sender_id=provider, since=since),
        "weeks": [
            (monday, counts.get(monday, 0), round(100 * counts.get(monday, 0) / most))
            for monday in (_mondays(since, now) if counts else ())
        ],
        "uses": list_uses(actor=actor, partner_id=provider, now=now),
        "delays": provider_figures(actor=actor, report_ids=newest),
        "feedback": count_feedback(actor=actor, sender_id=provider, since=since),
        "instruction": standing_id(kind=InstructionKind.FEEDBACK, scope=name, now=now),
        **_quality(newest[:READ], actor=actor),
    }
    return render(request, "providers/one.html", context)


def _mondays(since: datetime, now: datetime) -> list[date]:
    """Return the Monday of each week from `since` to `now`, weeks without reports included."""
    day, last = paris_day(since), paris_day(now)
    first = day - timedelta(days=day.weekday())
    return [first + timedelta(weeks=n) for n in range((last - first).days // 7 + 1)]


def _quality(ids: list[UUID], *, actor: Actor) -> dict[str, object]:
    """Return the mean quality of the reports `ids`, and how often each expected element is missing.

    An element is a part of a report that its quality depends on. Keys: `read` (number of reports), `mean`
    (None without reports), `lacks`: (code of the element, percentage of reports without it, whether most lack
    it), most often missing first.
    """
    found: list[Quality] = [
        assess(record) for record in harmonised.get_records(actor=actor, report_ids=ids).values()
    ]
    lacking = Counter(code for quality in found for code in quality.lacks)
    asked = Counter(part.code for quality in found for part in quality.parts)
    shares = [(code, lacking[code] / asked[code]) for code in asked]
    return {
        "read": len(found),
        "mean": round(sum(q.score for q in found) / len(found)) if found else None,
        "lacks": [
            (code, round(100 * share), share > _USUALLY)
            for code, share in sorted(shares, key=lambda pair: (-pair[1], pair[0]))
            if share
        ],
    }


class ShownQuality(Struct, frozen=True, kw_only=True):
    """The quality of a provider's report (`found`), and the feedback on it, for the report's page.

    `feedback` is newest first, each with its author's name. `may_give`: the reader may give feedback;
    `verdicts` are those that a person may give. Made by `shown`.
    """

    found: Quality
    feedback: list[tuple[Feedback, str]]
    may_give: bool
    verdicts: tuple[FeedbackVerdict, ...] = GIVEN


def shown(record: HarmonisedReport, *, sender: str, actor: Actor) -> ShownQuality | None:
    """Return the quality of a report and the feedback on it, for its page; None if the public sent it.

    `sender`: name of the partner, "" for the public.
    """
    if not sender:
        return None
    given = feedback_of(actor=actor, report_ids=[record.report_id])
    found = given.get(record.report_id, [])
    names = person_names(person_ids={item.author_id for item in found if item.author_id})
    return ShownQuality(
        found=assess(record),
        feedback=[
            (item, names.get(item.author_id, "") if item.author_id else "")
            for item in reversed(found)
        ],
        may_give=may(actor, "feedback.give"),
    )


class _FeedbackForm(PostedForm):
    """Form of feedback on a report: the verdict and, with LACKS_DATA only, names of the missing fields."""

    refuses = "feedback"
    verdict = Parsed(FeedbackVerdict, "VERDICT")
    lacks = Several()

    def clean_lacks(self) -> tuple[str, ...]:
        """Return the names of the fields that the report lacks; empty for a verdict other than LACKS_DATA."""
        lacking = self.cleaned_data.get("verdict") is FeedbackVerdict.LACKS_DATA
        return tuple(self.cleaned_data["lacks"]) if lacking else ()


@require_POST
@needs("feedback.give")
def give(request: HttpRequest, report_id: UUID) -> HttpResponse:
    """Record feedback on a provider's report (useful, duplicate, or lacking data), then show the report.

    A refusal is shown as a message.

    Raises:
        Http404: no such report, or not a provider's.
        Refused: the person may not give feedback at that desk.
    """
    actor = actor_of(request)
    case = oriented.get_case(actor=actor, report_id=report_id)
    if case is None:
        raise Http404
    require_declared(request, Resource(desk_id=case.desk_id))
    try:
        give_feedback(
            actor=actor,
            report_id=report_id,
            now=now_of(request),
            **_FeedbackForm(request).checked().cleaned_data,
        )
    except NothingToJudge:
        raise Http404 from None
    except Refusal as refused:
        messages.error(request, reason_of(refused))
    else:
        messages.success(
            request, _("Recorded. It is sent only under a standing instruction for feedback.")
        )
    return redirect("desk:report", report_id)
