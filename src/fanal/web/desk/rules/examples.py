"""Page on the desk's training examples for the text model: sentences to check, and judged passages."""

from collections import Counter
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST
from msgspec import Struct

from fanal.accounts.domain.policy import Resource, may
from fanal.accounts.routes import needs
from fanal.analyse.signals import queries
from fanal.analyse.signals.domain.examples import (
    Example,
    ExampleState,
    Settlement,
    passages,
    source_of,
)
from fanal.analyse.signals.operations.examples import withdraw_sentence
from fanal.analyse.signals.queries import settled_by
from fanal.harmonise.queries import get_records
from fanal.intake.domain.records import ReportFacts
from fanal.intake.queries.envelopes import get_reports
from fanal.kernel.refusal import Refusal
from fanal.web.account.actors import actor_of, now_of, require_declared
from fanal.web.failures import reason_of
from fanal.web.reading import consult

_SHOWN = 50


class SignalLine(Struct, frozen=True, kw_only=True):
    """Numbers of training examples for a signal (`code`), by the outcome of people's judgements (`settle`).

    `wanted`: the passage has the signal; `unwanted`: it has not, as two people said; `alone`: a single person
    said that it has not.
    """

    code: str
    wanted: int
    unwanted: int
    alone: int


class ShownPassage(Struct, frozen=True, kw_only=True):
    """A training example of a signal: a judged passage, or the neutral sentence written in its place.

    `facts` are those of its report. `side`: by people's judgements it has the signal (WANTED), has not
    (UNWANTED), or one person alone denied it (ALONE). `text` is the passage or sentence, "" if the report no
    longer has the passage.
    """

    example: Example
    facts: ReportFacts
    side: str
    text: str


@never_cache
@require_GET
@needs("example.check")
def examples(request: HttpRequest) -> HttpResponse:
    """Show the text reader's training examples: neutral sentences to check, checked ones, passages by signal.

    A neutral sentence is written in place of a passage and, once checked, outlives the report. `code` in the
    query chooses the signal whose passages are shown. Each list has fifty at most. The reading of the reports
    listed, and of those whose passages are shown, is recorded in the ledger.
    """
    actor = actor_of(request)
    held = queries.list_examples(actor=actor, states=set(ExampleState) - {ExampleState.ERASED})
    settlement = settled_by(actor=actor, examples=held)
    sides = _sides(settlement, request.GET.get("code", ""))
    chosen = [example for example in reversed(held) if example.id in sides][:_SHOWN]
    waiting = [e for e in held if e.state is ExampleState.REWRITTEN]
    checked = [e for e in reversed(held) if e.state is ExampleState.NEUTRALISED]
    shown = [*chosen, *waiting[:_SHOWN], *checked[:_SHOWN]]
    facts = get_reports(actor=actor, report_ids=list({e.report_id for e in shown}))
    consult(request, "report", list(facts), action="report.list")
    return render(
        request,
        "desk/examples.html",
        {
            "lines": _lines(settlement),
            "code": request.GET.get("code", "") if sides else "",
            "chosen": _passages(request, chosen, sides, facts),
            "of_code": len(sides),
            "waiting": [
                (e, facts[e.report_id], e.rewriter_id == actor.person_id) for e in waiting[:_SHOWN]
            ],
            "waiting_in_all": len(waiting),
            "checked": [(e, facts[e.report_id]) for e in checked[:_SHOWN]],
            "checked_in_all": len(checked),
            "may_withdraw": may(actor, "example.withdraw"),
            "most": _SHOWN,
        },
    )


@require_POST
@needs("example.withdraw")
def withdraw(request: HttpRequest, example_id: UUID) -> HttpResponse:
    """Withdraw a checked neutral sentence of an example, then show the examples.

    A refusal is shown as a message.

    Raises:
        Http404: no such example for the person.
        Refused: the person may not withdraw at the desk of the example's report.
    """
    actor = actor_of(request)
    example = queries.get_example(actor=actor, example_id=example_id)
    if example is None:
        raise Http404
    facts = get_reports(actor=actor, report_ids=[example.report_id])[example.report_id]
    require_declared(request, Resource(desk_id=facts.desk_id))
    try:
        withdraw_sentence(actor=actor, example_id=example_id, now=now_of(request))
    except Refusal as refused:
        messages.error(request, reason_of(refused))
    else:
        messages.success(request, _("Withdrawn. No version of the text reader keeps the sentence."))
    return redirect("desk:examples")


def _lines(settlement: Settlement) -> list[SignalLine]:
    wanted = Counter(code for one in settlement.settled for code in one.wanted)
    unwanted = Counter(code for one in settlement.settled for code in one.unwanted)
    alone = Counter(code for _example_id, code in settlement.alone)
    return [
        SignalLine(code=code, wanted=wanted[code], unwanted=unwanted[code], alone=alone[code])
        for code in sorted({*wanted, *unwanted, *alone})
    ]


def _sides(settlement: Settlement, code: str) -> dict[UUID, str]:
    return (
        {one.example_id: "WANTED" for one in settlement.settled if code in one.wanted}
        | {one.example_id: "UNWANTED" for one in settlement.settled if code in one.unwanted}
        | {example_id: "ALONE" for example_id, denied in settlement.alone if denied == code}
    )


def _passages(
    request: HttpRequest,
    chosen: list[Example],
    sides: dict[UUID, str],
    facts: dict[UUID, ReportFacts],
) -> list[ShownPassage]:
    reports = list({e.report_id for e in chosen})
    records = get_records(actor=actor_of(request), report_ids=reports)
    consult(request, "report", records)
    texts = {
        (report_id, source_of(passage)): passage.text
        for report_id, record in records.items()
        for passage in passages(record)
    }
    return [
        ShownPassage(
            example=e,
            facts=facts[e.report_id],
            side=sides[e.id],
            text=e.neutral or texts.get((e.report_id, e.source), ""),
        )
        for e in chosen
    ]
