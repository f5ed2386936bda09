"""The typology files: indicators, mitigating indicators, and their combination, strictly validated."""

import tomllib
from datetime import date
from importlib import resources
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import Struct

CODES: Final = frozenset(
    f"PAYMENT_{name}"
    for name in (
        "SMALL_ROUND", "FREQUENT", "CORRIDOR", "LABEL", "HANDLE_LABEL", "NIGHT", "NIGHT_THERE",
        "COMMON_BENEFICIARY", "ESCALATION", "TRAVEL", "SMALL_START", "FAST_REPEATS", "ABRUPT_STOP",
        "YOUNG_SENDER", "REGULAR", "DOMESTIC", "HUB",
    )
)  # fmt: skip
"""Codes of the indicators implemented in `indicators.TESTS`."""


class PaymentsRefused(ValueError):
    """Error: the typology file is invalid."""


class PaymentIndicator(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A published indicator of payments; its code (test in `indicators.py`) determines which fields apply.

    `weight` (0..1): a typology's score is 1 - (1 - w1) (1 - w2) …, times 1 - w for each mitigating indicator.
    `confidence`: H (read in the source) or M (in a summary of it); `checked_by`: UNCHECKED if nobody did. It
    counts for `typologies`; those in `core` need at least one such indicator. `minimum` and `maximum` bound
    an amount in euros, the payer's age in years or (`maximum`) the sum; `first_maximum` the first amount;
    `at_least` and `at_most` a number of transfers or payers. `within_hours` is the time window, or the least
    median interval of a regular payment; `quiet_hours` the silence after a stop; `from_hour` to `to_hour` the
    local night; `countries` codes of the beneficiary's country; `labels` pieces of the transfer's label.
    """

    code: str
    weight: float
    source: str
    confidence: str
    checked_by: str
    typologies: tuple[str, ...] = ()
    core: tuple[str, ...] = ()
    minimum: int = 0
    maximum: int = 0
    first_maximum: int = 0
    at_least: int = 1
    at_most: int = 0
    within_hours: int = 0
    quiet_hours: int = 0
    from_hour: int = 0
    to_hour: int = 0
    countries: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()


class Typology(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A typology (published pattern of payments): number of indicators needed, and least score to show it."""

    code: str
    needs: int
    shown_from: float


class Typologies(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A typology file: version, first day in force, rough exchange rates, countries' time zones, rules.

    `rates` are euros for a unit of each currency; `lowers` are the mitigating indicators.
    """

    schema: int
    version: str
    in_force_from: date
    rates: dict[str, float]
    zones: dict[str, str]
    default_zone: str
    typology: tuple[Typology, ...]
    indicator: tuple[PaymentIndicator, ...]
    lowers: tuple[PaymentIndicator, ...] = ()

    def zone_of(self, country: str | None) -> ZoneInfo | None:
        """Return a country's time zone: the desk's without a country, None if unlisted (several zones)."""
        if not country:
            return ZoneInfo(self.default_zone)
        name = self.zones.get(country.upper())
        return ZoneInfo(name) if name else None


def read_typologies(text: str) -> Typologies:
    """Parse and validate the TOML text of typologies.

    Raises:
        PaymentsRefused: unknown key, typology, zone or indicator, a weight or threshold outside 0..1, a
            missing source, fewer than two indicators needed, or a rule marked as checked without confidence H
            (read in the source).
    """
    try:
        found = msgspec.convert(tomllib.loads(text), Typologies)
        for name in (found.default_zone, *found.zones.values()):
            ZoneInfo(name)
    except (msgspec.ValidationError, tomllib.TOMLDecodeError, ZoneInfoNotFoundError) as error:
        raise PaymentsRefused(f"payments: {error}") from error
    codes = {typology.code for typology in found.typology}
    for typology in found.typology:
        # Published, word for word: no indicator suffices alone.
        if typology.needs < 2 or not 0 < typology.shown_from < 1:
            raise PaymentsRefused(f"payments: {typology.code}")
    for rule in (*found.indicator, *found.lowers):
        if (
            {*rule.typologies, *rule.core} - codes
            or rule.code not in CODES
            or not 0 < rule.weight < 1
            or not rule.source
        ):
            raise PaymentsRefused(f"payments: {rule.code}")
        if rule.confidence != "H" and rule.checked_by != "UNCHECKED":
            raise PaymentsRefused(f"payments: {rule.code} is not checked")
    return found


def shipped_texts() -> list[str]:
    """Return the texts of the shipped files, the newest last."""
    folder = resources.files("fanal.analyse").joinpath("data", "typologies")
    names = sorted(p.name for p in folder.iterdir() if p.name.endswith(".toml"))
    return [folder.joinpath(name).read_text("utf-8") for name in names]


def load_typologies() -> Typologies:
    """Return the newest shipped typologies."""
    return read_typologies(shipped_texts()[-1])
