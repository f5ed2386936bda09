"""Quality of a provider's report, and the desk's feedback on it."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from fanal.accounts.domain.policy import Resource, may
from fanal.accounts.queries.people import person_names
from fanal.accounts.routes import needs
from fanal.harmonise.domain.quality import assess
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.kernel.actors import Actor
from fanal.kernel.refusal import Refusal
from fanal.orient import queries as oriented
from fanal.orient.feedback.domain import GIVEN, FeedbackVerdict
from fanal.orient.feedback.operations import NothingToJudge, give_feedback
from fanal.orient.feedback.queries import feedback_of
from fanal.web.account.actors import actor_of, now_of, require_declared
from fanal.web.failures import reason_of


def shown(record: HarmonisedReport, *, sender: str, actor: Actor) -> dict[str, object]:
    """Return the template context of a report's quality and of the feedback on it.

    `sender`: name of the partner; "" for the public, whose reports have neither.
    """
    if not sender:
        return {"quality": None}
    given = feedback_of(actor=actor, report_ids=[record.report_id])
    found = given.get(record.report_id, [])
    people = {item.author_id for item in found if item.author_id}
    names = person_names(person_ids=people)
    return {
        "quality": assess(record),
        "feedback": [
            (item, names.get(item.author_id, "") if item.author_id else "")
            for item in reversed(found)
        ],
        "verdicts": GIVEN,
        "may_judge": may(actor, "feedback.give"),
    }


@require_POST
@needs("feedback.give")
def give(request: HttpRequest, report_id: UUID) -> HttpResponse:
    """Record feedback on a provider's report: useful, duplicate, or lacking named data."""
    verdict, actor = request.POST.get("verdict", ""), actor_of(request)
    case = oriented.get_case(actor=actor, report_id=report_id)
    if case is None:
        raise Http404
    require_declared(request, Resource(desk_id=case.desk_id))
    try:
        if verdict not in set(GIVEN):
            raise Refusal("feedback", "VERDICT")
        give_feedback(
            actor=actor,
            report_id=report_id,
            verdict=FeedbackVerdict(verdict),
            lacks=tuple(request.POST.getlist("lacks")) if verdict == "LACKS_DATA" else (),
            now=now_of(request),
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
