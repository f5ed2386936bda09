"""The report form: one URL, one question a page, nothing stored before “Send”."""

import base64
import binascii
import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import altcha
import msgspec
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods
from msgspec import Struct

from fanal.accounts.routes import open_to_all
from fanal.intake.domain import receipt
from fanal.intake.domain.records import (
    PUBLIC_SENDER,
    Acknowledgement,
    Arrival,
    Format,
    KeyKind,
    Outcome,
    Submission,
)
from fanal.intake.operations.receive import receive_reports, spend_challenge
from fanal.intake.queries.envelopes import find_key
from fanal.kernel.actors import public_actor
from fanal.kernel.clock import paris_day
from fanal.orient.alarms.operations.alarms import raise_written
from fanal.web.account.actors import now_of
from fanal.web.failures import RETRY_AFTER, status_of
from fanal.web.posted import Posted, read_posted
from fanal.web.public import setup, wording
from fanal.web.public.draft import encode_report, identity_of, report_of
from fanal.web.public.follow import ring_alone
from fanal.web.public.guard import Limit, is_same_origin
from fanal.web.public.sayings import said_to
from fanal.web.public.sealed import (
    DraftRefused,
    HiddenDraft,
    is_waiting_over,
    new_draft,
    seal,
    unseal,
)
from fanal.web.public.steps import (
    BY_NAME,
    FIELDS,
    STEPS,
    AnswerProblem,
    FormPage,
    Voice,
    asked,
    dated,
    fitting,
    problems,
    take,
    voice_of,
)

# Proof of work (altcha): about a second of browser time, no third party, no interaction.

_ALGORITHM = "PBKDF2/SHA-256"
_COST = 5_000
HEAVY = 4
"""Factor of additional work for senders of very many reports within the hour."""
_PREFIX = "00"  # one byte of zeros: 256 tries on average, about one second on a phone of 2020
LIFE = timedelta(minutes=10)
_MOST = 4_000


class Proof(Struct, frozen=True, kw_only=True):
    """A solved proof-of-work challenge: its nonce (`challenge`), accepted only once, and when it expires."""

    challenge: str
    expires_at: datetime


class _Parameters(Struct):
    nonce: str
    expires_at: int = msgspec.field(name="expiresAt")
    data: dict[str, str] = {}


class _Challenge(Struct):
    parameters: _Parameters


class _Payload(Struct):
    challenge: _Challenge


def new_challenge(
    *, secret: bytes, submission: str, now: datetime, weight: int = 1
) -> dict[str, object]:
    """Return a proof-of-work challenge for one submission (its id), as the JSON fields of the ALTCHA library.

    `secret` signs it (HMAC). `weight` multiplies the work.
    """
    challenge = altcha.create_challenge(
        _ALGORITHM,
        _COST * weight,
        key_prefix=_PREFIX,
        expires_at=now + LIFE,
        data={"submission": submission, "weight": str(weight)},
        hmac_secret=secret,
    )
    return dict(challenge.to_dict())


def verify(
    text: str, *, secret: bytes, submission: str, now: datetime, weight: int = 1
) -> Proof | None:
    """Return the verified proof of work in `text`, the browser's response (base64); None if it is not valid.

    `secret` is the key that signed the challenge, `submission` the id for which it was made. Invalid:
    missing, malformed, expired, for another submission, or for less work than `weight`.
    """
    if not text or len(text) > _MOST:
        return None
    try:
        raw = base64.b64decode(text, validate=True)
        parameters = msgspec.json.decode(raw, type=_Payload).challenge.parameters
    except (binascii.Error, ValueError, msgspec.MsgspecError, RecursionError):
        return None
    expires_at = datetime.fromtimestamp(min(max(parameters.expires_at, 0), 2**33), UTC)
    if parameters.data.get("submission") != submission or expires_at <= now:
        return None
    if parameters.data.get("weight") not in {str(weight), str(HEAVY)}:
        return None
    if not altcha.verify_solution(text, secret).verified:
        return None
    return Proof(challenge=parameters.nonce, expires_at=expires_at)


_LOG = logging.getLogger(__name__)
WAIT_WITHOUT_PROOF = 10
"""Minimum seconds between the check page and a submission without proof of work."""
WAIT_WHEN_CROWDED = 60
"""The same for senders of very many reports within the hour."""


@lru_cache(maxsize=1)
def send_limits() -> tuple[Limit, Limit]:
    """Return the two limits of submissions per sender: 20 and 200 an hour.

    Above the first, reports are processed later than others (slow lane); above the second, more work is
    required too. Neither refuses a report: a whole school may share one address.
    """
    return Limit(most=20, within=timedelta(hours=1)), Limit(most=200, within=timedelta(hours=1))


@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@open_to_all("page.public", POST="report.deposit")
def report(request: HttpRequest) -> HttpResponse:
    """Show the first question (GET), or store the posted page's answers and show a page or submit the report.

    A POST with `go=send` submits it. The draft, all answers so far, travels encrypted in a hidden field. An
    expired or changed one is lost: only the answers of this page are kept (status 409). A page with answers
    that do not fit is shown again; a post from another site is refused (status 403).
    """
    now = now_of(request)
    if request.method != "POST":
        return _page(request, new_draft(now), STEPS[0])
    if not is_same_origin(request):
        return render(request, "public/report/foreign.html", status=403)
    posted = read_posted(request)
    step = BY_NAME.get(posted.get("step"), STEPS[0])
    answered = dated(step, take(step, posted.fields), now=now, lang=_language())
    carried = fitting(step, answered)
    lost = False
    try:
        draft = unseal(posted.get("draft"), keys=setup.current().draft_keys, now=now)
    except DraftRefused:
        # Expired or changed: the earlier pages are lost, the answers of this page are kept.
        draft, lost = new_draft(now), True
    draft = msgspec.structs.replace(draft, answers=draft.answers | carried)
    if carried != answered or not posted.whole:
        # The draft cannot hold such a text: its page is shown until it is shortened.
        return _too_long(request, draft, step, answered=answered, lost=lost, whole=posted.whole)
    if lost:
        return _page(request, draft, STEPS[0], notices=("lost",), status=409)
    return _go(request, draft, step, posted=posted)


def _too_long(
    request: HttpRequest,
    draft: HiddenDraft,
    step: FormPage,
    *,
    answered: dict[str, str],
    lost: bool,
    whole: bool,
) -> HttpResponse:
    wrong = problems(step, draft.answers | answered)
    return _page(
        request,
        draft,
        step,
        typed=answered,
        wrong=wrong,
        notices=(*(["lost"] if lost else []), *([] if whole else ["cut"])),
        status=413 if not whole else 409 if lost else 422,
    )


def _go(
    request: HttpRequest, draft: HiddenDraft, step: FormPage, *, posted: Posted
) -> HttpResponse:
    """Return the response to the button that was pressed, the form's `go`.

    Its values: `back`, `next` (the default; a page with errors is shown again, status 422), `send`, `stay`
    (the same page, in another language), or the name of a page to change. `draft`: all answers so far;
    `step`: the page that was posted.
    """
    go = posted.get("go") or "next"
    if go == "stay":
        return _page(request, draft, step)
    if go in BY_NAME:
        return _page(request, draft, BY_NAME[go])
    if go == "back":
        return _page(request, draft, _beside(step, draft.answers, -1))
    if go == "send":
        return _send_or_keep(request, draft)
    wrong = problems(step, draft.answers)
    if wrong:
        return _page(request, draft, step, wrong=wrong, status=422)
    return _page(request, draft, _beside(step, draft.answers, 1))


def _beside(step: FormPage, answers: Mapping[str, str], way: int) -> FormPage:
    """Return the next page that applies to the answers, or with `way` -1 the one before; at an end `step`."""
    place = STEPS.index(step)
    others = STEPS[place + 1 :] if way > 0 else STEPS[:place][::-1]
    return next((page for page in others if page in asked(answers)), step)


def _send_or_keep(request: HttpRequest, draft: HiddenDraft) -> HttpResponse:
    """Submit the report; on any failure, show the check page with all answers (status 500 or 503).

    If the answers say that a child is in danger, the alarm is raised all the same. No page of the form is
    cached, so that the browser's back button would not bring the answers back.
    """
    try:
        return _check_and_send(request, draft)
    except Exception as failure:  # noqa: BLE001 - whatever broke, the person keeps what they wrote
        _LOG.exception("a report could not be taken")
        if draft.answers.get("danger") == "YES":
            # The report may have arrived earlier, without that answer.
            ring_alone(draft.code, now=now_of(request))
        answer = _page(request, draft, STEPS[-1], notices=("failed",), status=status_of(failure))
        answer["Retry-After"] = RETRY_AFTER
        return answer


def _check_and_send(request: HttpRequest, draft: HiddenDraft) -> HttpResponse:
    """Submit the report after checking all pages, the rate limits, and the proof of work or waiting time.

    Returns the receipt page; the first page with an error (status 422); the check page, if the proof is
    missing and the waiting time not over (status 425); or a notice, if the draft is being received or was
    received with other answers (status 409). `draft` holds all answers.
    """
    now = now_of(request)
    for step in STEPS:
        wrong = problems(step, draft.answers)
        if wrong:
            return _page(request, draft, step, wrong=wrong, status=422)
    if _was_sent(draft):
        return _answer(request, draft, _send(request, draft, now, slow=True))
    soft, hard = send_limits()
    crowded = not (soft.count(request, now) & hard.count(request, now))
    heavy = _is_heavy(request, draft, now)
    proven = verify(
        request.POST.get("proof", ""),
        secret=setup.current().proof_secret,
        submission=draft.submission,
        now=now,
        weight=HEAVY if heavy else 1,
    )
    wait = WAIT_WHEN_CROWDED if heavy else WAIT_WITHOUT_PROOF
    if proven is None and not is_waiting_over(draft, now=now, seconds=wait):
        notice = "crowded" if heavy else "wait"
        return _page(request, draft, STEPS[-1], notices=(notice,), status=425)
    fresh = proven is not None and spend_challenge(
        actor=public_actor(), challenge=proven.challenge, expires_at=proven.expires_at
    )
    slow = crowded or not fresh or bool(request.POST.get("website"))
    return _answer(request, draft, _send(request, draft, now, slow=slow))


def _was_sent(draft: HiddenDraft) -> bool:
    """Return whether a report was already received from this draft, by its submission id.

    Sending it again then repeats the response without counting against the limits.
    """
    return (
        find_key(sender_id=PUBLIC_SENDER, kind=KeyKind.SUBMISSION, key=draft.submission) is not None
    )


def _is_heavy(request: HttpRequest, draft: HiddenDraft, now: datetime) -> bool:
    """Return whether this sender needs a heavier proof of work, or a longer wait without one.

    This is so above the higher of the two limits (`send_limits`), but never if a child is in danger.
    """
    return draft.answers.get("danger") != "YES" and send_limits()[1].is_passed(request, now)


def _send(
    request: HttpRequest, draft: HiddenDraft, now: datetime, *, slow: bool
) -> Acknowledgement:
    address = request.META.get("REMOTE_ADDR") if setup.current().keep_address else None
    language = _language()
    made = report_of(draft.answers, language=language, today=paris_day(now))
    body = encode_report(made)
    identity = identity_of(draft.answers, address=address)
    submission = Submission(
        arrival=Arrival.FORM,
        format=Format.FORM,
        body=body,
        canonical=body + b"\n" + (identity_of(draft.answers, address=None) or b""),
        keys=((KeyKind.SUBMISSION, draft.submission),),
        language=language,
        urgent=made.emergency,
        identity=identity,
        slow_lane=slow,
        to_child=voice_of(draft.answers) is Voice.CHILD,
        code=draft.code,
    )
    return receive_reports(actor=public_actor(), submissions=[submission], now=now)[0]


def _answer(request: HttpRequest, draft: HiddenDraft, answer: Acknowledgement) -> HttpResponse:
    if answer.outcome is Outcome.IN_PROGRESS:
        return _page(request, draft, STEPS[-1], notices=("underway",), status=409)
    if answer.outcome is Outcome.CONFLICT:
        return _sent_before(request, draft)
    voice = voice_of(draft.answers)
    return render(
        request,
        "public/report/receipt.html",
        {
            "code": draft.code,
            "say": said_to(voice),
            "voice": voice.value,
            "urgent": draft.answers.get("danger") == "YES",
            "root": setup.current().root,
        },
        status=201 if answer.outcome is Outcome.CREATED else 200,
    )


def _sent_before(request: HttpRequest, draft: HiddenDraft) -> HttpResponse:
    """Show that an earlier version of this draft was received, and this version's text (status 409).

    The person can send that text as a message. If it says that a child is in danger, the alarm is raised at
    once.
    """
    now, rung = now_of(request), draft.answers.get("danger") == "YES"
    if rung:
        raise_written(lookup_hash=receipt.lookup_hash(draft.code), now=now)
    context = {
        "code": draft.code,
        "rung": rung,
        "say": said_to(voice_of(draft.answers)),
        **wording.step_context(STEPS[-1], draft.answers, today=paris_day(now)),
    }
    return render(request, "public/report/sent_before.html", context, status=409)


def _page(
    request: HttpRequest,
    draft: HiddenDraft,
    step: FormPage,
    *,
    typed: Mapping[str, str] | None = None,
    wrong: Mapping[str, AnswerProblem] | None = None,
    notices: tuple[str, ...] = (),
    status: int = 200,
) -> HttpResponse:
    """Return the page of one question, with the encrypted draft in a hidden field.

    `typed` holds field values that are not in the draft, such as too long ones; `wrong` the error of each
    field; `notices` the codes of further messages. `step` is the page to show, `status` the HTTP status.
    """
    now, node = now_of(request), setup.current()
    challenge = None
    if step is STEPS[-1]:
        if draft.checked_at is None:
            draft = msgspec.structs.replace(draft, checked_at=int(now.timestamp()))
        challenge = new_challenge(
            secret=node.proof_secret,
            submission=draft.submission,
            now=now,
            weight=HEAVY if _is_heavy(request, draft, now) else 1,
        )
    pages = [page for page in STEPS if page in asked(draft.answers) or page is step]
    place = pages.index(step)
    answers = draft.answers | dict(typed or {})
    voice = voice_of(draft.answers)
    errors = wording.errors(step, wrong or {}, answers, whole="cut" not in notices)
    context = {
        "draft": seal(draft, keys=node.draft_keys, now=now),
        "new": request.method != "POST",
        "step": step,
        "number": place + 1,
        "of": len(pages),
        "first": place == 0,
        "last": step is STEPS[-1],
        "answers": {name: answers.get(name, "") for name in FIELDS},
        "errors": dict.fromkeys(FIELDS, "") | errors,
        "summed_up": errors,
        "notices": notices,
        "challenge": challenge,
        "keep_address": node.keep_address,
        "say": said_to(voice),
        "voice": voice.value,
        "questions": f"public/questions/{step.name}.html",
        **wording.step_context(step, draft.answers, today=paris_day(now)),
    }
    own = step in {STEPS[0], STEPS[-1]}
    page = f"public/report/{step.name if own else 'base'}.html"
    return render(request, page, context, status=status)


def _language() -> str:
    return "en" if (get_language() or "fr").startswith("en") else "fr"
