"""The places that reports name: a map of départements, overseas beside it, other countries in a list."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from uuid import UUID

from django.utils.translation import get_language

from fanal import reference
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.reference.departements import departement_of

_HOME = "FR"
_OVERSEAS = ("971", "972", "973", "974", "975", "976", "977", "978", "986", "987", "988")
"""In the order of the tiles that stand for them."""
_MAINLAND = (*(f"{n:02d}" for n in range(1, 96) if n != 20), "2A", "2B")
"""Codes that the outlines are called by."""


def places_of(
    records: Mapping[UUID, HarmonisedReport], references: Mapping[UUID, str]
) -> dict[str, object]:
    """Return which reports name which place, for the map and for the list that says the same."""
    held: dict[tuple[str, str], dict[UUID, set[str]]] = defaultdict(lambda: defaultdict(set))
    for report_id, record in records.items():
        for place, role in _named(record):
            held[place][report_id].add(role)
    language = get_language() or "fr"
    lines = [
        {
            "kind": kind,
            "code": code,
            "name": reference.label(kind, code, language),
            "count": len(found),
            "reports": [
                (report_id, references.get(report_id, ""), sorted(roles))
                for report_id, roles in found.items()
            ],
        }
        for (kind, code), found in held.items()
    ]
    lines.sort(
        key=lambda line: (
            line["kind"] != "departement",
            -int(str(line["count"])),
            str(line["code"]),
        )
    )
    known = {str(line["code"]): line for line in lines if line["kind"] == "departement"}
    return {
        "places": lines,
        "has_home": bool(known),
        "land": _MAINLAND,
        "mainland": [line for code, line in known.items() if code not in _OVERSEAS],
        "overseas": [
            {"code": code, "x": 44 * place, "count": known[code]["count"] if code in known else 0}
            for place, code in enumerate(_OVERSEAS)
        ],
    }


def _named(record: HarmonisedReport) -> Iterator[tuple[tuple[str, str], str]]:
    """Yield each place (kind of label and code) with who or what it is the place of."""
    if record.place is not None:
        for place in _place(record.place.country, record.place.postcode):
            yield place, "PLACE"
    for person in record.persons:
        for place in _place(person.country, person.postcode):
            yield place, person.role


def _place(country: str | None, postcode: str | None) -> Iterator[tuple[str, str]]:
    code = departement_of(postcode) if (country or _HOME).upper() == _HOME else None
    if code is not None:
        yield "departement", code
    elif country:
        yield "country", country.upper()
