"""Conversion of the form's answers into the report format (`form/1`) and a separate identity. Pure."""

import re
from collections.abc import Iterator, Mapping
from datetime import date
from functools import lru_cache

import msgspec
from msgspec import Struct

from fanal import reference
from fanal.formats.report.records import (
    Channel,
    Handle,
    Message,
    Person,
    PersonRole,
    PlaceRole,
    ReportKind,
    Stated,
    StatedPlace,
)
from fanal.harmonise.domain.redaction.search import fold, told_by
from fanal.web.public.steps import (
    COPIED,
    SERVICES,
    Voice,
    child_of,
    is_email,
    is_phone,
    time_of,
    typed_time,
    without_hidden,
)
from fanal.web.public.written_ages import is_age_alone, read_age
from fanal.web.public.written_times import WrittenTime

# Parser of pasted conversations: messages with their speakers. Pure; no text is lost.

_MARKS = (
    "\u200e\u200f\u202a\u202b\u202c\ufeff"  # direction marks that messaging apps put in exports
)
_STAMP = (
    r"(?:\[(?P<boxed>[^\]\n]{4,40})\]\s*"
    r"|(?P<plain>\d{1,4}[/.-]\d{1,2}[/.-]\d{1,4},? (?:à )?\d{1,2}[:h]\d{2}(?::\d{2})?(?: [AP]M)?)"
    r"\s*[-–—]\s*"
    r"|(?P<hour>\d{1,2}[:h]\d{2})\s+)?"
)
_LINE = re.compile(_STAMP + r"(?P<speaker>[^:\n]{1,40}?)\s?: ?(?P<text>.+)")
_SCHEME = re.compile(r"(?:h..ps?|ftp|tel|mailto)$", re.IGNORECASE)
MOST_MESSAGES = 2_000


def read_conversation(text: str) -> tuple[Message, ...]:
    """Return the messages of a pasted text with one `name: words` a line.

    A time before the name is kept as written. A line without a name continues the previous message; text
    before the first name is a message without speaker. Beyond two thousand messages the rest is one message.
    """
    messages: list[Message] = []
    lines = [line.strip(_MARKS + " \t") for line in text.split("\n")]
    for index, line in enumerate(lines):
        if len(messages) >= MOST_MESSAGES:
            messages.append(Message(text="\n".join(lines[index:]).strip()))
            break
        if line:
            _take(line, messages)
    return tuple(messages)


def _take(line: str, messages: list[Message]) -> None:
    match = _LINE.fullmatch(line)
    if match is None or _SCHEME.search(match["speaker"]):
        if messages:
            last = messages[-1]
            text = f"{last.text}\n{line}" if last.text else line
            messages[-1] = Message(speaker=last.speaker, at=last.at, text=text)
        else:
            messages.append(Message(text=line))
        return
    stamp = match["boxed"] or match["plain"] or match["hour"]
    messages.append(Message(speaker=match["speaker"].strip(), at=stamp, text=match["text"]))


MOST_ADDRESSES = 200
_TEXTS = (
    "description", "conversation", *COPIED, "suspect_contact", "suspect_town", "child_age", "child_town",
    "meeting_town", "date", "time", "meeting_date", "meeting_time", "service",
)  # fmt: skip
_REPORTERS: Mapping[str, Stated] = {
    Voice.PARENT: Stated.REPORTER_IS_PARENT,
    Voice.PROFESSIONAL: Stated.REPORTER_IS_PROFESSIONAL,
}
_POSTCODE = re.compile(r"(?<!\w)\d{5}(?!\w)", re.ASCII)
_HOME = "FR"
_WHERE: Mapping[str, str] = {"FRANCE": _HOME, "ABROAD": "ABROAD"}
_ANY_DAY = date(2000, 1, 1)
"""A day for questions that ask only whether one was given."""
_ALSO = {"usa": "US", "angleterre": "GB", "england": "GB", "uk": "GB", "hollande": "NL"}


class FormReport(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A report from the public form, with the fields of the report format (`formats.report`) but `reference`.

    Its id and receipt identify it instead. It is stored in the format `form/1`. `stated` holds codes of
    answers for which the report format has no field; none identifies a person.

    The other fields have the meaning of those of `formats.report.Report`.
    """

    kind: ReportKind
    emergency: bool = False
    occurred_at: str | None = None
    language: str | None = None
    channel: Channel | None = None
    platform: str | None = None
    urls: tuple[str, ...] = ()
    description: str | None = None
    conversation: tuple[Message, ...] = ()
    persons: tuple[Person, ...] = ()
    places: tuple[StatedPlace, ...] = ()
    stated: tuple[Stated, ...] = ()


class ReporterSaid(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The reporter's identity as given in the form: sealed (encrypted) apart from the report, by another key.

    `is_child`: the reporter is the child concerned. `address` (IP) is set, else None, only where the desk's
    law requires its retention (FANAL_KEEP_REPORTER_ADDRESS).
    """

    name: str | None = None
    email: str | None = None
    phone: str | None = None
    is_child: bool = False
    address: str | None = None


def report_of(answers: Mapping[str, str], *, language: str, today: date) -> FormReport:
    """Return the report that the answers describe; no typed text that the form shows is lost.

    Of the reporter it holds only values that occur in the texts, so that `harmonise` can keep them out of
    identifiers and search terms. "I don't know" leaves a field empty, except for the question about danger.
    "Today" is the day of the answer, so that a repetition after midnight gives the same report; `today` is
    used when none was stored.
    """
    answers = without_hidden(answers)
    addresses = [line.strip() for line in answers.get("address", "").split("\n") if line.strip()]
    return FormReport(
        kind=ReportKind(answers["kind"]),
        emergency=answers.get("danger") == "YES",
        occurred_at=_occurred_at(answers, today),
        language=language,
        channel=_channel(answers),
        platform=_platform(answers),
        urls=tuple(addresses[:MOST_ADDRESSES]),
        description=_described(answers, addresses[MOST_ADDRESSES:], today),
        conversation=_conversation(answers),
        persons=tuple(
            p for p in (_suspect(answers), _child(answers), _reporter(answers)) if p is not None
        ),
        places=tuple(_places(answers, today)),
        stated=tuple(_stated(answers)),
    )


def encode_report(report: FormReport) -> bytes:
    """Return a report from the form as JSON bytes, to be sealed (encrypted) and submitted."""
    return msgspec.json.encode(report)


def identity_of(
    answers: Mapping[str, str], *, address: str | None, keep_child: bool = False
) -> bytes | None:
    """Return the reporter's identity, to be sealed apart from the report, as JSON; None if it is empty.

    `address`: the IP address, if the desk keeps it. A name or contact typed before choosing anonymity is left
    out. With `keep_child`, the name of a child who reports, which is the child's own, is kept even so.
    """
    named = answers.get("contact") == "CONTACT"
    own_name = _said(answers, "child_name") if child_of(answers) == "ME" else None
    own_name = own_name if named or keep_child else None
    identity = ReporterSaid(
        name=(_said(answers, "your_name") if named else None) or own_name,
        email=_said(answers, "your_email") if named else None,
        phone=_said(answers, "your_phone") if named else None,
        is_child=child_of(answers) == "ME",
        address=address,
    )
    return None if identity == ReporterSaid() else msgspec.json.encode(identity)


def _reporter(answers: Mapping[str, str]) -> Person | None:
    """Return the reporter with only the name, e-mail and phone that occur in the texts, even when anonymous.

    `harmonise` keeps these out of identifiers and search terms. None if there are none.
    """
    texts = "\n".join(answers.get(name, "") for name in _TEXTS)
    name = _said(answers, "your_name")
    if name is None and child_of(answers) == "ME":
        name = _said(answers, "child_name")
    email, phone = _said(answers, "your_email"), _said(answers, "your_phone")
    told = [part for own in (name, email, phone) if own for part in told_by(texts, own)]
    names = dict.fromkeys(part for part in told if part not in {email, phone})
    reporter = Person(
        role=PersonRole.REPORTER,
        name=" ".join(names) or None,
        emails=(email,) if email in told else (),
        phones=(phone,) if phone in told else (),
    )
    return None if reporter == Person(role=PersonRole.REPORTER) else reporter


def _stated(answers: Mapping[str, str]) -> Iterator[Stated]:
    if answers.get("danger") == "UNKNOWN":
        yield Stated.DANGER_UNKNOWN
    if child_of(answers) == "ME":
        yield Stated.REPORTER_IS_CHILD
    elif answers.get("whom") in _REPORTERS:
        yield _REPORTERS[answers["whom"]]


def _said(answers: Mapping[str, str], name: str) -> str | None:
    return answers.get(name, "").strip() or None


def _occurred_at(answers: Mapping[str, str], today: date) -> str | None:
    return _stamp(time_of(answers, today=today))


def _stamp(time: WrittenTime) -> str | None:
    if time.day is None:
        return None
    return f"{time.day.isoformat()}T{time.clock}" if time.clock else time.day.isoformat()


def _places(answers: Mapping[str, str], today: date) -> Iterator[StatedPlace]:
    """Yield the places that the answers name: first a planned meeting, then those of child and person.

    If only the plan of a meeting is known, its place is without parts.
    """
    if _meets(answers):
        at = _stamp(time_of(answers, today=today, asked="meeting_when"))
        yield _place(PlaceRole.MEETING, answers, "meeting", at=at)
    for role, whose in ((PlaceRole.CHILD, "child"), (PlaceRole.PERSON, "suspect")):
        place = _place(role, answers, whose)
        if place != StatedPlace(role=role):
            yield place


def _meets(answers: Mapping[str, str]) -> bool:
    """Return whether the answers state a planned meeting: a “yes”, or its day or place without a “no”."""
    time = time_of(answers, today=_ANY_DAY, asked="meeting_when")
    told = time.day is not None or time.unclear
    told = told or any(_said(answers, name) for name in ("meeting_town", "meeting_country"))
    return answers.get("meeting") == "YES" or (told and answers.get("meeting") != "NO")


def _place(
    role: PlaceRole, answers: Mapping[str, str], whose: str, *, at: str | None = None
) -> StatedPlace:
    """Return the place that the answers about `whose` name; a French postcode is separated from the town.

    No country is assumed: a town alone may be anywhere. “In another country” without its name is ABROAD.
    """
    town, named = _said(answers, f"{whose}_town"), _said(answers, f"{whose}_country")
    country = country_of(named) or named or _WHERE.get(answers.get(f"{whose}_where", ""))
    code = _POSTCODE.search(town) if town and country == _HOME else None
    if town and code:
        town = re.sub(r"\s+", " ", f"{town[: code.start()]} {town[code.end() :]}").strip(" ,()")
    return StatedPlace(
        role=role,
        country=country,
        locality=town or None,
        postcode=code[0] if code else None,
        at=at,
    )


def country_of(name: str | None) -> str | None:
    """Return the ISO 3166-1 code of a country from its French or English name or code; None if unknown."""
    return _countries().get(_folded(name)) if name else None


@lru_cache(maxsize=1)
def _countries() -> Mapping[str, str]:
    codes = reference.load().words.codes("country")
    names = {
        _folded(reference.label("country", c, lang)): c for c in codes for lang in ("fr", "en")
    }
    return names | {_folded(code): code for code in codes} | _ALSO


def _folded(name: str) -> str:
    """Return a country's name for comparison: lower case, no accents, no signs, no French article."""
    words = re.findall(r"\w+", fold(name))
    return "".join(words[1:] if len(words) > 1 and words[0] in {"le", "la", "les", "l"} else words)


def _platform(answers: Mapping[str, str]) -> str | None:
    """Return the service and the room in the answers as `service:room`; if only one is given, that one.

    The stage `harmonise` reads this notation. None if neither is given.
    """
    service, room = next(iter(services_of(answers)), None), _said(answers, "room")
    return f"{service}:{room}" if service and room else service or room


def services_of(answers: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names of the services in the answers; the first one is the platform of the report.

    Ticked services come first, those of the chosen channel before the others; a typed name is last.
    """
    ticked = [service for service in SERVICES if answers.get(service.field)]
    ticked.sort(key=lambda service: service.channel != answers.get("channel"))
    names = {service.name.casefold(): service.name for service in ticked}
    if typed := _said(answers, "service"):
        names.setdefault(typed.casefold(), typed)
    return tuple(names.values())


def _channel(answers: Mapping[str, str]) -> Channel | None:
    """Return the channel of the answers; if none is chosen, that of the first ticked service."""
    chosen = answers.get("channel", "")
    if chosen in set(Channel):
        return Channel(chosen)
    return next((service.channel for service in SERVICES if answers.get(service.field)), None)


def _conversation(answers: Mapping[str, str]) -> tuple[Message, ...]:
    """Return the messages of the pasted conversation, then those copied by hand."""
    texts = ("conversation", *COPIED)
    return tuple(m for name in texts for m in read_conversation(answers.get(name, "")))


def _described(answers: Mapping[str, str], more_addresses: list[str], today: date) -> str | None:
    recognised = [
        line
        for line in map(str.strip, answers.get("suspect_contact", "").split("\n"))
        if not (_is_name(line) or is_email(line) or is_phone(line))
    ]
    parts = [answers.get("description", "").strip(), *more_addresses, *recognised]
    parts += [", ".join(services_of(answers)[1:]), *_as_written(answers, today)]
    return "\n".join(part for part in parts if part) or None


def _is_name(line: str) -> bool:
    """Return whether a line of “How to recognise them” is one word and so perhaps a user name."""
    return len(line.split()) == 1 and any(map(str.isalnum, line))


def _as_written(answers: Mapping[str, str], today: date) -> Iterator[str]:
    """Yield the typed answers that no field of the report holds completely; "" in place of the others.

    They are days, hours and ages; and the town and country of a meeting, if the answers deny one.
    """
    told = _meets(answers)
    for asked in ("when", "meeting_when"):
        time = time_of(answers, today=today, asked=asked)
        held = time.whole and time.day is not None and (asked == "when" or told)
        yield "" if held else typed_time(answers, asked=asked)
    if not told:
        yield from (answers.get(f"meeting_{part}", "").strip() for part in ("town", "country"))
    age = answers.get("child_age", "").strip()
    yield "" if is_age_alone(age) else age


def _suspect(answers: Mapping[str, str]) -> Person | None:
    lines = [line.strip() for line in answers.get("suspect_contact", "").split("\n")]
    emails = tuple(line for line in lines if is_email(line))
    phones = tuple(line for line in lines if is_phone(line))
    others = [line for line in lines if line not in (*emails, *phones) and _is_name(line)]
    nickname = _said(answers, "nickname")
    services = services_of(answers) or (None,)
    handles = [Handle(value=nickname, platform=name) for name in services] if nickname else []
    handles += [Handle(value=line) for line in others]
    suspect = Person(
        role=PersonRole.SUSPECT,
        name=_said(answers, "suspect_name"),
        handles=tuple(handles),
        emails=emails,
        phones=phones,
    )
    return None if suspect == Person(role=PersonRole.SUSPECT) else suspect


def _child(answers: Mapping[str, str]) -> Person | None:
    """Return the child of the answers as a person with age and name, None if neither is given.

    A child who is the reporter has no name here.
    """
    is_reporter = child_of(answers) == "ME"
    child = Person(
        role=PersonRole.VICTIM,
        name=None if is_reporter else _said(answers, "child_name"),
        age=read_age(answers.get("child_age", "")),
    )
    return None if child == Person(role=PersonRole.VICTIM) else child
