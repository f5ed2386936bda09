"""Imminence: planned meetings and ages of minors, from phrase hits and stated facts.

Self-harm, ongoing acts and stated ages are lexicon phrases. A planned meeting is a meeting phrase with a
time or place close to it. The victim's age comes from the persons first.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import date

from fanal.analyse.domain.records import Because, Finding
from fanal.analyse.signals.domain.signals import SHOWN_FROM, Hit, cite
from fanal.formats.report.records import Person, PersonRole
from fanal.harmonise.domain.records import HarmonisedReport

MAX_AGE = 120
_NEAR = 6  # sentences after a meeting phrase that are searched for its time and place
_AGE = re.compile(r"\d{1,2}")


def find_imminence(
    report: HarmonisedReport, hits: Sequence[Hit], *, rule_version: str
) -> Iterator[Finding]:
    """Yield the findings on planned meetings and minors' ages in a report.

    `hits` are the lexicon phrases found in its text. A finding's code tells which of the two it is.
    `rule_version` is stored in each finding.
    """
    yield from _planned_meetings(hits, rule_version)
    yield from _ages(report, hits, rule_version)


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


def occurred_on(report: HarmonisedReport) -> str | None:
    """Return the start of the facts' period (RFC 3339); None if unknown."""
    return report.occurred.earliest if report.occurred else report.occurred_at


def _planned_meetings(hits: Sequence[Hit], rule_version: str) -> Iterator[Finding]:
    times = [h.place for h in hits if h.code == "DETAIL_TIME"]
    places = [h.place for h in hits if h.code == "DETAIL_PLACE"]
    best: tuple[float, Hit, bool, bool] | None = None
    for hit in hits:
        if hit.code != "GROOMING_MEETING" or hit.score < SHOWN_FROM:
            continue
        at_time = any(-1 <= p - hit.place <= _NEAR for p in times)
        at_place = any(-1 <= p - hit.place <= _NEAR for p in places)
        score = min(1.0, hit.score * (0.8 + 0.3 * at_time + 0.2 * at_place))
        if (at_time or at_place) and (best is None or score > best[0]):
            best = (score, hit, at_time, at_place)
    if best:
        score, hit, at_time, at_place = best
        details = [c for c, there in (("TIME", at_time), ("PLACE", at_place)) if there]
        yield Finding(
            code="IMMINENCE_MEETING_PLANNED",
            category="IMMINENCE",
            score=round(score, 3),
            value=cite(hit),
            because=Because(code="MEETING_WITH_DETAILS", parameters={"details": list(details)}),
            rule_version=rule_version,
            source=hit.sentence.utterance.path,
        )


def _ages(report: HarmonisedReport, hits: Sequence[Hit], rule_version: str) -> Iterator[Finding]:
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
