"""Telephone numbers in E.164 (ITU-T), with the country that the context gives as a hint."""

from functools import lru_cache

import phonenumbers
from msgspec import Struct

DESK_COUNTRY = "FR"
_LONGEST = 40  # a longer text is no number, and reading it would cost time


class PhoneNumber(Struct, frozen=True, kw_only=True):
    """A number in E.164; `assumed` says that no hint gave the country and France was taken."""

    value: str
    assumed: bool = False


@lru_cache(maxsize=16384)
def read_phone(
    text: str, countries: tuple[str, ...] = (), *, strict: bool = False
) -> PhoneNumber | None:
    """Return the number in `text`, or None.

    An international number (`+…`) needs no hint. A national one is read in each of `countries` (ISO
    3166-1 alpha-2, most likely first), then in France; the first country where it is a number in use
    wins, then the first where it has a possible length. `strict` (for free text) accepts a number without
    `+` only if it is in use, which keeps dates and amounts out.
    """
    if len(text) > _LONGEST:
        return None
    tried = tuple(dict.fromkeys((*countries, DESK_COUNTRY)))
    possible: PhoneNumber | None = None
    for country in tried:
        number = _parse(text, country)
        if number is None:
            continue
        international = _is_international(number)
        found = PhoneNumber(
            value=phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164),
            assumed=country not in countries and not international,
        )
        if phonenumbers.is_valid_number(number):
            return found
        plausible = (international or not strict) and phonenumbers.is_possible_number(number)
        if possible is None and plausible:
            possible = found
    return possible


def _parse(text: str, country: str) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse(text, country, keep_raw_input=True)
    except phonenumbers.NumberParseException:
        return None


def _is_international(number: phonenumbers.PhoneNumber) -> bool:
    source = phonenumbers.CountryCodeSource.FROM_DEFAULT_COUNTRY
    return bool(number.country_code_source != source)
