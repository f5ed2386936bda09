"""Follow-up of a report by its receipt code: state, questions of the desk, answers to it."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TypedDict

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from fanal.accounts.routes import open_to_all
from fanal.intake.domain import receipt
from fanal.intake.domain.records import Followed, FollowedMessage, ReportState
from fanal.intake.operations.follow import (
    MAX_MESSAGE,
    MOST_ANSWERS,
    AnswersSpent,
    ReportErased,
    answer_desk,
)
from fanal.intake.queries import envelopes as queries
from fanal.kernel.actors import public_actor
from fanal.kernel.refusal import Refusal
from fanal.kernel.texts import stripped
from fanal.orient.alarms.operations.alarms import raise_written
from fanal.web.account.actors import now_of
from fanal.web.failures import RETRY_AFTER, status_of
from fanal.web.posted import Posted, read_posted
from fanal.web.public.guard import Limit, is_same_origin
from fanal.web.public.saying import Text
from fanal.web.public.sayings import said_to
from fanal.web.public.steps import Voice, as_typed
from fanal.web.public.wording import lengths

_LOG = logging.getLogger(__name__)


@lru_cache(maxsize=1)
def wrong_codes() -> Limit:
    """Return the limit of wrong receipt codes per sender: 20 in ten minutes, which allows for typing errors.

    A code has 90 random bits: guessing is hopeless at this rate.
    """
    return Limit(most=20, within=timedelta(minutes=10))


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownMessage:
    """A message between desk and reporter, for display.

    `from_desk`: the desk wrote it. `text` is empty for the reporter's own messages: they are encrypted for
    the desk, and this node cannot read them.
    """

    from_desk: bool
    at: datetime
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PostOutcome:
    """The effect of a reporter's message: whether its text was `stored`, and whether it raised an alarm.

    `rung`: the alarm (a child is in danger) was raised, even if the text is refused.
    """

    stored: bool = False
    rung: bool = False


_NOTHING = PostOutcome()


@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@open_to_all("receipt.follow")
def follow(request: HttpRequest) -> HttpResponse:
    """Ask for the receipt code; with a valid one, show the report's state, or take an answer to the desk.

    The form's `act` is `answer` (with `text`, and `danger` YES to raise the alarm), `receipt` to download the
    signed receipt, or empty. `seen` is how many messages its page showed: the same text sent again from it,
    by a reload, is the same answer. If storing an answer fails, its text is shown again; that page is worded
    for a child if the form's `voice` says so, since the report cannot be read.
    """
    if request.method != "POST":
        return _ask_code(request)
    if not is_same_origin(request):
        return render(request, "public/report/foreign.html", status=403)
    posted = read_posted(request)
    try:
        return _answered(request, posted)
    except Exception as failure:
        text, danger = posted.get("text"), posted.get("danger") == "YES"
        if not stripped(text) and not danger:
            raise
        # Show the text again: the browser's back button would lose it.
        _LOG.exception("an answer could not be taken")
        code = posted.get("code")
        rung = danger and posted.get("act") == "answer" and ring_alone(code, now=now_of(request))
        context: dict[str, object] = {
            "code": code[:60],
            "text": text,
            "danger": danger,
            "rung": rung,
        }
        context |= {
            "problem": "",
            "seen": posted.get("seen")[:20],
            **_spoken(to_child=posted.get("voice") == "CHILD"),
        }
        status = status_of(failure)
        answer = render(request, "public/follow/again.html", context, status=status)
        answer["Retry-After"] = RETRY_AFTER
        return answer


def ring_alone(typed: str, *, now: datetime) -> bool:
    """Raise the child-in-danger alarm of the report with the receipt code `typed`, when storing has failed.

    Called if the reporter's message or report could not be stored. Returns whether the database accepted the
    request; also True for an unknown code, which raises no alarm. A second call raises no second alarm. A
    malformed code, or any failure, gives False.
    """
    try:
        raise_written(lookup_hash=receipt.lookup_hash(receipt.read_code(typed)), now=now)
    except Exception:  # noqa: BLE001 - the page reports the first failure
        _LOG.exception("an alarm could not be raised")
        return False
    return True


def _answered(request: HttpRequest, posted: Posted) -> HttpResponse:
    now = now_of(request)
    typed = posted.get("code")
    found = _find(typed)
    if found is None:
        # Counted after the lookup: a valid code works even from an address shared with a guesser.
        if not wrong_codes().count(request, now):
            return _ask_code(request, tired=True, typed=typed[:60], status=429)
        return _ask_code(request, unknown=True, typed=typed[:60], status=404)
    return _act(request, receipt.read_code(typed), posted=posted, found=found, now=now)


def _act(
    request: HttpRequest, code: str, *, posted: Posted, found: Followed, now: datetime
) -> HttpResponse:
    act, text = posted.get("act"), as_typed(posted.get("text"))
    if not posted.whole:
        danger = posted.get("danger") == "YES"
        outcome = PostOutcome(rung=danger and act == "answer")
        if outcome.rung:
            raise_written(lookup_hash=receipt.lookup_hash(code), now=now)
        return _status(
            request, code, found, problem="message_cut", text=text, danger=danger, outcome=outcome
        )
    if act == "receipt":
        return _signed(found)
    if act == "answer":
        return _take_answer(request, code, text, posted=posted, now=now)
    return _status(request, code, found, text=text, danger=posted.get("danger") == "YES")


def _ask_code(
    request: HttpRequest,
    *,
    unknown: bool = False,
    tired: bool = False,
    typed: str = "",
    status: int = 200,
) -> HttpResponse:
    context = {"unknown": unknown, "tired": tired, "typed": typed, "error": ""}
    return render(request, "public/follow/code.html", context, status=status)


def _find(typed: str) -> Followed | None:
    """Return the report with the receipt code that was typed, or None.

    A malformed code takes as long as an unknown one, and gets the same answer.
    """
    try:
        code = receipt.read_code(typed)
    except receipt.CodeRefused:
        code, typed = _NO_CODE, ""
    found = queries.follow(actor=public_actor(), lookup_hash=receipt.lookup_hash(code))
    return found if typed else None


_NO_CODE = "0000-0000-0000-0000-0000"


def _take_answer(
    request: HttpRequest, code: str, text: str, *, posted: Posted, now: datetime
) -> HttpResponse:
    problem = ""
    stored, danger, seen = False, posted.get("danger") == "YES", posted.get("seen")
    lookup_hash = receipt.lookup_hash(code)
    digest = receipt.answer_digest(code=code, after=seen, text=text) if seen else b""
    try:
        with transaction.atomic():
            answer_desk(
                actor=public_actor(), lookup_hash=lookup_hash, text=text, now=now, digest=digest
            )
            if danger:
                raise_written(lookup_hash=lookup_hash, now=now)
        stored = True
    except (AnswersSpent, ReportErased) as full:
        problem = "messages_spent" if isinstance(full, AnswersSpent) else "report_erased"
    except Refusal:
        if stripped(text):
            problem = "message_long"
        elif not danger:
            problem = "message_empty"
    if danger and not stored:
        # The alarm is raised even if the text is refused or empty: a child is in danger.
        raise_written(lookup_hash=lookup_hash, now=now)
    found = queries.follow(actor=public_actor(), lookup_hash=lookup_hash)
    if found is None:
        return _ask_code(request, unknown=True, status=404)
    return _status(
        request,
        code,
        found,
        problem=problem,
        text=text if problem else "",
        danger=danger,
        outcome=PostOutcome(stored=stored, rung=danger),
    )


def _status(
    request: HttpRequest,
    code: str,
    found: Followed,
    *,
    problem: str = "",
    text: str = "",
    danger: bool = False,
    outcome: PostOutcome = _NOTHING,
) -> HttpResponse:
    """Return the report's page, in words for a child if it was a child who sent the report.

    `problem` names the sentence that says why `text` was not taken.
    """
    child = receipt.voice_digest(code=code, to_child=True)
    spoken = _spoken(to_child=found.voice_digest == child)
    most = MOST_ANSWERS if problem == "messages_spent" else MAX_MESSAGE
    lines, asked = _split([_line(code, message) for message in found.messages])
    context = {
        "code": code,
        "seen": len(found.messages),
        "received_at": found.received_at,
        "closed": found.state is ReportState.RETRACTED,
        "erased": found.state is ReportState.EXPIRED,
        "in_progress": found.in_progress,
        "lines": lines,
        "asked": asked,
        "problem": str(spoken["say"][problem]) % lengths(text, most=most) if problem else "",
        "text": text,
        "danger": danger and (not outcome.rung or bool(problem)),
        "rung": outcome.rung,
        "taken": outcome.stored,
        **spoken,
    }
    return render(request, "public/follow/status.html", context, status=422 if problem else 200)


class _Spoken(TypedDict):
    say: dict[str, Text]
    voice: str


def _spoken(*, to_child: bool) -> _Spoken:
    """Return the sentences for the templates and their voice: a child's, or the usual one."""
    voice = Voice.CHILD if to_child else Voice.WITNESS
    return {"say": said_to(voice), "voice": voice.value}


def _split(lines: list[ShownMessage]) -> tuple[list[ShownMessage], list[ShownMessage]]:
    """Return the messages up to the reporter's last one, and the later ones, which await an answer."""
    first = next((n for n in range(len(lines), 0, -1) if not lines[n - 1].from_desk), 0)
    return lines[:first], lines[first:]


def _line(code: str, message: FollowedMessage) -> ShownMessage:
    text = ""
    if message.for_reporter is not None:
        text = receipt.open_message(code=code, sealed=message.for_reporter).decode()
    return ShownMessage(from_desk=message.from_desk, at=message.created_at, text=text)


def _signed(found: Followed) -> HttpResponse:
    response = HttpResponse(found.signed, content_type="text/plain; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="fanal-receipt.txt"'
    return response
