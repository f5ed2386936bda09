"""The default name of a dossier, made from the facts that its reports share, until a person names it."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from typing import Final

from django.utils.translation import ngettext

from fanal.analyse.signals.domain.ages import youngest_victim
from fanal.formats.report.records import Person, PersonRole
from fanal.harmonise.domain.records import HarmonisedReport

READ_FOR_A_LIST: Final = 8
"""Number of a dossier's newest reports from which a list makes its name."""
_LONGEST = 40
"""Most characters of an identifier within a name."""


def made_name(records: Collection[HarmonisedReport]) -> str:
    """Return a name of a dossier made from its reports, such as "renard_77 / Castlequest, 14 years old".

    It holds the most frequent identifier of a suspect, or else the most frequent host of a page; the most
    frequent platform; the age of the youngest victim. A part that no report states is left out; "" if no part
    is left.
    """
    who = _commonest(_suspects(records)) or _commonest(_hosts(records))
    where = _commonest(record.platform for record in records if record.platform)
    ages = [
        age
        for record in records
        if (
            age := youngest_victim(
                record.persons, on=record.occurred.earliest if record.occurred else None
            )
        )
        is not None
    ]
    named = " / ".join(part for part in (_cut(who), _cut(where)) if part)
    if not ages:
        return named
    age = min(ages)
    if not named:
        said = ngettext("victim aged %(age)s", "victim aged %(age)s", age) % {"age": age}
        return said[:1].upper() + said[1:]
    return f"{named}, {ngettext('%(age)s year old', '%(age)s years old', age) % {'age': age}}"


def _suspects(records: Iterable[HarmonisedReport]) -> Iterator[str]:
    """Yield the identifiers of suspects: user names, addresses and numbers, each once for each report."""
    for record in records:
        suspects = [person for person in record.persons if person.role is PersonRole.SUSPECT]
        yield from dict.fromkeys(value for person in suspects for value in _identifiers(person))


def _identifiers(person: Person) -> Iterator[str]:
    yield from (handle.value for handle in person.handles)
    yield from person.emails
    yield from person.phones


def _hosts(records: Iterable[HarmonisedReport]) -> Iterator[str]:
    for record in records:
        yield from dict.fromkeys(url.host for url in record.urls if url.host)


def _commonest(values: Iterable[str]) -> str:
    """Return the most frequent value, compared without case, in its first spelling.

    Of equally frequent values the first; "" if there are none.
    """
    written: dict[str, str] = {}
    counted = Counter[str]()
    for value in values:
        if line := " ".join(value.split()):
            written.setdefault(line.casefold(), line)
            counted[line.casefold()] += 1
    return written[counted.most_common(1)[0][0]] if counted else ""


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
