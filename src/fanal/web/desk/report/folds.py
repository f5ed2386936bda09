"""Folding: duplicate reports grouped under a head report; their reasons, what each adds, and unfolding."""

from http import HTTPStatus
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Page, Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from msgspec import Struct

from fanal.accounts.domain.policy import Resource
from fanal.accounts.queries.people import partner_names, person_names
from fanal.accounts.routes import needs
from fanal.harmonise import queries as harmonised
from fanal.harmonise.domain.records import HarmonisedReport, Selector
from fanal.intake.queries.envelopes import get_reports
from fanal.kernel.actors import Actor
from fanal.kernel.refusal import Refusal
from fanal.orient import queries as oriented
from fanal.orient.answers.queries import count_unread
from fanal.orient.domain.records import Case
from fanal.orient.folding.operations import unfolding as orient
from fanal.orient.folding.queries import FoldedReport, Unfolding, list_folded, unfoldings_of
from fanal.web.account.actors import actor_of, now_of, require_declared
from fanal.web.failures import reason_of

SHOWN = 100
"""Folded reports on one page of the list, highest priority first; a decision covers one page at most."""
_AT_ONCE = 6
"""Up to this many folded reports are shown expanded; a longer list is collapsed."""


@require_POST
@needs("report.decide")
def unfold(request: HttpRequest, report_id: UUID) -> HttpResponse:
    """Separate a duplicate from its head report, for the form's `reason`, then show its page.

    Without a valid reason the form is shown again (status 422).

    Raises:
        Http404: no such report.
        Refused: the person lacks the right.
    """
    actor, reason = actor_of(request), request.POST.get("reason", "")
    case = oriented.get_case(actor=actor, report_id=report_id)
    if case is None:
        raise Http404
    require_declared(request, Resource(desk_id=case.desk_id))
    try:
        orient.unfold(actor=actor, report_id=report_id, reason=reason, now=now_of(request))
    except orient.NotFolded:
        messages.warning(request, _("The report has moved on since this page was made."))
    except Refusal as refused:
        context = {
            "case": case,
            "typed": reason,
            "refused": reason_of(refused),
        }
        return render(
            request, "desk/unfold_refused.html", context, status=HTTPStatus.UNPROCESSABLE_ENTITY
        )
    else:
        messages.success(request, _("The report is handled separately from now on."))
    return redirect("desk:report", report_id=report_id)


class FoldedRow(Struct, frozen=True, kw_only=True):
    """A duplicate folded under a report, as a row of the report's page.

    `case` is its row in the queue, `reference` its displayed number, `sender` the name of its provider.
    `why`: the reason of the folding, None if unknown. `adds` and `description`: identifiers and text that the
    report itself does not hold. `answers`: number of unread answers of its reporter.
    """

    case: Case
    reference: str
    sender: str
    why: FoldedReport | None
    adds: list[Selector]
    description: str
    answers: int


class Folds(Struct, frozen=True, kw_only=True):
    """The duplicates of a report, or the report of which it is a duplicate, for its page.

    `rows` are the duplicates folded under it, one `page` of them; `head` is the template context of the
    report into which it is folded itself, None without one. `is_open`: the list is shown unfolded;
    `unfoldings`: the judgements that took this report out of a group of duplicates, each with the name of its
    author.
    """

    rows: list[FoldedRow]
    page: Page[int]
    is_open: bool
    head: dict[str, object] | None
    unfoldings: list[tuple[Unfolding, str]]


def folds_of(case: Case, record: HarmonisedReport, *, actor: Actor, asked: str | None) -> Folds:
    """Return the duplicates folded under a report (`case`, `record`), or its own head report, for its page.

    `asked` is the page number in the URL; an invalid one gives the nearest page.
    """
    page = Paginator(range(case.folded), SHOWN).get_page(asked)
    said = unfoldings_of(actor=actor, report_id=case.report_id)
    names = person_names(person_ids={judged.author_id for judged in said})
    return Folds(
        rows=_members(record, actor=actor, page=page) if case.folded else [],
        page=page,
        is_open=asked is not None or case.folded <= _AT_ONCE,
        head=_head(case, actor=actor),
        unfoldings=[(judged, names.get(judged.author_id, "")) for judged in said],
    )


def _members(record: HarmonisedReport, *, actor: Actor, page: Page[int]) -> list[FoldedRow]:
    cases, why = list_folded(
        actor=actor, head_id=record.report_id, offset=page.start_index() - 1, limit=SHOWN
    )
    ids = [case.report_id for case in cases]
    records = harmonised.get_records(actor=actor, report_ids=ids)
    facts = get_reports(actor=actor, report_ids=ids)
    senders = partner_names(partner_ids={case.sender_id for case in cases})
    answers = count_unread(actor=actor, report_ids=ids)
    held = _held(record)
    return [
        FoldedRow(
            case=case,
            reference=facts[case.report_id].spoken,
            sender=senders.get(case.sender_id, ""),
            why=why.get(case.report_id),
            adds=[s for s in _selectors(records.get(case.report_id)) if _key(s) not in held],
            description=_other_words(records.get(case.report_id), record),
            answers=answers.get(case.report_id, 0),
        )
        for case in cases
        if case.report_id in facts
    ]


def _head(case: Case, *, actor: Actor) -> dict[str, object] | None:
    if case.head_id is None:
        return None
    found = get_reports(actor=actor, report_ids=[case.head_id]).get(case.head_id)
    return {"id": case.head_id, "reference": found.spoken if found else ""}


def _selectors(record: HarmonisedReport | None) -> tuple[Selector, ...]:
    return record.selectors if record else ()


def _held(record: HarmonisedReport) -> set[tuple[str, str, str]]:
    return {_key(selector) for selector in record.selectors}


def _key(selector: Selector) -> tuple[str, str, str]:
    return selector.kind, selector.value, selector.role


def _other_words(record: HarmonisedReport | None, head: HarmonisedReport) -> str:
    words = record.description if record else None
    return words if words and words != head.description else ""
