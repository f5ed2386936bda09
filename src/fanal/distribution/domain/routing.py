"""Routing of reports: the countries and regions competent for a report, computed from its evidence. Pure.

The rules are a dated file; the sum of the weights of a country's evidence must reach a threshold.
"""

import re
import tomllib
from collections import defaultdict
from collections.abc import Container, Iterator
from functools import lru_cache
from importlib import resources

import msgspec
import phonenumbers
from msgspec import Struct

from fanal.formats.report.records import Person, PersonRole
from fanal.harmonise.domain.records import HarmonisedReport

_COUNTRY = re.compile(r"[A-Z]{2}")
_POSTCODE = re.compile(r"[0-9]{5}")


class RoutingRules(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The contents of the rule file `rules.toml`: weight of each kind of evidence, threshold, home country.

    `schema` is the version of the file format, `version` that of the rules; `source` is where they come from,
    `checked_by` who verified them. `home` is the desk's own country (ISO 3166-1 alpha-2), `also_home` lists
    the codes of its overseas territories. `enough` is the threshold: the sum of weights from which a country
    is competent. `evidence` maps codes such as SUSPECT_PHONE to weights, `regions` the name of each region of
    the home country to its départements. `acknowledge_within_days` is the delay for the acknowledgement of a
    package.
    """

    schema: int
    version: str
    source: str
    checked_by: str
    home: str
    also_home: tuple[str, ...]
    enough: int
    acknowledge_within_days: int
    evidence: dict[str, int]
    regions: dict[str, tuple[str, ...]]

    def is_home(self, country: str) -> bool:
        """Return whether a country (ISO 3166-1 alpha-2) is the desk's own, overseas territories included."""
        return country == self.home or country in self.also_home

    def region_of(self, postcode: str | None) -> str | None:
        """Return the region of a five-digit postcode of the home country, by its first two or three digits.

        The result is None for an unknown or invalid postcode.
        """
        if not postcode or not _POSTCODE.fullmatch(postcode):
            return None
        starts = {postcode[:2], postcode[:3]}
        found = (name for name, parts in self.regions.items() if starts & set(parts))
        return next(found, None)


class Destination(Struct, frozen=True, kw_only=True, order=True):
    """A country (ISO 3166-1 alpha-2), or a region of the home country, with the evidence for it.

    `because` holds codes such as SUSPECT_COUNTRY or VICTIM_POSTCODE; `region` is "" for a whole country.
    """

    country: str
    region: str = ""
    because: tuple[str, ...] = ()


@lru_cache(maxsize=1)
def shipped_routing() -> RoutingRules:
    """Return the routing rules of the package's own file `rules.toml`, read once."""
    text = resources.files("fanal.distribution").joinpath("data", "rules.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), RoutingRules)


class Shares(Struct, frozen=True, kw_only=True):
    """The places competent for a report.

    `home`: the home country is one. `places` are other countries and regions of the home country, in order of
    their codes.
    """

    home: bool
    places: tuple[Destination, ...]

    def ours(self, open_regions: Container[tuple[str, str]]) -> bool:
        """Return whether this desk itself must handle the report, as the desk of the home country.

        The result is True if the home country is competent and no region named by the evidence has a desk of
        its own. `open_regions` holds (country, region) of the regions with a desk.
        """
        return self.home and not any(
            place.region and (place.country, place.region) in open_regions for place in self.places
        )


def shares_of(report: HarmonisedReport, rules: RoutingRules) -> Shares:
    """Return the countries and regions that are competent for a report, by `rules`, from its evidence.

    Without sufficient evidence there is none (`home` false, `places` empty): the report stays at this desk.
    Evidence: countries of suspects and victims, country of the place, stated places of the child, the other
    person and a meeting, telephone numbers of suspects; for regions, postcodes.
    """
    evidence: dict[str, set[str]] = defaultdict(set)
    for country, code in _evidence(report):
        if _COUNTRY.fullmatch(country):
            evidence[rules.home if rules.is_home(country) else country].add(code)
    counting = {
        country: tuple(sorted(codes))
        for country, codes in evidence.items()
        if sum(rules.evidence[code] for code in codes) >= rules.enough
    }
    abroad = [
        Destination(country=country, because=codes)
        for country, codes in counting.items()
        if country != rules.home
    ]
    return Shares(
        home=rules.home in counting,
        places=tuple(sorted(abroad + _regions(report, counting, rules))),
    )


def _evidence(report: HarmonisedReport) -> Iterator[tuple[str, str]]:
    for person in report.persons:
        if person.role in (PersonRole.SUSPECT, PersonRole.VICTIM) and person.country:
            yield person.country.upper(), f"{person.role}_COUNTRY"
        if person.role is PersonRole.SUSPECT:
            for phone in person.phones:
                if country := _phone_country(phone):
                    yield country, "SUSPECT_PHONE"
    if report.place is not None and report.place.country:
        yield report.place.country.upper(), "PLACE_COUNTRY"
    yield from ((p.country.upper(), f"{p.role}_PLACE") for p in report.places if p.country)


@lru_cache(maxsize=1024)
def _phone_country(phone: str) -> str | None:
    """Return the country (ISO 3166-1 alpha-2) of an E.164 phone number; None if unknown.

    Full parsing is only needed where several countries share a calling code; it costs as much as all other
    evidence together.
    """
    for length in (1, 2, 3):
        regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(_number(phone[1 : 1 + length]))
        if regions and len(regions) == 1:
            return None if regions[0] == "001" else str(regions[0])
        if regions:
            break
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(phone))
    except phonenumbers.NumberParseException:
        return None


def _number(digits: str) -> int:
    return int(digits) if digits.isascii() and digits.isdigit() else 0


def _regions(
    report: HarmonisedReport, counting: dict[str, tuple[str, ...]], rules: RoutingRules
) -> list[Destination]:
    if rules.home not in counting:
        return []
    found: dict[str, set[str]] = defaultdict(set)
    for person in report.persons:
        if _at_home(person, rules) and (region := rules.region_of(person.postcode)):
            found[region].add(f"{person.role}_POSTCODE")
    for place in report.places:
        at_home = bool(place.country) and rules.is_home((place.country or "").upper())
        if at_home and (region := rules.region_of(place.postcode)):
            found[region].add(f"{place.role}_PLACE")
    return [
        Destination(country=rules.home, region=region, because=tuple(sorted(codes)))
        for region, codes in found.items()
    ]


def _at_home(person: Person, rules: RoutingRules) -> bool:
    told = person.role in (PersonRole.SUSPECT, PersonRole.VICTIM)
    return told and bool(person.country) and rules.is_home((person.country or "").upper())
