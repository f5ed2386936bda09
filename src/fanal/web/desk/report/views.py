"""The page of one report: content, persons, known material, related reports, decision."""

from datetime import datetime
from http import HTTPStatus
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language, gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST
from msgspec import Struct

from fanal import reference
from fanal.accounts.domain.policy import Resource, allows, may
from fanal.accounts.queries.people import partner_names, person_names
from fanal.accounts.routes import needs
from fanal.analyse import queries as analysed
from fanal.analyse.payments.queries import payers_of
from fanal.analyse.priority.domain.retention_window import (
    Askable,
    ask_owner,
    ask_provider,
    askable_of,
)
from fanal.crosscheck.dossiers.queries import dossier_of
from fanal.crosscheck.links.queries import links_of
from fanal.formats.report.records import Stated
from fanal.harmonise import queries as harmonised
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.intake.domain.records import PUBLIC_SENDER, FollowedMessage, ReportFacts
from fanal.intake.operations.follow import NotReachable, ask_reporter
from fanal.intake.queries.envelopes import get_reports, is_reachable, list_messages
from fanal.intake.queries.holds import holds_of
from fanal.judicial.emergency_call.acts import news_on
from fanal.judicial.emergency_call.kind import EMERGENCY_CALL
from fanal.kernel.actors import Actor
from fanal.kernel.calendar import paris_day
from fanal.kernel.refusal import Refusal
from fanal.measures import queries as measures
from fanal.orient import queries as oriented
from fanal.orient.domain.records import Case
from fanal.orient.domain.states import CASE_STATES, CaseState
from fanal.vault.operations.opening import ObjectUnknown, open_object
from fanal.web import failures
from fanal.web.account.actors import actor_of, now_of, require_declared
from fanal.web.desk import distribution, history, notes, providers, team
from fanal.web.desk.acts.emergency_calls import panel_on
from fanal.web.desk.deconfliction.hits import signs_on
from fanal.web.desk.dossiers import related, suggestions
from fanal.web.desk.dossiers.related import kin_of
from fanal.web.desk.queue.filters import place_of
from fanal.web.desk.report import answers, content, examples, folds
from fanal.web.desk.report.became import became_of
from fanal.web.desk.report.proposals import proposal_of
from fanal.web.reading import consult

# Deadlines for requests of subscriber data, to network owners and to the provider, with their rules.


class AskingClocks(Struct, frozen=True, kw_only=True):
    """Deadlines for requests of subscriber data: how long access provider and service keep the data.

    `askable`: each dated IP address of a suspect, or captured with a file, under a known retention rule, with
    the rule in words; `owner`: that of them with the latest deadline. `provider`: the reporting service's
    deadline, None for a report from the public, one that names no person, or without a known rule;
    `provider_words` is its rule in words, `provider_unchecked` whether that rule is unchecked (not verified
    in an official text).
    """

    owner: Askable | None
    askable: list[tuple[Askable, str]]
    provider: datetime | None
    provider_words: str
    provider_unchecked: bool


def clocks_of(record: HarmonisedReport, facts: ReportFacts) -> AskingClocks:
    """Return the deadlines for requests of subscriber data about a report.

    `record` is the report in the internal format, `facts` hold its time of receipt and sender.
    """
    catalogue, lang = reference.load(), get_language() or "fr"
    provider = None
    if facts.sender_id != PUBLIC_SENDER and record.persons:
        provider = ask_provider(
            platform=record.platform, received_at=facts.received_at, catalogue=catalogue
        )
    return AskingClocks(
        owner=ask_owner(record, catalogue=catalogue),
        askable=[(a, a.rule.label.of(lang)) for a in askable_of(record, catalogue=catalogue)],
        provider=provider[0] if provider else None,
        provider_words=provider[1].label.of(lang) if provider else "",
        provider_unchecked=provider is not None
        and provider[1].unchecked(paris_day(facts.received_at)),
    )


@never_cache
@require_GET
@needs("report.read")
def show(request: HttpRequest, report_id: UUID) -> HttpResponse:
    """Show a report of the person's desk; the reading is recorded in the ledger first.

    Of an erased report, the page shows what is kept: decisions, removal requests, history.

    Raises:
        Http404: no such report, one of another desk, or one that is not fully processed yet.
    """
    try:
        page = page_of(request, report_id)
    except Http404:
        return _erased(request, report_id)
    return render(request, "desk/report.html", page)


def page_of(
    request: HttpRequest,
    report_id: UUID,
    *,
    refused: str = "",
    call_refused: str = "",
    charge_refused: str = "",
) -> dict[str, object]:
    """Return the template context of a report's page, after recording its reading in the ledger.

    `refused` is the reason why its decision form was refused, `call_refused` that of a call, `charge_refused`
    that of an assignment; "" if it was not. Keys: `case`, `facts` and `record` (the report in the queue, as
    received, harmonised), `place` (query of the person's view of the queue), `charge` (who is in charge),
    `sender`, `moves`, `folds` (duplicates), `call` (the emergency call to make, if any), `related` (reports),
    `series` (of its suspects), `choice` (decision form), `transfers`, `history` and others.

    Raises:
        Http404: no such report, one of another desk, or one that is not fully processed yet.
        Refused: the reader may not read a part of the page, such as the destinations of a report.
    """
    actor, now = actor_of(request), now_of(request)
    case = oriented.get_case(actor=actor, report_id=report_id)
    facts = get_reports(actor=actor, report_ids=[report_id]).get(report_id)
    record = harmonised.get_records(actor=actor, report_ids=[report_id]).get(report_id)
    if case is None or facts is None or record is None:
        raise Http404
    sender = partner_names(partner_ids=[facts.sender_id]).get(facts.sender_id, "")
    links = links_of(actor=actor, report_id=report_id)
    folded = folds.folds_of(case, record, actor=actor, asked=request.GET.get("folded"))
    suggested = suggestions.of_report(report_id, actor=actor)
    dossier_id = dossier_of(actor=actor, report_id=report_id)
    compared = related.series_beside(report_id, dossier_id, actor=actor)
    linked = [x.other_id for x in links if x.other_id]
    folds_shown = (row.case.report_id for row in folded.rows)
    others = dict.fromkeys((*linked, *suggested, *folds_shown, *compared))
    consult(request, "report", [report_id], reports=others)
    is_open = case.state in {CaseState.TO_ASSESS, CaseState.CLAIMED}
    news = news_on(actor=actor, report_id=report_id)
    exchange, unread = _exchange(case, request=request, now=now)
    in_danger = case.level == "DANGER" and (is_open or unread is not None)
    return {
        "case": case,
        "facts": facts,
        "record": record,
        "state_open": is_open,
        "place": place_of(request.GET),
        "moves": CASE_STATES.moves_from(case.state),
        "sender": sender,
        **_holding(case, actor=actor, now=now),
        "charge": team.charge_of(request, case, refused=charge_refused),
        "folds": folded,
        "asking": clocks_of(record, facts),
        **_content(record, request=request, actor=actor, now=now),
        "related": kin_of(record, links, suggested, dossier_id=dossier_id, actor=actor),
        "series": related.series_of_report(record, compared, actor=actor),
        "may_judge": may(actor, "dossier.judge"),
        "call_refused": call_refused,
        "call": panel_on(
            request,
            report_id,
            record,
            news=news,
            wanted=in_danger,
            since=unread.latest if unread else None,
        ),
        "choice": proposal_of(case, record, request=request, refused=refused, actor=actor),
        **_drafts(report_id, actor=actor, now=now),
        "to_child": Stated.REPORTER_IS_CHILD in record.stated,
        "reachable": is_reachable(actor=actor, report_id=report_id),
        "exchange": exchange,
        "unread": unread,
        "transfers": distribution.shown(report_id, actor=actor),
        "signs": signs_on(request, [report_id]).get(report_id, ()),
        **notes.shown(request, [report_id]),
        "quality": providers.shown(record, sender=sender, actor=actor),
        "may_open_identity": may(actor, "identity.open"),
        "holds": [one for one in holds_of(actor=actor, report_id=report_id) if not one.lifted_at],
        "may_hold": allows(actor, "retention.hold", Resource(desk_id=facts.desk_id)).allowed,
        "history": history.lines_of(report_id, actor=actor),
    }


def refused_page(request: HttpRequest, report_id: UUID, **refused: str) -> HttpResponse:
    """Return a report's page with the reason of a refusal, as for `page_of`, and what was typed (status 409).

    If the report is erased meanwhile, it has no such page: return one with the reason, and the long texts
    that were typed for the person to copy.
    """
    try:
        context = page_of(request, report_id, **refused)
    except Http404:
        (said,) = refused.values()
        return failures.page_of(request, "refused.html", status=HTTPStatus.CONFLICT, refused=said)
    return render(request, "desk/report.html", context, status=HTTPStatus.CONFLICT)


def _erased(request: HttpRequest, report_id: UUID) -> HttpResponse:
    actor = actor_of(request)
    case = oriented.get_case(actor=actor, report_id=report_id)
    facts = get_reports(actor=actor, report_ids=[report_id]).get(report_id)
    if case is None or facts is None or facts.erased_at is None:
        raise Http404
    consult(request, "report", [report_id])
    context = {
        "case": case,
        "facts": facts,
        **_drafts(report_id, actor=actor, now=now_of(request)),
        "history": history.lines_of(report_id, actor=actor),
    }
    return render(request, "desk/report_erased.html", context)


@require_POST
@needs("report.question")
def question(request: HttpRequest, report_id: UUID) -> HttpResponse:
    """Send a question to the reporter, who reads it with the follow-up code.

    The form's `text`; empty or too long, the page is shown again with a message (status 422).

    Raises:
        Http404: no such report, or nobody can be asked (it has no follow-up code).
        Refused: the person lacks the right at the report's desk.
    """
    actor = actor_of(request)
    facts = get_reports(actor=actor, report_ids=[report_id]).get(report_id)
    if facts is None:
        raise Http404
    require_declared(request, Resource(desk_id=facts.desk_id))
    try:
        ask_reporter(
            actor=actor,
            report_id=report_id,
            text=request.POST.get("text", ""),
            now=now_of(request),
        )
        messages.success(
            request,
            _(
                "The question is recorded: the reporter will see it when they return with their code."
            ),
        )
    except NotReachable:
        raise Http404 from None
    except Refusal as refused:
        if refused.code == "ERASED":
            told = _("This report is erased: its author can no longer be asked.")
            messages.error(request, told)
            return redirect("desk:report", report_id=report_id)
        messages.error(request, _("Write your question, in twenty thousand characters at most."))
        page = page_of(request, report_id)
        return render(request, "desk/report.html", page, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    return redirect("desk:report", report_id=report_id)


def _holding(case: Case, *, actor: Actor, now: datetime) -> dict[str, object]:
    holder = case.held_by(now)
    names = person_names(person_ids=[holder] if holder else [])
    return {
        "mine": holder == actor.person_id,
        "holder": names.get(holder, "") if holder else "",
        "may_claim": may(actor, "report.claim"),
        "may_decide": may(actor, "report.decide"),
        "may_ask": may(actor, "report.question"),
    }


def _content(
    record: HarmonisedReport, *, request: HttpRequest, actor: Actor, now: datetime
) -> dict[str, object]:
    ids = [record.report_id]
    analysis = analysed.get_analyses(actor=actor, report_ids=ids).get(record.report_id)
    findings = analysis.findings if analysis else ()
    return {
        "timeline": content.timeline_of(record),
        "payers": payers_of(actor=actor, report_id=ids[0]) if record.payments else [],
        "conversation": content.with_signals(record, findings),
        "files": content.cards_of(record, findings, actor=actor, now=now),
        "groups": content.selector_groups(record, actor=actor),
        "signals": examples.shown(record, findings, request=request),
        "priority": analysed.get_priorities(actor=actor, report_ids=ids).get(record.report_id),
    }


def _drafts(report_id: UUID, *, actor: Actor, now: datetime) -> dict[str, object]:
    decisions = oriented.decisions_of(actor=actor, report_ids=[report_id]).get(report_id, ())
    asked = measures.measures_of(actor=actor, report_ids=[report_id]).get(report_id, ())
    names = person_names(person_ids={d.author_id for d in decisions})
    became = became_of(report_id, actor=actor, measures=asked, now=now)
    return {
        "decisions": [
            (d, names.get(d.author_id, ""), [act for act in became if act.decision_id == d.id])
            for d in reversed(decisions)
        ],
        "called": [act for act in became if act.kind == EMERGENCY_CALL.kind],
        "may_block_mirror": may(actor, "blocking.propose"),
        "undecided": [
            act for act in became if not act.decision_id and act.kind != EMERGENCY_CALL.kind
        ],
        "may_call": may(actor, "alarm.acknowledge"),
    }


def _exchange(
    case: Case, *, request: HttpRequest, now: datetime
) -> tuple[answers.Exchange, answers.Unread | None]:
    """Return the messages with the reporter of a case, and the unread answers among them."""
    actor, report_id = actor_of(request), case.report_id
    sent = list_messages(actor=actor, report_id=report_id)
    consult(request, "object", [m.object_id for m in sent], action="message.read")
    exchange = [(m, _words(m, actor=actor, now=now)) for m in sent]
    return exchange, answers.unread_of(request, case, exchange)


def _words(message: FollowedMessage, *, actor: Actor, now: datetime) -> str:
    try:
        body = open_object(
            actor=actor,
            object_id=message.object_id,
            now=now,
            purpose="exchange with the reporter",
            right="report.read",
        )
    except ObjectUnknown:  # erased since the list of messages was read
        return _("This message is erased.")
    return body.decode()
