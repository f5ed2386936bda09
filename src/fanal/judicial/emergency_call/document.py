"""Document of an emergency call: the facts that the caller needs, and what to say in French and English."""

from collections.abc import Callable, Mapping
from uuid import UUID

import msgspec
from msgspec import Struct

from fanal.casework.domain.letters import LetterText
from fanal.judicial.domain.letters import spoken_start
from fanal.reference.words import Value

SCHEMA = "fanal/emergency-call/1"
Words = Callable[[str, Mapping[str, Value], str], str]
"""Renders a sentence from code, parameters and language (label kind `emergency_call_script`)."""
Label = Callable[[str, str, str], str]
"""Returns the label of a code: kind, code, language."""


class CallPlace(Struct, frozen=True, kw_only=True):
    """A place as a report states it, each part empty if not stated.

    `country` is an ISO code, or words that name no known country. `earliest` is the time of a meeting (RFC
    3339), `precision` the finest unit stated.
    """

    country: str = ""
    locality: str = ""
    postcode: str = ""
    earliest: str = ""
    precision: str = ""


class CalledPerson(Struct, frozen=True, kw_only=True):
    """A victim or a suspect as a caller names them: age in years, name, and `known` identifiers in words.

    `age` is None and `name` "" if the report does not state them.
    """

    age: int | None = None
    name: str = ""
    known: tuple[str, ...] = ()


class CallFacts(Struct, frozen=True, kw_only=True):
    """The facts of a report that an emergency call states; no data of the reporter.

    `number` is the report's desk number, `kind` its code. `child` is where the child is, `person` where the
    suspect is, `meeting` where and when they are to meet, None without a planned meeting. `earliest` is the
    start of the incident (RFC 3339), `precision` the finest unit stated; empty if unknown. `victims` and
    `suspects` are the persons named. `platform` is the service on which they met.
    """

    report_id: UUID
    number: str
    kind: str = ""
    child: CallPlace = CallPlace()
    person: CallPlace = CallPlace()
    meeting: CallPlace | None = None
    victims: tuple[CalledPerson, ...] = ()
    suspects: tuple[CalledPerson, ...] = ()
    earliest: str = ""
    precision: str = ""
    platform: str = ""

    @property
    def country(self) -> str | None:
        """Where the child is: an ISO code, or words that name no known country; None if nothing is stated."""
        return self.child.country or None


class CallDocument(Struct, frozen=True, kw_only=True):
    """The content of an emergency call as it was opened: facts, and what to say in both languages.

    `schema` names the format and its version.
    """

    schema: str
    facts: CallFacts
    text: LetterText


class Said(Struct, frozen=True, kw_only=True):
    """One line of what the caller says: its heading and its words.

    `code` names the line, `name` is its heading for display. `missing`: the report does not state it; `words`
    say so.
    """

    code: str
    name: str
    words: str
    missing: bool = False


def write_call(facts: CallFacts, *, words: Words, label: Label) -> bytes:
    """Serialise an emergency call: its facts, and the sentences to say in both languages (canonical JSON).

    `words` and `label` render the sentences and the names of codes in a language.
    """
    text = LetterText(*(_text(facts, words, label, lang) for lang in ("fr", "en")))
    document = CallDocument(schema=SCHEMA, facts=facts, text=text)
    return msgspec.json.encode(document, order="deterministic")


def read_call(content: bytes) -> CallDocument:
    """Decode the document of an emergency call (JSON), as `write_call` serialised it.

    Raises:
        msgspec.ValidationError: the bytes are not those of a call.
    """
    return msgspec.json.decode(content, type=CallDocument)


def words_to_say(facts: CallFacts, *, words: Words, label: Label, lang: str) -> tuple[Said, ...]:
    """Return what the caller says, line by line: place, planned meeting, child, person, date, kind, number.

    `words` and `label` render texts and codes in `lang` (fr or en). What the report does not state is a line
    too (`missing`), so that the caller says so; a planned meeting without any has no line.
    """
    found = {
        "PLACE": _place(facts.child, label, lang),
        "MEETING": _meeting(facts.meeting, label, lang),
        "CHILD": _people(facts.victims, words, lang),
        "PERSON": ", ".join(
            part
            for part in (
                _people(facts.suspects, words, lang, platform=facts.platform),
                _place(facts.person, label, lang),
            )
            if part
        ),
        "WHEN": _when(facts, lang),
        "WHAT": label("report_kind", facts.kind, lang) if facts.kind else "",
        "NUMBER": facts.number,
    }
    return tuple(
        Said(
            code=code,
            name=words(code, {}, lang),
            words=said or words(f"NO_{code}", {}, lang),
            missing=not said,
        )
        for code, said in found.items()
        if code != "MEETING" or facts.meeting is not None
    )


def _text(facts: CallFacts, words: Words, label: Label, lang: str) -> str:
    lines = words_to_say(facts, words=words, label=label, lang=lang)
    joint = ": " if lang == "en" else "\u00a0: "
    return "\n".join([words("HEAD", {}, lang), *(f"{x.name}{joint}{x.words}" for x in lines)])


def _place(place: CallPlace, label: Label, lang: str) -> str:
    country = label("country", place.country, lang) if place.country else ""
    town = " ".join(part for part in (place.postcode, place.locality) if part)
    return ", ".join(part for part in (town, country) if part)


def _meeting(meeting: CallPlace | None, label: Label, lang: str) -> str:
    if meeting is None:
        return ""
    where = _place(meeting, label, lang)
    return ", ".join(part for part in (_when(meeting, lang), where) if part)


def _people(
    people: tuple[CalledPerson, ...], words: Words, lang: str, *, platform: str = ""
) -> str:
    named = "; ".join(one for one in (_person(person, words, lang) for person in people) if one)
    if lang != "en":
        named = named.replace("; ", "\u00a0; ")
    if named and platform:
        return words("MET", {"who": named, "platform": platform}, lang)
    return named


def _person(person: CalledPerson, words: Words, lang: str) -> str:
    age = "" if person.age is None else words("AGE", {"age": person.age}, lang)
    return ", ".join(part for part in (age, person.name, *person.known) if part)


def _when(stated: CallFacts | CallPlace, lang: str) -> str:
    if not stated.earliest:
        return ""
    return spoken_start(stated.earliest, stated.precision, lang)
