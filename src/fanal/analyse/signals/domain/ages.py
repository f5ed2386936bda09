"""Ages stated in a report: ages of minors, and contradictory ages of the same person.

An adult who poses as a child states an age under 18, and elsewhere one of 21 or more. The ages in
conversations and on accounts are compared by user name, those in the reporter's description by pronoun.
Ages of 18 to 20 count as neither, since children state them to open an account.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date

from msgspec import Struct

from fanal.analyse.domain.records import Because, Finding, Parameters
from fanal.analyse.signals.domain.signals import Hit
from fanal.analyse.signals.domain.text import Sentence, normalize_word, sentences, utterances
from fanal.formats.report.records import Person, PersonRole
from fanal.harmonise.domain.records import HarmonisedReport

MAX_AGE = 120
_CITED = 240
_SEARCHED = 2_000  # sentences of a report that are searched for own ages
_MINOR = range(6, 18)
_ADULT = range(21, 100)
_AGE = re.compile(r"\d{1,2}")


def find_ages(
    report: HarmonisedReport, hits: Sequence[Hit], *, rule_version: str
) -> Iterator[Finding]:
    """Yield the findings on minors' ages in a report, and on adults who state the age of a child.

    `hits` are the lexicon phrases found in its text. `rule_version` is stored in each finding.
    """
    yield from _minors(report, hits, rule_version)
    yield from _pretences(report, rule_version)


def age_of(person: Person, *, on: str | None) -> int | None:
    """Return the stated age, else the age from the birth date on the day `on` (RFC 3339), else None.

    An age outside 0..120 counts as not stated.
    """
    if person.age is not None and 0 <= person.age <= MAX_AGE:
        return person.age
    try:
        born = date.fromisoformat(person.birth_date or "")
        day = date.fromisoformat((on or "")[:10])
    except ValueError:
        return None
    years = day.year - born.year - ((day.month, day.day) < (born.month, born.day))
    return years if 0 <= years <= MAX_AGE else None


def youngest_victim(persons: Sequence[Person], *, on: str | None) -> int | None:
    """Return the age in years of the youngest victim whose age is stated, None without one.

    `on`: the day of the incident (RFC 3339), from which an age follows for a birth date.
    """
    victims = [person for person in persons if person.role is PersonRole.VICTIM]
    return min(
        (age for person in victims if (age := age_of(person, on=on)) is not None), default=None
    )


def occurred_on(report: HarmonisedReport) -> str | None:
    """Return the earliest time of the incident (RFC 3339), else its time as reported, else None."""
    return report.occurred.earliest if report.occurred else report.occurred_at


def _minors(report: HarmonisedReport, hits: Sequence[Hit], rule_version: str) -> Iterator[Finding]:
    for index, person in enumerate(report.persons):
        age = age_of(person, on=occurred_on(report))
        if person.role is PersonRole.VICTIM and age is not None and age < 18:
            yield Finding(
                code="IMMINENCE_VICTIM_AGE",
                category="IMMINENCE",
                score=1.0,
                value=str(age),
                because=Because(code="AGE_OF_VICTIM", parameters={"age": age}),
                rule_version=rule_version,
                source=f"persons[{index}].age",
            )
    youngest = _youngest_stated(hits)
    if youngest:
        age, hit = youngest
        yield Finding(
            code="IMMINENCE_VICTIM_AGE",
            category="IMMINENCE",
            score=0.5,
            value=str(age),
            because=Because(code="AGE_STATED", parameters={"age": age}),
            rule_version=rule_version,
            source=hit.sentence.utterance.path,
        )


def _youngest_stated(hits: Sequence[Hit]) -> tuple[int, Hit] | None:
    stated: list[tuple[int, Hit]] = []
    for hit in hits:
        if hit.code == "IMMINENCE_AGE_STATED":
            figures = _AGE.findall(hit.sentence.utterance.text[hit.start : hit.end])
            stated.extend((int(f), hit) for f in figures if 4 <= int(f) <= 17)
    return min(stated, key=lambda pair: pair[0]) if stated else None


# Ages of one person that contradict one another.
#
# Patterns read the words of a sentence in normal form, joined by spaces, with numbers as digits: "I'm
# fourteen" is "i m 14".

_NUMBERS = {
    word: str(number)
    for number, words in {
        8: "eight huit", 9: "nine neuf", 10: "ten dix", 11: "eleven onze", 12: "twelve douze",
        13: "thirteen treize", 14: "fourteen quatorze", 15: "fifteen quinze", 16: "sixteen seize",
        17: "seventeen", 30: "thirty trente", 40: "forty quarante", 50: "fifty cinquante",
        60: "sixty soixante",
    }.items()
    for word in words.split()
}  # fmt: skip
_FILLED = (
    r"(?:(?:actually|really|in fact|just|only|also|still|now|en fait|en vrai|vraiment|que|juste"
    r"|seulement|aussi|bien|moi|realmente|eigentlich|auch|erst|schon|ja) ){0,2}"
)
_UNIT = r"(?:ans|an|anos|anni|jahre|jaar|лет|год|года|سنه|سنة|عام|years?|yrs?|yo)\b"
_AFTER = (
    r"(?= (?:years?|yrs?|yo|y|old|and|but|too|now|u|you|wbu|hbu|f|m|girl|boy|male|female|from|in|so"
    r"|btw|lol|jahre|und|also|as well|tho|though|almost|nearly|лет|год|года|سنه|سنة|عام)\b|$)"
)
_UNSURE = r"(?<!when )(?<!if )(?<!once )(?<!until )(?<!like )(?<!quand )(?<!si )(?<!wenn )"
_OWN = re.compile(
    rf"{_UNSURE}\b(?:(?:i m|im|i am|ich bin|ik ben|мне|عمري) {_FILLED}(?P<plain>\d{{1,2}}){_AFTER}"
    rf"|(?:j ai|jai|tengo|tenho|ho) {_FILLED}(?P<unit>\d{{1,2}}) {_UNIT})"
)
_CLAIM = re.compile(
    r"\b(?:(?P<who>he|she|they|il|elle) (?:had |has |a |me |m |nous |lui |se |s )?)"
    r"(?:said|says|told|claims|claimed|pretends|pretended|dit|disait|pretend|pretendait|affirme"
    r"|affirmait|assure|assurait|fait passer|faisait passer|est fait passer)\b"
    r"(?: \w{1,20}){0,7}? (?P<age>\d{1,2})\b"
)
_SUBJECT = re.compile(r"\b(?:he|she|they|il|elle|i|j|je|we|nous|on)\b")
_REAL = re.compile(
    rf"\b(?P<who>he|she|they|il|elle) (?:s|is|are|was|a|en a|avait|en avait) {_FILLED}(?P<age>\d{{1,2}})\b"
    r"(?! (?:times|minutes|euros|fois|jours|days|mois|months|km|h)\b)"
)


class _Own(Struct, frozen=True):
    """An age that a speaker of a conversation states as their own, with the sentence."""

    age: int
    sentence: Sentence


def _pretences(report: HarmonisedReport, rule_version: str) -> Iterator[Finding]:
    own = _own_ages(report)
    held = _ages_of_accounts(report)
    for key, ages in own.items():
        yield from _two_own_ages(ages, rule_version)
        yield from _against_account(ages, held.get(key, []), rule_version)
    yield from _two_ages_of_an_account(held, rule_version)
    yield from _told(report, rule_version)


def _own_ages(report: HarmonisedReport) -> dict[str, list[_Own]]:
    """Return the ages that each speaker states as their own, in order, by the speaker's name in normal form.

    Only the first `_SEARCHED` sentences are searched.
    """
    found: dict[str, list[_Own]] = defaultdict(list)
    for count, sentence in enumerate(_spoken(report)):
        if count >= _SEARCHED:
            break
        for match in _OWN.finditer(_words(sentence)):
            age = int(match["plain"] or match["unit"])
            found[_name(sentence.utterance.speaker or "")].append(_Own(age, sentence))
    return found


def _spoken(report: HarmonisedReport) -> Iterator[Sentence]:
    for utterance in utterances(report):
        if utterance.speaker is not None:
            yield from sentences(utterance)


def _words(sentence: Sentence) -> str:
    return " ".join(_NUMBERS.get(token.word, token.word) for token in sentence.tokens)


def _name(written: str) -> str:
    return normalize_word(written.strip().removeprefix("@"))


def _ages_of_accounts(report: HarmonisedReport) -> dict[str, list[tuple[int, str]]]:
    """Return the ages of the suspects as (age, path of the person), by user name and name in normal form."""
    held: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for index, person in enumerate(report.persons):
        age = age_of(person, on=occurred_on(report))
        if person.role is PersonRole.SUSPECT and age is not None:
            names = {_name(handle.value) for handle in person.handles} | {_name(person.name or "")}
            for name in names - {""}:
                held[name].append((age, f"persons[{index}]"))
    return held


def _two_own_ages(ages: Sequence[_Own], rule_version: str) -> Iterator[Finding]:
    young = next((own for own in ages if own.age in _MINOR), None)
    grown = next((own for own in ages if own.age in _ADULT), None)
    if young is not None and grown is not None:
        later = ages[max(ages.index(young), ages.index(grown))]
        yield _finding(
            "AGES_CONTRADICT", 0.85, later.sentence, rule_version,
            {"ages": [str(young.age), str(grown.age)]},
        )  # fmt: skip


def _against_account(
    ages: Sequence[_Own], held: Sequence[tuple[int, str]], rule_version: str
) -> Iterator[Finding]:
    for age, path in held:
        for own in ages:
            if _contradict(own.age, age):
                yield _finding(
                    "AGE_AGAINST_ACCOUNT", 0.95, own.sentence, rule_version,
                    {"said": str(own.age), "held": str(age), "place": path},
                )  # fmt: skip
                return


def _contradict(one: int, other: int) -> bool:
    return (one in _MINOR and other in _ADULT) or (one in _ADULT and other in _MINOR)


def _two_ages_of_an_account(
    held: dict[str, list[tuple[int, str]]], rule_version: str
) -> Iterator[Finding]:
    for name, ages in held.items():
        young = next((age for age, _ in ages if age in _MINOR), None)
        grown = next(((age, path) for age, path in ages if age in _ADULT), None)
        if young is not None and grown is not None:
            parameters: Parameters = {"ages": [str(young), str(grown[0])], "name": name[:80]}
            yield Finding(
                code="GROOMING_MINOR_PRETENCE",
                category="GROOMING",
                score=0.8,
                value=name[:_CITED],
                because=Because(code="ACCOUNT_AGES_CONTRADICT", parameters=parameters),
                rule_version=rule_version,
                source=f"{grown[1]}.age",
            )


def _told(report: HarmonisedReport, rule_version: str) -> Iterator[Finding]:
    """Yield one finding if the description says that a person claims a child's age, and is an adult.

    The claim and the adult age must have the same pronoun, and be in the same sentence or the next one. Only
    the first such pair is yielded. `rule_version` is stored in the finding.
    """
    said = [
        sentence
        for utterance in utterances(report)
        if utterance.speaker is None and any(sign.isdigit() for sign in utterance.text)
        for sentence in sentences(utterance)
    ][:_SEARCHED]
    texts = [_words(sentence) for sentence in said]
    for place, text in enumerate(texts):
        claim = _CLAIM.search(text)
        if claim is None or int(claim["age"]) not in _MINOR:
            continue
        if set(_SUBJECT.findall(text[claim.start("who") : claim.end()])) != {claim["who"]}:
            continue  # somebody else's age, or told to somebody else
        around = [text[: claim.start()], text[claim.end() :], *texts[place + 1 : place + 2]]
        for real in (match for words in around for match in _REAL.finditer(words)):
            if real["who"] == claim["who"] and int(real["age"]) in _ADULT:
                yield _finding(
                    "AGES_TOLD_CONTRADICT", 0.7, said[place], rule_version,
                    {"ages": [claim["age"], real["age"]]},
                )  # fmt: skip
                return


def _finding(
    because: str, score: float, sentence: Sentence, rule_version: str, parameters: Parameters
) -> Finding:
    utterance = sentence.utterance
    if utterance.speaker is not None:
        parameters = {"speaker": utterance.speaker[:80]} | parameters
    return Finding(
        code="GROOMING_MINOR_PRETENCE",
        category="GROOMING",
        score=score,
        value=utterance.text[sentence.start : sentence.end].strip()[:_CITED],
        because=Because(code=because, parameters=parameters),
        rule_version=rule_version,
        source=utterance.path,
    )
