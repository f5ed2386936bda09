"""What qualification reads of a report: days of the facts, ages, places, material, addresses."""

from collections.abc import Iterable
from datetime import date, datetime

from msgspec import Struct

from fanal.formats.report.records import Person, PersonRole
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.kernel.calendar import paris_day
from fanal.orient.domain.records import OrientItem

_MATERIAL_FINDINGS = frozenset({"KNOWN_HASH", "KNOWN_ADDRESS"})
_LIKELY = 0.5
_NOT_MATERIAL = frozenset({"NONE", "0", "NON_PERTINENT"})


class Facts(Struct, frozen=True, kw_only=True):
    """One report as the rules see it. `first`..`last` are days in Europe/Paris, both included.

    `victim_ages` holds (youngest, oldest) for each victim whose age is known on those days;
    `ages_unknown` says that a victim may exist whose age is not.
    """

    first: date
    last: date
    received: date
    dated: bool
    kind: str
    signals: frozenset[str]
    material: bool
    payment: bool
    victim_ages: tuple[tuple[int, int], ...]
    ages_unknown: bool
    targets: tuple[str, ...]
    onion_only: bool
    danger: bool
    victim_countries: frozenset[str]
    suspect_countries: frozenset[str]
    facts_country: str | None
    empty: bool


def read_facts(item: OrientItem) -> Facts:
    """Return what the rules need to know of a report."""
    report = item.report
    received = paris_day(item.received_at)
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
        victim_countries=_countries(report, PersonRole.VICTIM),
        suspect_countries=_countries(report, PersonRole.SUSPECT),
        facts_country=report.place.country if report.place else None,
        empty=_is_empty(report),
    )


def _days(report: HarmonisedReport, received: date) -> tuple[date, date, bool]:
    """Return the first and last day of the facts, and whether the source gave them.

    Facts cannot follow their report: a later day is brought back to the day of receipt.
    """
    if report.occurred is None:
        return received, received, False
    first = paris_day(datetime.fromisoformat(report.occurred.earliest))
    last = paris_day(datetime.fromisoformat(report.occurred.latest))
    last = min(max(first, last), received)
    return min(first, last), last, True


def _age_range(person: Person, first: date, last: date) -> tuple[int, int] | None:
    """Return a person's age on the first and on the last day of the facts, None where unknown."""
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
    """Return the codes of findings that are more likely true than not."""
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


def _countries(report: HarmonisedReport, role: PersonRole) -> frozenset[str]:
    persons: Iterable[Person] = (p for p in report.persons if p.role is role)
    return frozenset(p.country.upper() for p in persons if p.country)


def _is_empty(report: HarmonisedReport) -> bool:
    parts = (report.urls, report.files, report.payments, report.conversation, report.selectors)
    people = [p for p in report.persons if p.role is not PersonRole.REPORTER]
    told = (report.description or "").strip()
    return not any(parts) and not people and not told and not report.emergency
