"""Legal qualification: the articles that match the facts, in the wordings in force on the days of the facts.

When the law changed between the earliest and the latest day of the facts, both wordings are given; the
choice is left to the reader. `measure_basis` alone decides which basis may open a measure.
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from functools import lru_cache

from msgspec import Struct

from fanal.analyse.domain.records import Because
from fanal.formats.report.records import Person, PersonRole, PlaceRole
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.kernel.calendar import paris_day
from fanal.orient.domain.records import Basis, OrientItem, Reading
from fanal.reference import Catalogue, MeasureRule, Offence, Qualification

# The facts that qualification reads from a report: days, ages, places, material, addresses.

_MATERIAL_FINDINGS = frozenset({"KNOWN_HASH", "KNOWN_ADDRESS"})
_LIKELY = 0.5
_NOT_MATERIAL = frozenset({"NONE", "0", "NON_PERTINENT"})


class _Asked(Struct, frozen=True, kw_only=True):
    """The facts that the conditions of the legal rules read: a cache key, equal for many reports of a batch.

    `received` is the day of receipt in Europe/Paris; `material`: the report has abuse material, `payment`:
    payments. `signals` are the codes of its likely findings; `victim_ages` are (age on the first day, age on
    the last day of the facts); `ages_unknown`: a victim of unknown age is possible.
    """

    received: date
    kind: str
    signals: frozenset[str]
    material: bool
    payment: bool
    victim_ages: tuple[tuple[int, int], ...]
    ages_unknown: bool


class Facts(_Asked, frozen=True, kw_only=True):
    """The facts of one report, as the legal rules read them; further fields in `_Asked`.

    `first` to `last` are the days of the facts in Europe/Paris, inclusive. `dated`: the source gave these
    days, else both are the day of receipt. `victim_ages` holds the age on `first` and on `last` of each
    victim whose age is known; `ages_unknown` means that there may be a victim of unknown age. `targets` are
    the web addresses that a removal request could name, without onion services; `onion_only`: there are only
    onion services. `danger`: a child is in danger. `victim_countries`, `suspect_countries` and
    `facts_country` (the place of the facts, None if unknown) are ISO 3166-1 codes. `empty`: the report has no
    content except its envelope (sender, dates, kind).
    """

    first: date
    last: date
    dated: bool
    targets: tuple[str, ...]
    onion_only: bool
    danger: bool
    victim_countries: frozenset[str]
    suspect_countries: frozenset[str]
    facts_country: str | None
    empty: bool


def read_facts(item: OrientItem) -> Facts:
    """Extract the facts that the legal rules need from a report and its findings."""
    report = item.report
    received = paris_day(item.received_at)
    place = report.place_of_facts()
    first, last, dated = _days(report, received)
    victims = [person for person in report.persons if person.role is PersonRole.VICTIM]
    ages = [_age_range(person, first, last) for person in victims]
    signals = _signals(item)
    known = tuple(age for age in ages if age is not None)
    targets = tuple(
        dict.fromkeys(u.canonical for u in report.urls if u.canonical and not _onion(u.host))
    )
    return Facts(
        first=first,
        last=last,
        received=received,
        dated=dated,
        kind=report.kind.value,
        signals=signals,
        material=_material(report, signals),
        payment=bool(report.payments),
        victim_ages=known,
        ages_unknown=len(known) < len(ages) or not ages,
        targets=targets,
        onion_only=not targets and any(_onion(url.host) for url in report.urls),
        danger=_danger(item),
        victim_countries=_countries(report, PersonRole.VICTIM, PlaceRole.CHILD),
        suspect_countries=_countries(report, PersonRole.SUSPECT, PlaceRole.PERSON),
        facts_country=place.country if place else None,
        empty=_is_empty(report),
    )


def _days(report: HarmonisedReport, received: date) -> tuple[date, date, bool]:
    """Return the first and last day of the facts, and whether the source gave them.

    Without days in the source, both are the day of receipt (`received`). Facts cannot follow their report: a
    later day is replaced by that of receipt.
    """
    if report.occurred is None:
        return received, received, False
    first = paris_day(datetime.fromisoformat(report.occurred.earliest))
    last = paris_day(datetime.fromisoformat(report.occurred.latest))
    last = min(max(first, last), received)
    return min(first, last), last, True


def _age_range(person: Person, first: date, last: date) -> tuple[int, int] | None:
    """Return a person's age on the first and on the last day of the facts; None if unknown."""
    if person.birth_date is not None:
        try:
            born = date.fromisoformat(person.birth_date)
        except ValueError:
            return _stated(person)
        return max(0, _age(born, first)), max(0, _age(born, last))
    return _stated(person)


def _stated(person: Person) -> tuple[int, int] | None:
    return None if person.age is None else (person.age, person.age)


def _age(born: date, on: date) -> int:
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))


def _signals(item: OrientItem) -> frozenset[str]:
    """Return the codes of the findings whose score (probability) is at least 0.5."""
    return frozenset(f.code for f in item.analysis.findings if f.score >= _LIKELY)


def _material(report: HarmonisedReport, signals: frozenset[str]) -> bool:
    if not _MATERIAL_FINDINGS.isdisjoint(signals):
        return True
    classes = (file.classification for file in report.files)
    return any(c is not None and c.code.upper() not in _NOT_MATERIAL for c in classes)


def _danger(item: OrientItem) -> bool:
    priority = item.priority
    floored = priority.floor == "CHILD_IN_DANGER" or priority.level == "DANGER"
    return floored or item.report.emergency


def _onion(host: str | None) -> bool:
    return host is not None and host.endswith(".onion")


def _countries(report: HarmonisedReport, role: PersonRole, whose: PlaceRole) -> frozenset[str]:
    """Return the countries of the persons with `role`, and of the stated places of `whose`."""
    persons: Iterable[Person] = (p for p in report.persons if p.role is role)
    named = (p.country.upper() for p in persons if p.country)
    return frozenset((*named, *report.countries_of(whose)))


def _is_empty(report: HarmonisedReport) -> bool:
    parts = (report.urls, report.files, report.payments, report.conversation, report.selectors)
    people = [p for p in report.persons if p.role is not PersonRole.REPORTER]
    told = (report.description or "").strip()
    return not any((*parts, report.places)) and not people and not told and not report.emergency


class Qualified(Struct, frozen=True, kw_only=True):
    """The legal bases that the qualification rules find for a report, and their reasons (`because`).

    A reason is a code with the parameters of its text (`Because`).
    """

    bases: tuple[Basis, ...]
    because: tuple[Because, ...]


def measure_basis(
    offence: Offence, *, catalogue: Catalogue, on: date, track: str = "REMOVAL"
) -> MeasureRule | None:
    """Return the rule of a measure that an offence opens on a day; None if no such measure is possible.

    `catalogue` holds the dated law. `track` is the kind of measure: REMOVAL, BLOCKING or DEREFERENCING.

    Both texts must refer to each other: the offence names the measure's article, and the measure in force
    names the offence. An unchecked text on either side opens nothing (LCEN 6-1 names CP 227-23 only).
    """
    if offence.unchecked(on) or not offence.value.measures:
        return None
    for rule in catalogue.in_force(MeasureRule, on):
        named = offence.code in rule.value.offences and rule.value.article in offence.value.measures
        if rule.value.track == track and named and not rule.unchecked(on):
            return rule
    return None


def qualify(facts: Facts, *, catalogue: Catalogue) -> Qualified:
    """Return the articles of law that may apply to a report, each in its applicable wordings, with reasons.

    `facts` are those of the report (`read_facts`), `catalogue` the reference data with the law.
    """
    bases: list[Basis] = []
    because: list[Because] = []
    unsure: list[str] = []
    asked = _Asked(
        received=facts.received,
        kind=facts.kind,
        signals=facts.signals,
        material=facts.material,
        payment=facts.payment,
        victim_ages=facts.victim_ages,
        ages_unknown=facts.ages_unknown,
    )
    for rule in _applicable(catalogue, asked):
        found, reasons = _wordings(rule, facts, catalogue)
        bases.extend(found)
        because.extend(reasons)
        if found and rule.value.victim_under is not None and facts.ages_unknown:
            unsure.append(found[0].code)
    if unsure:
        because.append(Because(code="VICTIM_AGE_UNKNOWN", parameters={"articles": unsure}))
    if unchecked := list(dict.fromkeys(b.code for b in bases if b.unchecked)):
        because.append(Because(code="BASIS_UNCHECKED", parameters={"articles": unchecked}))
    return Qualified(bases=tuple(bases), because=tuple(because))


@lru_cache(maxsize=4096)
def _applicable(catalogue: Catalogue, asked: _Asked) -> tuple[Qualification, ...]:
    """Return for each article of law the first qualification rule whose conditions hold, in the rules' order.

    Only rules in force on the day of receipt count. `asked` are the facts of a report that the conditions
    read.
    """
    found: dict[str, Qualification] = {}
    for rule in catalogue.in_force(Qualification, asked.received):
        if rule.value.article not in found and _applies(rule, asked):
            found[rule.value.article] = rule
    return tuple(found.values())


def _applies(rule: Qualification, facts: _Asked) -> bool:
    value = rule.value
    conditions = (
        not value.kinds or facts.kind in value.kinds,
        not value.signals or not facts.signals.isdisjoint(value.signals),
        facts.material or not value.material,
        facts.payment or not value.payment,
        _age_allows(value.victim_under, facts, known=value.victim_age_known),
    )
    return all(conditions)


def _age_allows(limit: int | None, facts: _Asked, *, known: bool) -> bool:
    """Return whether a victim may be younger than `limit` (years); always True without a limit (None).

    With `known`, only the known ages in `facts` count; otherwise a victim of unknown age may be younger.
    """
    if limit is None:
        return True
    under = any(youngest < limit for youngest, _ in facts.victim_ages)
    return under or (facts.ages_unknown and not known)


def _wordings(
    rule: Qualification, facts: Facts, catalogue: Catalogue
) -> tuple[list[Basis], list[Because]]:
    code = rule.value.article
    versions = catalogue.versions(Offence, code, first=facts.first, last=facts.last)
    if not versions:
        return [], _not_yet(catalogue, code, facts)
    because = [Because(code=rule.value.because, parameters={"article": code})]
    readings = [Reading.ONLY]
    if len(versions) > 1:
        readings = [Reading.EARLIER] * (len(versions) - 1) + [Reading.LATER]
        because.append(
            Because(
                code="BOTH_READINGS",
                parameters={
                    "article": code,
                    "first": facts.first.isoformat(),
                    "last": facts.last.isoformat(),
                },
            )
        )
    bases = [
        _basis(version, facts, reading=reading, catalogue=catalogue)
        for version, reading in zip(versions, readings, strict=True)
    ]
    return [*bases, *_online(versions, facts, catalogue=catalogue)], because


def _not_yet(catalogue: Catalogue, code: str, facts: Facts) -> list[Because]:
    later = catalogue.versions(Offence, code, first=facts.last + timedelta(days=1), last=date.max)
    if not later:
        return []
    start = later[0].in_force_from.isoformat()
    return [Because(code="NOT_YET_AN_OFFENCE", parameters={"article": code, "from": start})]


def _basis(offence: Offence, facts: Facts, *, reading: Reading, catalogue: Catalogue) -> Basis:
    current = offence.in_force(facts.received)
    rule = measure_basis(offence, catalogue=catalogue, on=facts.received) if current else None
    return Basis(
        code=offence.code,
        entry_id=offence.entry_id,
        opens_measures=rule is not None,
        unchecked=offence.unchecked(facts.received if reading is Reading.ONLINE else facts.first),
        reading=reading,
    )


def _online(versions: tuple[Offence, ...], facts: Facts, *, catalogue: Catalogue) -> list[Basis]:
    """Return the wording in force on receipt, if it opens a removal request and is not already in `versions`.

    `versions`: the wordings of one article found for the days of the facts. Content that is online on the day
    of receipt is made available on that day, whatever the day of the facts. Empty without a web address.
    """
    current = catalogue.by_code(Offence, versions[0].code, facts.received)
    if current is None or current in versions or not facts.targets:
        return []
    basis = _basis(current, facts, reading=Reading.ONLINE, catalogue=catalogue)
    return [basis] if basis.opens_measures else []
