"""Postal addresses as they are compared: number, words of the street, postcode or town.

The forms follow the French address base (Base Adresse Nationale): a number with its `bis` or `ter`, a kind of
way, a name. Abbreviations are those that people write. Nothing is looked up: an address that does not exist
is compared as one that does.
"""

import re
from collections.abc import Iterator
from typing import Final

from fanal.harmonise.domain.records import HarmonisedReport
from fanal.harmonise.domain.search import fold

# Beside a street, the outside formats carry town and postcode in fields of the person or of the report.
_STREET = re.compile(r"/address(?:\[\d+\])?/(?:address|street)$")
_NUMBER = re.compile(
    r"^\D{0,12}?(\d{1,4})\s*(bis|ter|quater|[a-d](?=[\s,]))?[\s,]+(.+)$", re.DOTALL
)
_POSTCODE = re.compile(r"\b(\d{5})\b")
_WORD = re.compile(r"[^\W_]+")
_SHORT: Final = {
    "av": "avenue",
    "ave": "avenue",
    "bd": "boulevard",
    "bld": "boulevard",
    "blvd": "boulevard",
    "r": "rue",
    "pl": "place",
    "che": "chemin",
    "ch": "chemin",
    "chem": "chemin",
    "imp": "impasse",
    "all": "allee",
    "rte": "route",
    "sq": "square",
    "fg": "faubourg",
    "fbg": "faubourg",
    "crs": "cours",
    "lot": "lotissement",
    "res": "residence",
    "qu": "quai",
    "st": "saint",
    "ste": "sainte",
    "gal": "general",
    "mal": "marechal",
    "dr": "docteur",
    "pdt": "president",
    "pres": "president",
    "cdt": "commandant",
    "col": "colonel",
    "prof": "professeur",
    "allees": "allee",
}
_LEFT_OUT: Final = frozenset(("de", "du", "des", "la", "le", "les", "l", "d", "et", "cedex"))


def postal_keys(report: HarmonisedReport) -> Iterator[str]:
    """Yield the postal addresses of a report in the form that is compared."""
    codes = {person.postcode for person in report.persons if person.postcode}
    towns = set()
    if report.place is not None:
        codes |= {report.place.postcode} if report.place.postcode else set()
        towns = {fold(report.place.locality)} if report.place.locality else set()
    for extra in report.extra:
        if _STREET.search(extra.path):
            key = postal_key(extra.value, codes, towns)
            if key is not None:
                yield key


def postal_key(street: str, codes: set[str], towns: set[str]) -> str | None:
    """Return an address as it is compared; None without a number, a name, and one place that is sure.

    `codes` and `towns` are those that stand beside it; a postcode within the text counts first.
    """
    text = fold(street)
    within = _POSTCODE.search(text)
    place = within.group(1) if within else _only(codes) or _only(towns)
    found = _NUMBER.match(_POSTCODE.split(text)[0] if within else text)
    if place is None or found is None:
        return None
    number, again, name = found.groups()
    words = [_SHORT.get(word, word) for word in _WORD.findall(name)]
    kept = [word for word in words if word not in _LEFT_OUT]
    if len(kept) < 2:
        return None
    return f"{int(number)}{(again or '')[:1]} {' '.join(kept)} {fold(place)}"


def _only(values: set[str]) -> str | None:
    return next(iter(values)) if len(values) == 1 else None
