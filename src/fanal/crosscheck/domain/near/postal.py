"""Postal addresses as they are compared: number, words of the street, and a postcode or a town.

The forms follow the French address base (Base Adresse Nationale): a number with its `bis` or `ter`, a kind of
way, a name. Abbreviations are those that people write. Nothing is looked up: an address that does not exist
is compared as one that does.
"""

import re
from collections.abc import Collection
from typing import Final

from fanal.formats.report.records import PersonRole
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.harmonise.domain.reporter import is_of_reporter
from fanal.harmonise.domain.search import fold

# Beside a street, the outside formats carry town and postcode in fields of the person or of the report.
_STREET = re.compile(r"[/.]address(?:es)?(?:\[\d+\])?[/.](address|street1?)$")
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


def postal_keys(report: HarmonisedReport) -> set[str]:
    """Return the postal addresses of a report in the forms that are compared, its reporter's left out."""
    place = report.place
    codes = {p.postcode for p in report.persons if p.postcode and p.role is not PersonRole.REPORTER}
    if place is not None and place.postcode:
        codes.add(place.postcode)
    beside = {extra.path: extra.value for extra in report.extra}
    found: set[str] = set()
    for path, street in beside.items():
        leaf = _STREET.search(path)
        if leaf is None or is_of_reporter(path):
            continue
        town = beside.get(path[: leaf.start(1)] + "city") or (place and place.locality) or ""
        found |= forms_of(street, codes, town)
    return found


def forms_of(street: str, codes: Collection[str], town: str) -> set[str]:
    """Return an address by its postcode and by its town, each where it is sure.

    `codes` are the postcodes that stand beside it: one of several is not sure, one in the text itself is.
    There is no form without a number and a name.
    """
    text = fold(street)
    within = _POSTCODE.search(text)
    found = _NUMBER.match(_POSTCODE.split(text)[0] if within else text)
    if found is None:
        return set()
    number, again, name = found.groups()
    words = [_SHORT.get(word, word) for word in _WORD.findall(name)]
    kept = [word for word in words if word not in _LEFT_OUT]
    if len(kept) < 2:
        return set()
    code = within.group(1) if within else next(iter(codes)) if len(codes) == 1 else ""
    places = (code, " ".join(_WORD.findall(fold(town))))
    street = f"{int(number)}{(again or '')[:1]} {' '.join(kept)}"
    return {f"{street} {place}" for place in places if place}
