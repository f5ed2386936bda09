"""Judgements on the text model's findings on a report's page, and neutral sentences for its examples.

An example is a passage of the report that somebody judged; the next version of the model (the text reader)
learns from it.
"""

from collections.abc import Callable, Sequence
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from msgspec import Struct

from fanal.accounts.domain.policy import Resource, may
from fanal.accounts.queries.people import person_names
from fanal.accounts.routes import needs
from fanal.analyse.domain.records import Finding
from fanal.analyse.signals import queries
from fanal.analyse.signals.domain.examples import (
    Example,
    ExampleState,
    Judgement,
    Verdict,
    last_words,
    passage_of,
    passages,
    source_of,
)
from fanal.analyse.signals.operations import examples as operations
from fanal.analyse.signals.queries import settled_by
from fanal.analyse.signals.reading import TEXT_CODES
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.intake.queries.envelopes import get_reports
from fanal.kernel.refusal import Refusal
from fanal.kernel.typed import identifier
from fanal.vault.operations.opening import ObjectUnknown
from fanal.web.account.actors import actor_of, now_of, require_declared
from fanal.web.desk.report.content import by_category
from fanal.web.failures import reason_of


class JudgeableFinding(Struct, frozen=True, kw_only=True):
    """A finding, the place of the passage to judge (`source`), and the person's own verdict (`mine`).

    `source` is "" for a finding that does not come from the text or has no passage, `mine` "" without a
    verdict.
    """

    finding: Finding
    source: str
    mine: str


class ShownExample(Struct, frozen=True, kw_only=True):
    """A training example for the text model, on a report's page.

    `text` is the judged passage, "" if the report no longer has it. `neutral` is the sentence written in its
    place, "" without one; `own`: the reader wrote it, and so may not check it. `said` are its judgements:
    (judgement, name of the person, whether a second person must agree before the model learns it).
    """

    example: Example
    text: str
    neutral: str
    own: bool
    said: list[tuple[Judgement, str, bool]]


class ReportSignals(Struct, frozen=True, kw_only=True):
    """The findings of a report and people's judgements on them, for its page.

    `categories` are (category, findings), `passages` (source, text). `codes` are the signals that a person
    may name for a passage, `examples` the training examples made from the report. `may_judge`: the reader may
    judge.
    """

    categories: list[tuple[str, list[JudgeableFinding]]]
    passages: list[tuple[str, str]]
    codes: list[str]
    examples: list[ShownExample]
    may_judge: bool


def shown(
    record: HarmonisedReport, findings: Sequence[Finding], *, request: HttpRequest
) -> ReportSignals:
    """Return the findings of a report, its passages, its examples, and people's judgements, for display.

    Findings are grouped by category; examples are the oldest first, without erased ones. An unchecked neutral
    sentence is decrypted, with an entry in the ledger.

    Raises:
        Refused: the reader may not read reports.
        OSError, EnvelopeRefused, KeyMissing: the vault does not open such a sentence.
    """
    actor = actor_of(request)
    cut = passages(record)
    texts = {source_of(passage): passage.text for passage in cut}
    held = queries.examples_of(actor=actor, report_id=record.report_id)
    said = list(last_words(queries.judgements_of(example_ids=[e.id for e in held])))
    alone = settled_by(actor=actor, examples=held).alone
    names = person_names(person_ids={j.person_id for j in said})
    sources = {e.id: e.source for e in held}
    mine = {
        (sources[j.example_id], j.code): j.verdict for j in said if j.person_id == actor.person_id
    }

    def judgeable(finding: Finding) -> JudgeableFinding:
        passage = passage_of(finding, cut) if finding.code in TEXT_CODES else None
        source = source_of(passage) if passage else ""
        return JudgeableFinding(
            finding=finding, source=source, mine=mine.get((source, finding.code), "")
        )

    return ReportSignals(
        categories=[
            (category, [judgeable(finding) for finding in items])
            for category, items in by_category(findings)
        ],
        passages=list(texts.items()),
        codes=sorted(TEXT_CODES),
        may_judge=may(actor, "example.judge"),
        examples=[
            ShownExample(
                example=example,
                text=texts.get(example.source, ""),
                neutral=_neutral(example, request),
                own=example.rewriter_id == actor.person_id,
                said=[
                    (j, names.get(j.person_id, ""), (example.id, j.code) in alone)
                    for j in said
                    if j.example_id == example.id
                ],
            )
            for example in held
            if example.state is not ExampleState.ERASED
        ],
    )


def _neutral(example: Example, request: HttpRequest) -> str:
    try:
        return operations.neutral_sentence(
            actor=actor_of(request), example=example, now=now_of(request)
        )
    except ObjectUnknown:  # erased since the example was read
        return ""


@require_POST
@needs("example.judge")
def judge(request: HttpRequest, report_id: UUID) -> HttpResponse:
    """Record that a finding is right or wrong, or that the model missed a signal; or withdraw a judgement.

    The form fields are `source` (the passage), `code` and `verdict`. Redirects to the report's page, with the
    outcome as a message.

    Raises:
        Http404: no such report for the person.
        Refused: the person may not judge at the report's desk.
    """
    verdict = request.POST.get("verdict", "")

    def act() -> None:
        if verdict not in set(Verdict):
            raise Refusal("example", "CODE")
        operations.judge_passage(
            actor=actor_of(request),
            report_id=report_id,
            source=request.POST.get("source", ""),
            code=request.POST.get("code", ""),
            verdict=Verdict(verdict),
            now=now_of(request),
        )

    said = {
        Verdict.TAKEN_BACK: _("The opinion is taken back."),
        Verdict.WRONG: _(
            "Recorded. The next version of the text reader learns it once one more person agrees."
        ),
    }
    learnt = _("Recorded. The next version of the text reader learns it.")
    return _done(request, report_id, act, said.get(verdict, learnt))  # type: ignore[call-overload]


@require_POST
@needs("example.judge")
def rewrite(request: HttpRequest, report_id: UUID, example_id: UUID) -> HttpResponse:
    """Record a neutral sentence (form field `words`) for an example; redirect to the report's page.

    An example is a judged passage; the sentence replaces it and repeats none of its names or numbers. The
    outcome is a message.

    Raises:
        Http404: no such report for the person, or an example of another report.
        Refused: the person may not judge at the report's desk.
    """
    _require_example(request, report_id, example_id)

    def act() -> None:
        operations.rewrite(
            actor=actor_of(request),
            example_id=example_id,
            sentence=request.POST.get("words", ""),
            now=now_of(request),
        )

    return _done(request, report_id, act, _("Recorded. Another person checks the sentence."))


@require_POST
@needs("example.check")
def check(request: HttpRequest, report_id: UUID, example_id: UUID) -> HttpResponse:
    """Confirm another person's neutral sentence for an example, then redirect to the report's page.

    An example is a judged passage. The sentence is the one displayed: form field `object`, the id of its
    sealed text. The outcome is a message.

    Raises:
        Http404: no such report for the person, or an example of another report.
        Refused: the person may not check at the report's desk.
    """
    _require_example(request, report_id, example_id)

    def act() -> None:
        operations.check_sentence(
            actor=actor_of(request),
            example_id=example_id,
            object_id=identifier(request.POST.get("object", "")) or UUID(int=0),
            now=now_of(request),
        )

    return _done(
        request, report_id, act, _("Checked. The sentence stays when the report is erased.")
    )


def _require_example(request: HttpRequest, report_id: UUID, example_id: UUID) -> None:
    found = queries.get_example(actor=actor_of(request), example_id=example_id)
    if found is None or found.report_id != report_id:
        raise Http404


def _done(
    request: HttpRequest, report_id: UUID, act: Callable[[], None], words: str
) -> HttpResponse:
    facts = get_reports(actor=actor_of(request), report_ids=[report_id]).get(report_id)
    if facts is None:
        raise Http404
    require_declared(request, Resource(desk_id=facts.desk_id))
    try:
        act()
    except Refusal as refused:
        messages.error(request, reason_of(refused))
    else:
        messages.success(request, words)
    return redirect(f"{reverse('desk:report', args=[report_id])}#known")
