"""Suggested links: pairs of similar reports that a person accepts or rejects, strongest first."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from fanal.accounts.domain.policy import may
from fanal.accounts.routes import needs
from fanal.crosscheck.operations.judge import judge_suggestion
from fanal.crosscheck.similar.domain.suggestions import Suggestion
from fanal.crosscheck.similar.queries import list_suggestions, sides_of, suggestions_of
from fanal.kernel.actors import Actor
from fanal.kernel.refusal import Refusal
from fanal.orient import queries as oriented
from fanal.orient.domain.records import Case
from fanal.web.account.actors import actor_of, now_of
from fanal.web.desk.dossiers.graph import references_of
from fanal.web.desk.dossiers.related import Suggested, percent, reasons_of
from fanal.web.failures import reason_of
from fanal.web.forms import Parsed, PostedForm, Several, text
from fanal.web.reading import consult

_PAGE = 30


def _pair(typed: str) -> tuple[UUID, UUID]:
    one, two = typed.split("~")
    return UUID(one), UUID(two)


class _SuggestionForm(PostedForm):
    other_id = Parsed(UUID, posted="other")
    accept = Parsed({"ACCEPT": True, "REJECT": False}.get, posted="answer")
    reason = text(posted="motive")
    also = Several(_pair)


@never_cache
@require_GET
@needs("dossier.list")
def suggestions(request: HttpRequest) -> HttpResponse:
    """Show the suggested links between reports that wait for an answer at the person's desks, by pages.

    The query's `below` is the last suggestion of the previous page: score and ids of its two reports.

    Raises:
        Http404: `below` is malformed.
    """
    actor = actor_of(request)
    found = list_suggestions(actor=actor, limit=_PAGE + 1, below=_below(request))
    shown = found[:_PAGE]
    ids = list(dict.fromkeys(end for one in shown for end in (one.report_id, one.other_id)))
    consult(request, "report", ids, action="report.list")
    cases = oriented.get_cases(actor=actor, report_ids=ids)
    last = shown[-1] if len(found) > _PAGE else None
    context = {
        "groups": _grouped(shown, lines_of(shown, references_of(ids, actor=actor), cases)),
        "may_judge": may(actor, "dossier.judge"),
        "following": f"{last.score}~{last.report_id}~{last.other_id}" if last else "",
    }
    return render(request, "desk/suggestions.html", context)


@require_POST
@needs("dossier.judge")
def answer(request: HttpRequest, report_id: UUID) -> HttpResponse:
    """Record the person's answer to a suggested link: accept or reject, with a reason.

    The form's `other` is the id of the second report; `also` are further pairs that a rejection covers. A
    refusal is shown as a message; redirects to the report or the list.

    Raises:
        Http404: no such report at the person's desks.
    """
    actor = actor_of(request)
    if not oriented.get_cases(actor=actor, report_ids=[report_id]):
        raise Http404
    try:
        judge_suggestion(
            actor=actor,
            report_id=report_id,
            now=now_of(request),
            **_SuggestionForm(request).checked().cleaned_data,
        )
    except ValueError:
        messages.error(request, _("Choose what you judge."))
    except Refusal as refused:
        messages.error(request, reason_of(refused))
    else:
        messages.success(request, _("The judgement is recorded."))
    if request.POST.get("from") == "report":
        return redirect("desk:report", report_id=report_id)
    return redirect("desk:suggestions")


def lines_of(
    found: Sequence[Suggestion], references: Mapping[UUID, str], cases: Mapping[UUID, Case]
) -> list[dict[str, object]]:
    """Return a template context for each suggestion that two reports belong together.

    Keys: `suggestion`, `percent` (its score), `ends` (both reports: id, reference, queue row `case`),
    `reasons`, `fresh`: the reasons that are newer than a past rejection of the pair. `references` and
    `cases`: by report id.
    """
    return [
        {
            "suggestion": one,
            "percent": percent(one.score),
            "ends": [
                {"id": end, "reference": references.get(end, ""), "case": cases.get(end)}
                for end in (one.report_id, one.other_id)
            ],
            "reasons": reasons_of(one.reasons),
            "fresh": reasons_of(one.fresh),
        }
        for one in found
    ]


def _grouped(
    found: Sequence[Suggestion], lines: Sequence[dict[str, object]]
) -> list[dict[str, object]]:
    """Return the suggested links grouped by the two dossiers (or single reports) that each would join.

    `lines` are the template contexts of `found`, in its order, strongest first. Keys of a group: `line`, its
    strongest; `also`, the others, which are answered with it.
    """
    groups: dict[frozenset[UUID], list[dict[str, object]]] = {}
    for sides, line in zip(sides_of(found=found), lines, strict=True):
        groups.setdefault(sides, []).append(line)
    return [{"line": first, "also": also} for first, *also in groups.values()]


def _below(request: HttpRequest) -> tuple[float, UUID, UUID] | None:
    text = request.GET.get("below", "")
    if not text:
        return None
    try:
        score, one, two = text.split("~")
        return float(score), UUID(one), UUID(two)
    except ValueError as error:
        raise Http404 from error


def of_report(report_id: UUID, *, actor: Actor) -> dict[UUID, Suggested]:
    """Return the system's suggestions that a report belongs together with others, by the other report's id.

    Both reports must be at the actor's desks. Suggestions that somebody has answered are included.
    """
    found = suggestions_of(actor=actor, report_id=report_id)
    return {
        (one.other_id if one.report_id == report_id else one.report_id): Suggested(
            one, reasons_of(one.fresh)
        )
        for one in found
    }
