"""Telephone numbers in E.164 (ITU-T), with the country that the context gives as a hint."""

import re
from functools import lru_cache

import phonenumbers
from msgspec import Struct

DESK_COUNTRY = "FR"
_INTERNATIONAL = re.compile(r"\+([1-9][0-9]{6,14})")
_LONGEST = 40  # a longer text is no number, and reading it would cost time


class PhoneNumber(Struct, frozen=True, kw_only=True):
    """A number in E.164; `assumed` says that no hint gave the country and France was taken."""

    value: str
    assumed: bool = False


@lru_cache(maxsize=1024)
def read_phone(
    text: str, countries: tuple[str, ...] = (), *, strict: bool = False
) -> PhoneNumber | None:
    """Return the number in `text`, or None.

    An international number (`+…`) needs no hint. A national one is read in each of `countries` (ISO
    3166-1 alpha-2, most likely first), then in France; the first country where it is a number in use
    wins, then the first where it has a possible length. `strict` (for free text) accepts a number without
    `+` only if it is in use, which keeps dates and amounts out. Zeros alone are no number.
    """
    if len(text) > _LONGEST:
        return None
    plain = _read_plain(text)
    if plain is not None:
        return plain
    tried = tuple(dict.fromkeys((*countries, DESK_COUNTRY)))
    possible: PhoneNumber | None = None
    for country in tried:
        number = _parse(text, country)
        # The library writes zeros alone as they came, not in E.164.
        if number is None or not number.national_number:
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


def _read_plain(text: str) -> PhoneNumber | None:
    """Read `+` and digits of a possible number by the library's own pattern; None leaves it to the library.

    An international number is the same whether it is in use or not.
    """
    match = _INTERNATIONAL.fullmatch(text)
    if match is None:
        return None
    digits = match.group(1)
    plan = _plan_of(digits[:1]) or _plan_of(digits[:2]) or _plan_of(digits[:3])
    if plan is None:
        return None
    national = digits[len(plan.code) :]
    national = national.removeprefix("0") if plan.has_prefix else national
    return PhoneNumber(value=f"+{plan.code}{national}") if plan.has(national) else None


class _Plan(Struct, frozen=True):
    """The numbers of one calling code: their lengths, and the pattern that all of them have."""

    code: str
    has_prefix: bool
    lengths: frozenset[int]
    pattern: re.Pattern[str]

    def has(self, national: str) -> bool:
        return (
            len(national) in self.lengths
            and not national.startswith("0")
            and self.pattern.fullmatch(national) is not None
        )


@lru_cache(maxsize=1024)
def _plan_of(code: str) -> _Plan | None:
    """Return the plan of a calling code, where one country has it and its prefix is 0 or none."""
    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(int(code), ())
    known = (
        phonenumbers.PhoneMetadata.metadata_for_region(regions[0]) if len(regions) == 1 else None
    )
    if known is None or known.national_prefix_for_parsing not in {None, "0"}:
        return None
    if known.national_prefix_transform_rule is not None:
        return None
    general = known.general_desc
    if general is None or general.national_number_pattern is None:
        return None
    return _Plan(
        code,
        known.national_prefix_for_parsing is not None,
        frozenset(general.possible_length),
        re.compile(general.national_number_pattern),
    )


def _parse(text: str, country: str) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse(text, country, keep_raw_input=True)
    except phonenumbers.NumberParseException:
        return None


def _is_international(number: phonenumbers.PhoneNumber) -> bool:
    source = phonenumbers.CountryCodeSource.FROM_DEFAULT_COUNTRY
    return bool(number.country_code_source != source)
