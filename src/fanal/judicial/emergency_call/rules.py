"""Which emergency numbers to show for a child, by the country where the child is; pure."""

from datetime import date

from fanal.reference import Catalogue, EmergencyNumber

HOME = "FR"


def numbers_for(
    country: str | None, *, catalogue: Catalogue, on: date
) -> tuple[EmergencyNumber, ...]:
    """Return the emergency numbers in force on a day, the one to dial first.

    `country` is where the child is (ISO 3166-1 alpha-2), None if unknown: then the desk's own country counts.
    Numbers for people who cannot speak come last.
    """
    where = (country or HOME).upper()
    found = catalogue.in_force(EmergencyNumber, on)
    return tuple(sorted(found, key=lambda entry: _rank(entry, where)))


def is_abroad(country: str | None) -> bool:
    """Return whether a country (ISO code) is known and not the desk's own."""
    return country is not None and country.upper() != HOME


def _rank(entry: EmergencyNumber, where: str) -> tuple[bool, bool, bool]:
    value = entry.value
    reaches = not value.countries or where in value.countries
    return value.silent, not reaches, not value.countries
