"""Emergency calls (an official act): number and what to say, the form of the call, their list."""

from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import get_language, gettext as _, gettext_lazy
from msgspec import Struct

from fanal import reference
from fanal.accounts.domain.policy import may
from fanal.casework import queries
from fanal.casework.domain.documents import Part, parts_of
from fanal.casework.domain.records import Act, ActFile, ActStep
from fanal.harmonise import queries as harmonised
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.intake.queries.envelopes import report_number
from fanal.judicial.emergency_call.acts import (
    CALLS,
    after_receipt,
    calls_on,
    facts_of,
    said_of,
)
from fanal.judicial.emergency_call.document import Said, read_call
from fanal.judicial.emergency_call.kind import EMERGENCY_CALL, TO_MAKE, EmergencyCallState
from fanal.judicial.emergency_call.rules import is_abroad, numbers_for
from fanal.kernel.actors import Actor
from fanal.kernel.calendar import paris_day
from fanal.orient import queries as oriented
from fanal.orient.alarms.queries import alarms_of
from fanal.web.account.actors import actor_of, now_of
from fanal.web.desk.acts import pages as acts
from fanal.web.desk.acts.lists import ActLine, ActList

_BACK = frozenset({"answer", "decline"})
"""Steps after which the report is next: a decision on it."""


class DialledNumber(Struct, frozen=True, kw_only=True):
    """An emergency number on the page: the digits to dial, and whose number it is (`words`).

    `unchecked`: nobody has verified it in an official text. `silent`: it is for people who cannot make a
    voice call.
    """

    number: str
    words: str
    unchecked: bool
    silent: bool


class CallPanel(Struct, frozen=True, kw_only=True):
    """The part of a page for an emergency call about a child in danger: whom to call and what to say.

    `act` is the recorded call, None for one that the form opens. `first` is the number to dial, `numbers` are
    all. `said` is what to say, in the page's language, `said_other` in the other one, of code `other`.
    `abroad` names the country of a child abroad, else empty. `missed`: when somebody called in vain, the
    latest first. `taken` and `digest` identify the version of the page, which the form sends back: for a call
    that it opens, the number of the report's calls so far, and what `news_on` returned. `may_record`: the
    person may record the call.
    """

    act: Act | None
    report_id: UUID
    first: DialledNumber | None
    numbers: tuple[DialledNumber, ...]
    said: tuple[Said, ...]
    said_other: tuple[Said, ...]
    other: str
    abroad: str
    missed: tuple[datetime, ...]
    taken: str
    digest: str
    may_record: bool


def panel_on(
    request: HttpRequest,
    report_id: UUID,
    record: HarmonisedReport | None,
    *,
    news: str,
    wanted: bool,
    since: datetime | None,
) -> CallPanel | None:
    """Return the panel of the emergency call to be made on a report; None if no call is to be made.

    An open call is shown first. Else the panel's form opens one if an alarm of the report is unacknowledged,
    or if a call is `wanted` and none was opened after `since` (None: ever). `record` is the report in the
    internal format; `news` what `news_on` returned before the page read the report's messages. None also if
    the person may not read calls.
    """
    actor = actor_of(request)
    if not may(actor, EMERGENCY_CALL.reads):
        return None
    known = calls_on(actor=actor, report_id=report_id)
    waiting = [one for one in known if one.state in TO_MAKE]
    if not waiting:
        rings = any(x.acknowledged_at is None for x in alarms_of(actor=actor, report_id=report_id))
        called = any(since is None or one.created_at >= since for one in known)
        new = rings or (wanted and not called)
        if not new:
            return None
        return _panel(request, report_id, record, file=None, known=len(known), news=news)
    file = queries.get_act(actor=actor, lifecycle=EMERGENCY_CALL, act_id=waiting[0].id)
    return _panel(request, report_id, record, file=file)


def state_words(act: Act, steps: Sequence[ActStep], *, at: str) -> str:
    """Return the result of an emergency call as a sentence in the page's language.

    `steps` are its recorded steps, `at` the time of the last as text.
    """
    said = steps[-1].proof if steps else ""
    match EmergencyCallState(act.state):
        case EmergencyCallState.TO_CALL:
            return _("Nobody has called yet")
        case EmergencyCallState.MISSED:
            return _("Nobody answered %(at)s: to call again") % {"at": at}
        case EmergencyCallState.ANSWERED:
            return _("Called %(at)s, answered by %(who)s") % {"at": at, "who": said}
        case EmergencyCallState.CONFIRMED:
            return _("Confirmed %(at)s by the service called") % {"at": at}
        case EmergencyCallState.NOT_NEEDED:
            return _("No call was made: %(why)s") % {"why": said}


def _take(pages: acts.ActPages, request: HttpRequest, act_id: UUID) -> HttpResponse:
    """Record a step of a call; after an answered one go to the report, since its decision is next."""
    answer = acts.take(pages, request, act_id)
    file = queries.get_act(actor=actor_of(request), lifecycle=EMERGENCY_CALL, act_id=act_id)
    if answer.status_code != HTTPStatus.FOUND or file is None:
        return answer
    return after_step(request, request.POST.get("move", ""), act_id, file.act.subject_id)


def after_step(request: HttpRequest, move: str, call_id: UUID, report_id: UUID) -> HttpResponse:
    """Redirect to the next page after a step (`move`, a transition of the call).

    After `answer` and `decline` that is the report, on which a decision follows, if the reader may read it
    and it is in the queue; else the page of the call.
    """
    actor = actor_of(request)
    if move not in _BACK or oriented.get_case(actor=actor, report_id=report_id) is None:
        return redirect("desk:emergency_call", call_id)
    return redirect("desk:report", report_id)


def _panel(
    request: HttpRequest,
    report_id: UUID,
    record: HarmonisedReport | None,
    *,
    file: ActFile | None,
    known: int = 0,
    news: str = "",
) -> CallPanel:
    """Return the panel of the recorded emergency call `file`, or (None) of one that the form opens.

    `known` is the number of earlier calls on the report, none of them still to be made; `news` as in
    `panel_on`.
    """
    lang = "en" if (get_language() or "fr").startswith("en") else "fr"
    other = "fr" if lang == "en" else "en"
    facts = facts_of(report_id, record, number=report_number(report_id=report_id))
    day = paris_day(now_of(request))
    numbers = tuple(
        DialledNumber(
            number=entry.value.number,
            words=entry.label.of(lang),
            unchecked=entry.unchecked(day),
            silent=entry.value.silent,
        )
        for entry in numbers_for(facts.country, catalogue=reference.load(), on=day)
    )
    steps = file.steps if file else ()
    missed = tuple(step.happened_at for step in steps if step.transition == "miss")
    return CallPanel(
        act=file.act if file else None,
        report_id=report_id,
        first=next((one for one in numbers if not one.silent), None),
        numbers=numbers[1:],
        said=said_of(facts, lang=lang),
        said_other=said_of(facts, lang=other),
        other=other,
        abroad=reference.label("country", facts.country or "", lang)
        if is_abroad(facts.country, catalogue=reference.load(), on=day)
        else "",
        missed=tuple(reversed(missed)),
        taken=str(len(steps) if file else known),
        digest=file.digest.hex() if file else news,
        may_record=may(actor_of(request), "emergency_call.record"),
    )


def _beside(request: HttpRequest, file: ActFile) -> tuple[dict[str, object], list[UUID]]:
    actor, act = actor_of(request), file.act
    lang = get_language() or "fr"
    waits = act.state in TO_MAKE
    stored = None if file.content is None or waits else read_call(file.content).text
    context: dict[str, object] = {
        "call": _panel(request, act.subject_id, record_of(actor, act.subject_id), file=file)
        if waits
        else None,
        "letter": (stored.en if lang == "en" else stored.fr) if stored else "",
        "due_at": CALLS.due_at(act),
        "readable": oriented.get_case(actor=actor, report_id=act.subject_id) is not None,
        "answered": next(
            (step for step in reversed(file.steps) if step.transition in {"answer", "decline"}),
            None,
        ),
    }
    return context, [act.subject_id]


def record_of(actor: Actor, report_id: UUID) -> HarmonisedReport | None:
    """Return a report in the internal format (harmonised); None if it has not been processed so far."""
    return harmonised.get_records(actor=actor, report_ids=[report_id]).get(report_id)


def _line(act: Act, content: bytes | None) -> ActLine:
    facts = None if content is None else read_call(content).facts
    lang = get_language() or "fr"
    country = facts.country if facts else None
    numbers = numbers_for(country, catalogue=reference.load(), on=paris_day(act.created_at))
    first = numbers[0] if numbers else None
    return ActLine(
        name=f"{first.value.number} – {first.label.of(lang)}" if first else "",
        bases="",
        subject=facts.number if facts else "",
    )


def _parts(file: ActFile, lang: str) -> tuple[Part, ...]:
    text = read_call(file.content or b"").text
    return parts_of(text.en if lang == "en" else text.fr)


LIST = ActList(
    inbox=CALLS,
    route="desk:emergency_calls",
    page="desk:emergency_call",
    line=_line,
    heading=gettext_lazy("Emergency calls"),
    first=gettext_lazy("Number"),
    icon="phone",
    lead=gettext_lazy(
        "Calls to the emergency services for a child in danger, until they are recorded."
    ),
    tabs="emergency_call_tab",
)
PAGES = acts.ActPages(
    lifecycle=EMERGENCY_CALL,
    route="desk:emergency_call",
    template="desk/emergency_call.html",
    beside=_beside,
    parts=_parts,
    take=_take,
    before=after_receipt,
)
