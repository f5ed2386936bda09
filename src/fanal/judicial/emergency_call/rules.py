"""Which emergency numbers to show for a child, by the country where the child is; pure."""

from datetime import date

from fanal.reference import Catalogue, EmergencyNumber

HOME = "FR"


def numbers_for(
    country: str | None, *, catalogue: Catalogue, on: date
) -> tuple[EmergencyNumber, ...]:
    """Return the emergency numbers in force on a day, the one to dial first.

    `catalogue` holds the dated numbers, `on` is the day. `country` is where the child is: an ISO 3166-1
    alpha-2 code, or words that name none (elsewhere); None if unknown: then the desk's own country counts.
    Each number occurs once; those for people who cannot speak come last.
    """
    where = (country or HOME).upper()
    first: dict[str, EmergencyNumber] = {}
    for entry in sorted(catalogue.in_force(EmergencyNumber, on), key=lambda one: _rank(one, where)):
        first.setdefault(entry.value.number, entry)
    return tuple(first.values())


def is_abroad(country: str | None, *, catalogue: Catalogue, on: date) -> bool:
    """Return whether a country (as for `numbers_for`) is named and has no number of the desk's own.

    `catalogue` holds the dated emergency numbers, `on` is the day.
    """
    if country is None:
        return False
    found = catalogue.in_force(EmergencyNumber, on)
    return not any(country.upper() in entry.value.countries for entry in found)


def _rank(entry: EmergencyNumber, where: str) -> tuple[bool, bool, bool]:
    value = entry.value
    reaches = not value.countries or where in value.countries
    return value.silent, not reaches, not value.countries
