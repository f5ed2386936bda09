"""Facts of a report that are copied into its row of the queue, so that the queue can be filtered by them."""

import re
from collections.abc import Iterator

from msgspec import Struct

from fanal.analyse.signals.domain.ages import occurred_on, youngest_victim
from fanal.formats.report.records import PersonRole, PlaceRole
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.reference.departements import departement_of

_HOME = "FR"
_LANGUAGE = re.compile(r"([A-Za-z]{2})(?:[-_].*)?")


class RowFacts(Struct, frozen=True, kw_only=True):
    """Facts of a report in its row of the queue, for filtering.

    `language`: ISO 639-1 code in capitals, "" if not stated. `age`: of the youngest victim, in years, None if
    not stated. `departement`: code of a département or overseas collectivity, "" if unknown. `conversation`:
    whether the report quotes a conversation.
    """

    language: str
    age: int | None
    departement: str
    conversation: bool


def facts_of(report: HarmonisedReport) -> RowFacts:
    """Return the facts of a report for its row of the queue.

    The département is that of the facts; if none is known, that of the child, else that of a victim.
    """
    stated = _LANGUAGE.fullmatch(report.language or "")
    return RowFacts(
        language=stated[1].upper() if stated else "",
        age=youngest_victim(report.persons, on=occurred_on(report)),
        departement=next(_departements(report), ""),
        conversation=bool(report.conversation),
    )


def _departements(report: HarmonisedReport) -> Iterator[str]:
    places = [
        report.place_of_facts(),
        *(place for place in report.places if place.role is PlaceRole.CHILD),
        *(person for person in report.persons if person.role is PersonRole.VICTIM),
    ]
    for place in places:
        if place is not None and (place.country or _HOME).upper() == _HOME:
            code = departement_of(place.postcode)
            if code:
                yield code
