"""Form for a report that a person makes to the desk by telephone, in a letter or in person.

One page with the questions of the public form, filled in by a person of the desk; the questions are worded
for that person rather than for the reporter. The report is then processed like any other: the reporter's name
is sealed separately, a receipt code is made, and a child in danger raises the alarm.
"""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus

import msgspec
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.crypto import salted_hmac
from django.utils.translation import get_language, gettext_lazy, gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from fanal.accounts.domain.policy import reach
from fanal.accounts.queries.desks import desk_names
from fanal.accounts.routes import needs
from fanal.intake.domain.receipt import code_from
from fanal.intake.domain.records import Arrival, Format, KeyKind, Outcome, Submission
from fanal.intake.operations.receive import receive_reports
from fanal.kernel.clock import paris_day
from fanal.kernel.refusal import Refusal
from fanal.kernel.typed import whole_number
from fanal.web.account.actors import actor_of, now_of
from fanal.web.failures import reason_of
from fanal.web.posted import read_posted
from fanal.web.public.choices import OFFERED, AnswerChoice, offered_to
from fanal.web.public.draft import encode_report, identity_of, report_of
from fanal.web.public.saying import Text
from fanal.web.public.sayings import said_to
from fanal.web.public.steps import (
    ASKED_ON,
    BY_NAME,
    FIELDS,
    STEPS,
    TYPED_IN,
    Voice,
    dated,
    problems,
    take,
    voice_of,
)
from fanal.web.public.wording import QUESTIONS, errors, step_context

SAID: Mapping[str, Text] = {
    "choose": _("Choose what fits best."),
    "fill_in": _("Leave empty what is not known."),
    "empty_is_fine": _("Leave empty what is not known."),
    "child_lead": _("Leave empty what is not known."),
    "child_name_hint": "",
    "address_hint": _("One address a line."),
    "date_hint": _("As the person says it: Saturday, 24 November, 24/11/2026."),
    "time_hint": _("As the person says it: 9 in the evening, 21:14."),
    "no_pictures": "",
    "description": _("The facts, in the caller's words"),
    "description_hint": _("The child’s own words as they were said, who heard them, and when."),
    "conversation": _("The conversation, if its text is at hand"),
    "shots": _("Messages read from screenshots"),
    "shots_what": _("The person keeps the screenshots. Note the messages that count most."),
    "suspect_name": _("Name, if it is known"),
    "suspect_where": _("Where is this person?"),
    "meeting_soon": _(
        "A meeting within a few hours? Answer “Yes, right now” to the question of danger."
    ),
}
"""Sentences by name, in place of those of the public form (`sayings`); empty: none is shown."""

DANGER = tuple(replace(choice, hint="") for choice in OFFERED["danger"]["danger"])
"""Whether a child is in danger now; the hint of the public form is for who reports."""
_CHILD = {
    "KNOWN": _("A child whom the person knows"),
    "STRANGER": _("A child whom the person does not know"),
    "UNKNOWN": _("Nobody knows"),
}
CHILD = tuple(AnswerChoice(code=code, words=words) for code, words in _CHILD.items())
"""Who the child is; for a child or a parent on the telephone it follows from that."""


WAYS = (
    AnswerChoice(code=Arrival.PHONE, words=gettext_lazy("By telephone")),
    AnswerChoice(code=Arrival.LETTER, words=gettext_lazy("In a letter")),
    AnswerChoice(code=Arrival.VISIT, words=gettext_lazy("In person")),
)
CALLERS = (
    AnswerChoice(code=Voice.CHILD, words=gettext_lazy("The child concerned")),
    AnswerChoice(code=Voice.PARENT, words=gettext_lazy("A parent")),
    AnswerChoice(
        code=Voice.WITNESS, words=gettext_lazy("A witness, or an adult about their childhood")
    ),
    AnswerChoice(code=Voice.PROFESSIONAL, words=gettext_lazy("A professional")),
)
CONSENT = (
    AnswerChoice(code="ANONYMOUS", words=gettext_lazy("No, the person stays anonymous")),
    AnswerChoice(
        code="CONTACT",
        words=gettext_lazy("Yes, the person agrees to be called back"),
        hint=gettext_lazy("Name and contact are sealed apart from the report."),
    ),
)
_IN_FORM = ("what", "where", "saw", "who", "child", "meeting")
"""Pages of the public form whose questions are asked here in its own words for a professional."""
_MISSING = gettext_lazy("Choose one of the answers.")
_ONCE = 32
_CODE = "fanal.desk.entry.code"
"""Salt of the receipt codes, which follow from the key of their form and the installation's secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryPart:
    """A section of the form: the questions of one page of the public form.

    `name` is the name of that page, `template` renders its fields, `question` is the heading.
    """

    name: str
    template: str
    question: Text


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@needs("report.enter")
def enter(request: HttpRequest) -> HttpResponse:
    """Show the form for a report made to the desk (GET), or receive it and show its receipt code (POST).

    Besides the fields of the public form: `way` (PHONE, LETTER, VISIT), `desk`, and `once`, a random key of
    the form, so that a form sent twice with the same answers creates one report. A form with errors is shown
    again (status 422).
    """
    if request.method != "POST":
        return _page(request, {}, {}, once=secrets.token_hex(_ONCE // 2))
    posted = read_posted(request)
    now = now_of(request)
    answers: dict[str, str] = {}
    for step in STEPS:
        answers |= dated(step, take(step, posted.fields), now=now, lang=_language())
    given = {name: posted.get(name) for name in ("way", "desk", "once")}
    wrong: dict[str, Text] = {}
    for step in STEPS:
        wrong |= errors(step, problems(step, answers), answers, whole=posted.whole)
    for name, codes in (("way", {c.code for c in WAYS}), ("whom", set(Voice))):
        if (given | answers)[name] not in codes:
            wrong[name] = _MISSING
    if wrong or not posted.whole:
        return _page(request, answers | given, wrong, once=given["once"])
    return _receive(request, answers, given)


def _receive(
    request: HttpRequest, answers: Mapping[str, str], given: Mapping[str, str]
) -> HttpResponse:
    """Receive the report and show its receipt code; a form that was received before shows the same code.

    A browser shows only the answer to the last press. Therefore a form sent again with other answers creates
    a report of its own, and a form whose first sending is still being received is shown again (status 409),
    as that sending may yet fail.
    """
    now = now_of(request)
    language = _language()
    made = report_of(answers, language=language, today=paris_day(now))
    body, identity = encode_report(made), identity_of(answers, address=None, keep_child=True)
    key = _key_of(answers, given)
    code = code_from(salted_hmac(_CODE, key, algorithm="sha256").digest())
    submission = Submission(
        arrival=Arrival(given["way"]),
        format=Format.FORM,
        body=body,
        canonical=body + b"\n" + (identity or b""),
        keys=((KeyKind.SUBMISSION, key),),
        code=code,
        desk_id=whole_number(given["desk"], digits=9) or 0,
        language=language,
        urgent=made.emergency,
        identity=identity,
        to_child=voice_of(answers) is Voice.CHILD,
    )
    try:
        [answer] = receive_reports(actor=actor_of(request), submissions=[submission], now=now)
    except Refusal as refused:
        wrong: dict[str, Text] = {"desk": reason_of(refused)}
        return _page(request, {**answers, **given}, wrong, once=given["once"])
    if answer.outcome is Outcome.IN_PROGRESS:
        return _page(request, {**answers, **given}, {}, once=given["once"], underway=True)
    again = answer.outcome is not Outcome.CREATED
    context = {"code": code, "urgent": made.emergency, "again": again}
    status = HTTPStatus.OK if again else HTTPStatus.CREATED
    return render(request, "desk/entry_done.html", context, status=status)


def _language() -> str:
    return "en" if (get_language() or "fr").startswith("en") else "fr"


def _key_of(answers: Mapping[str, str], given: Mapping[str, str]) -> str:
    """Return the idempotency key of this form with these answers.

    It leaves out the fields that `dated` adds, so that it does not depend on the minute of sending.
    """
    added = {*ASKED_ON.values(), *TYPED_IN.values()}
    typed = {name: said for name, said in answers.items() if name not in added}
    digest = hashlib.sha256(msgspec.json.encode({**typed, **given}, order="sorted")).hexdigest()
    return f"entry-{given['once'][:_ONCE]}-{digest[:_ONCE]}"


def _page(
    request: HttpRequest,
    answers: Mapping[str, str],
    wrong: Mapping[str, Text],
    *,
    once: str,
    underway: bool = False,
) -> HttpResponse:
    """Return the page with the answers and the error of each field; `once` is the key of this form.

    `underway`: the report of this form is still being received.
    """
    voice, today = Voice.PROFESSIONAL, paris_day(now_of(request))
    context: dict[str, object] = {"say": {**said_to(voice), **SAID}, "voice": voice.value}
    for name in (*_IN_FORM, "danger"):
        step = BY_NAME[name]
        context |= step_context(step, answers, today=today) | offered_to(voice, step)
    context |= {"danger": DANGER, "child": CHILD}
    desk_ids = reach(actor_of(request), "report.enter").desk_ids
    context |= {
        "understood": "",
        "answers": {**dict.fromkeys((*FIELDS, "way", "desk"), ""), **answers},
        "errors": {**dict.fromkeys((*FIELDS, "way"), ""), **wrong},
        "summed_up": wrong,
        "parts": [
            EntryPart(
                name=name,
                template=f"public/questions/{name}.html",
                question=QUESTIONS[name].to(voice),
            )
            for name in _IN_FORM
        ],
        "ways": WAYS,
        "callers": CALLERS,
        "consent": CONSENT,
        "desks": sorted(desk_names(desk_ids=desk_ids).items()),
        "once": once,
        "underway": underway,
    }
    refused = HTTPStatus.CONFLICT if underway else HTTPStatus.UNPROCESSABLE_ENTITY
    status = refused if request.method == "POST" else HTTPStatus.OK
    return render(request, "desk/entry.html", context, status=status)
