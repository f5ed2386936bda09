"""The payment indicators: their typology files, strictly validated, and the test of each.

A typology file holds indicators, mitigating indicators, and their combination. Each test runs on the
transfers of a payer in order of time, and returns those that show the indicator with the values for its
explanation, or None.
"""

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from importlib import resources
from itertools import pairwise
from statistics import median
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import Struct

from fanal.analyse.domain.records import Parameters
from fanal.analyse.payments.domain.transfers import Paid
from fanal.reference.reader import ReferenceRefused

CODES: Final = frozenset(
    f"PAYMENT_{name}"
    for name in (
        "SMALL_ROUND", "FREQUENT", "CORRIDOR", "LABEL", "HANDLE_LABEL", "NIGHT", "NIGHT_THERE",
        "COMMON_BENEFICIARY", "ESCALATION", "TRAVEL", "SMALL_START", "FAST_REPEATS", "ABRUPT_STOP",
        "YOUNG_SENDER", "REGULAR", "DOMESTIC", "HUB",
    )
)  # fmt: skip
"""Codes of the indicators implemented in `indicators.TESTS`."""


class PaymentIndicator(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A published indicator of payments, as in a typology file; each code has a test in `indicators.TESTS`.

    The test uses only the fields that concern it. `weight` (0..1): a typology's score is 1 - (1 - w1) (1 -
    w2) …, times 1 - w for each mitigating indicator. `source` is the publication, `confidence` H (read in the
    source) or M (in a summary of it), `checked_by` who checked it (UNCHECKED: nobody). It counts for the
    `typologies`; those in `core` need at least one such indicator. `minimum` and `maximum` bound an amount in
    euros, the payer's age in years or (`maximum`) the sum; `first_maximum` the first amount; `at_least` and
    `at_most` a number of transfers or payers. `within_hours` is the time window, or the least median interval
    of a regular payment; `quiet_hours` the silence after a stop; `from_hour` to `to_hour` the local night;
    `countries` codes of the beneficiary's country; `labels` pieces of the transfer's label.
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
    """A typology: a published pattern of payments, described by indicators.

    A payer shows it if at least `needs` of its indicators are found, and is suspected if the score (0 to 1)
    reaches `shown_from`.
    """

    code: str
    needs: int
    shown_from: float


class Typologies(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content of a typology file: published patterns of payments and their indicators.

    `schema` is the version of the format, `version` that of the content, in force from the day
    `in_force_from`. `rates` are rough exchange rates: euros for a unit of each currency. `zones` maps country
    codes to time zones, `default_zone` is the desk's. `typology` are the patterns, `indicator` the
    indicators, and `lowers` the mitigating indicators, which lower a score.
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
    """Parse and validate the TOML text of typologies (published patterns of payments).

    Raises:
        ReferenceRefused: unknown key, typology, zone or indicator, a weight or threshold outside 0..1, a
            missing source, fewer than two indicators needed, or a rule marked as checked without confidence H
            (read in the source).
    """
    try:
        found = msgspec.convert(tomllib.loads(text), Typologies)
        for name in (found.default_zone, *found.zones.values()):
            ZoneInfo(name)
    except (msgspec.ValidationError, tomllib.TOMLDecodeError, ZoneInfoNotFoundError) as error:
        raise ReferenceRefused(f"payments: {error}") from error
    codes = {typology.code for typology in found.typology}
    for typology in found.typology:
        # Published, word for word: no indicator suffices alone.
        if typology.needs < 2 or not 0 < typology.shown_from < 1:
            raise ReferenceRefused(f"payments: {typology.code}")
    for rule in (*found.indicator, *found.lowers):
        if (
            {*rule.typologies, *rule.core} - codes
            or rule.code not in CODES
            or not 0 < rule.weight < 1
            or not rule.source
        ):
            raise ReferenceRefused(f"payments: {rule.code}")
        if rule.confidence != "H" and rule.checked_by != "UNCHECKED":
            raise ReferenceRefused(f"payments: {rule.code} is not checked")
    return found


def shipped_texts() -> list[str]:
    """Return the TOML texts of the shipped files of payment typologies, the newest last."""
    folder = resources.files("fanal.analyse").joinpath("data", "typologies")
    names = sorted(p.name for p in folder.iterdir() if p.name.endswith(".toml"))
    return [folder.joinpath(name).read_text("utf-8") for name in names]


def load_typologies() -> Typologies:
    """Return the newest shipped typologies (rules on payments)."""
    return read_typologies(shipped_texts()[-1])


_HANDLE: Final = re.compile(r"(?:^|\s)@[a-z0-9_.]{3,}", re.IGNORECASE)
_SHARE: Final = 0.8
"""Least share of the transfers in a rhythm or to a hub for a mitigating indicator."""


class PayerContext(Struct, frozen=True, kw_only=True):
    """The input of the test of a payment indicator that is not in the payer's own transfers.

    `typologies` are the rules. `senders` is the number of different payers of each beneficiary, by key.
    `until` is the time of the latest transfer in the data; with None, no test can find that a payer has
    stopped.
    """

    typologies: Typologies
    senders: Mapping[str, int]
    until: datetime | None = None


class Met(Struct, frozen=True, kw_only=True):
    """The result of a payment indicator's test that is positive.

    `seen` are the transfers that show the indicator, `parameters` the values for the text of its reason.
    """

    seen: tuple[Paid, ...]
    parameters: Parameters


Test = Callable[[Sequence[Paid], PaymentIndicator, PayerContext], Met | None]


def _met(seen: Sequence[Paid], **parameters: str | float | list[str]) -> Met:
    return Met(seen=tuple(seen), parameters={"count": len(seen), **parameters})


def _within(paid: Sequence[Paid], rule: PaymentIndicator) -> list[Paid]:
    return [p for p in paid if p.euros is not None and rule.minimum <= p.euros <= rule.maximum]


def _small_round(paid: Sequence[Paid], rule: PaymentIndicator, _: PayerContext) -> Met | None:
    found = [p for p in _within(paid, rule) if float(p.amount) % 5 == 0]
    bounds = {"minimum": rule.minimum, "maximum": rule.maximum}
    return _met(found, **bounds) if len(found) >= rule.at_least else None


def _busiest(paid: Sequence[Paid], hours: int) -> list[Paid]:
    """Return the largest set of transfers within a sliding window of `hours`, in order of time.

    `paid` is in order of time; transfers without a time are left out.
    """
    best: list[Paid] = []
    window: list[Paid] = []
    for p in paid:
        if p.at is None:
            continue
        window.append(p)
        while window[0].at and p.at - window[0].at > timedelta(hours=hours):
            window.pop(0)
        if len(window) > len(best):
            best = list(window)
    return best


def _frequent(paid: Sequence[Paid], rule: PaymentIndicator, _: PayerContext) -> Met | None:
    found = _busiest(_within(paid, rule), rule.within_hours)
    days = rule.within_hours // 24
    return _met(found, days=days) if len(found) >= rule.at_least else None


def _corridor(paid: Sequence[Paid], rule: PaymentIndicator, _: PayerContext) -> Met | None:
    found = [p for p in paid if p.beneficiary.country in rule.countries]
    countries = sorted({p.beneficiary.country or "" for p in found})
    return _met(found, countries=countries) if len(found) >= rule.at_least else None


def _labels(paid: Sequence[Paid], rule: PaymentIndicator, _: PayerContext) -> Met | None:
    found = [p for p in paid if any(word in p.words for word in rule.labels)]
    said = sorted({p.label.strip()[:60] for p in found})[:5]
    return _met(found, labels=said) if len(found) >= rule.at_least else None


def _handle_label(paid: Sequence[Paid], rule: PaymentIndicator, _: PayerContext) -> Met | None:
    found = [p for p in paid if _HANDLE.search(p.label)]
    said = sorted({p.label.strip()[:60] for p in found})[:5]
    return _met(found, labels=said) if len(found) >= rule.at_least else None


def _nightly(
    paid: Sequence[Paid], rule: PaymentIndicator, context: PayerContext, *, there: bool
) -> Met | None:
    """Return the transfers made at night, if they are at least half of those with a known time of day.

    `there`: night at the beneficiary's place, otherwise at the payer's. `rule` gives the hours of the night
    and the least number of transfers; None if there are fewer, or less than half. `paid` are the payer's
    transfers in order of time, `context` holds the countries' time zones.
    """
    exact, night = 0, list[Paid]()
    for p in paid:
        country = p.beneficiary.country if there else p.sender.country
        zone = None if there and not country else context.typologies.zone_of(country)
        if p.at is None or not p.exact or zone is None:
            continue
        exact += 1
        hour = p.at.astimezone(zone).hour
        if hour >= rule.from_hour or hour < rule.to_hour:
            night.append(p)
    if len(night) < rule.at_least or len(night) * 2 < exact:
        return None
    return _met(night, from_hour=rule.from_hour, to_hour=rule.to_hour)


def _night(paid: Sequence[Paid], rule: PaymentIndicator, context: PayerContext) -> Met | None:
    return _nightly(paid, rule, context, there=False)


def _night_there(paid: Sequence[Paid], rule: PaymentIndicator, context: PayerContext) -> Met | None:
    return _nightly(paid, rule, context, there=True)


def _common_beneficiary(
    paid: Sequence[Paid], rule: PaymentIndicator, context: PayerContext
) -> Met | None:
    counts = {
        p.beneficiary.key: context.senders.get(p.beneficiary.key, 1)
        for p in paid
        if p.beneficiary.key
    }
    shared = {key: n for key, n in counts.items() if rule.at_least <= n <= rule.at_most}
    if not shared:
        return None
    key = max(shared, key=lambda k: (shared[k], k))
    found = [p for p in paid if p.beneficiary.key == key]
    told: Parameters = {"count": shared[key], "beneficiary": found[0].beneficiary.shown[:120]}
    return Met(seen=tuple(found), parameters=told)


def _escalation(paid: Sequence[Paid], rule: PaymentIndicator, _: PayerContext) -> Met | None:
    """Return a payer's transfers if their amounts rise, and the pace does not slow down in the second half.

    At least three of four steps do not fall, the last amount is at least 1.5 times the first, and the median
    interval of the second half is at most 1.5 times that of the first. None otherwise, or with fewer than
    `rule.at_least` transfers of known time and amount.
    """
    found = [p for p in paid if p.at is not None and p.euros is not None]
    if len(found) < rule.at_least:
        return None
    amounts = [p.euros or 0.0 for p in found]
    steps = [a <= b for a, b in pairwise(amounts)]
    half = len(found) // 2
    early, late = _span(found[: half + 1]), _span(found[half:])
    slower = early is not None and late is not None and late > 1.5 * early
    if sum(steps) < 0.75 * len(steps) or amounts[-1] < 1.5 * amounts[0] or slower:
        return None
    return _met(found, first=amounts[0], last=amounts[-1])


def _span(paid: Sequence[Paid]) -> float | None:
    """Return the median number of hours between successive transfers; None for fewer than two with a time."""
    gaps = _gaps(paid)
    return median(gaps) if gaps else None


def _gaps(paid: Sequence[Paid]) -> list[float]:
    times = [p.at for p in paid if p.at is not None]
    return [(b - a).total_seconds() / 3600 for a, b in pairwise(times)]


def _travel(paid: Sequence[Paid], rule: PaymentIndicator, _: PayerContext) -> Met | None:
    """Return the first payment for travel (ticket, room) and the small transfers before it; None without
    any.

    `rule` gives the words in the label of a travel payment (`labels`), the bounds in euros of a small
    transfer, and how many of these must come before (`at_least`).
    """
    small: list[Paid] = []
    for p in paid:
        is_travel = any(word in p.words for word in rule.labels)
        if is_travel and len(small) >= rule.at_least:
            return _met([*small, p], label=p.label.strip()[:60])
        if not is_travel and p.euros is not None and rule.minimum <= p.euros <= rule.maximum:
            small.append(p)
    return None


def _small_start(paid: Sequence[Paid], rule: PaymentIndicator, _: PayerContext) -> Met | None:
    known = [p for p in paid if p.euros is not None]
    total = sum(p.euros or 0 for p in known)
    if len(known) < 2 or total > rule.maximum or (known[0].euros or 0) >= rule.first_maximum:
        return None
    return _met(
        known[:1], first=known[0].euros or 0, total=round(total, 2), bound=rule.first_maximum
    )


def _fast_repeats(paid: Sequence[Paid], rule: PaymentIndicator, _: PayerContext) -> Met | None:
    found = max(
        (_busiest(group, rule.within_hours) for group in _by_beneficiary(paid)), key=len, default=[]
    )
    total = sum(p.euros or 0 for p in found)
    if len(found) < rule.at_least or total > rule.maximum:
        return None
    return _met(found, hours=rule.within_hours, total=round(total, 2))


def _abrupt_stop(paid: Sequence[Paid], rule: PaymentIndicator, context: PayerContext) -> Met | None:
    times = [p.at for p in paid if p.at is not None]
    if context.until is None or len(times) < rule.at_least:
        return None
    burst = times[-1] - times[0] <= timedelta(hours=rule.within_hours)
    quiet = context.until - times[-1]
    if not burst or quiet < timedelta(hours=rule.quiet_hours):
        return None
    return _met(list(paid[-1:]), days=quiet.days)


def _young_sender(paid: Sequence[Paid], rule: PaymentIndicator, _: PayerContext) -> Met | None:
    for p in paid:
        if p.sender.born is not None and p.at is not None:
            age = _age(p.sender.born, p.at.date())
            if rule.minimum <= age <= rule.maximum:
                return Met(seen=(p,), parameters={"age": age})
            return None
    return None


def _age(born: date, on: date) -> int:
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))


def _by_beneficiary(paid: Sequence[Paid]) -> list[list[Paid]]:
    groups: dict[str, list[Paid]] = {}
    for p in paid:
        groups.setdefault(p.beneficiary.key, []).append(p)
    return list(groups.values())


def _regular(paid: Sequence[Paid], rule: PaymentIndicator, _: PayerContext) -> Met | None:
    """Return the transfers to a main beneficiary if amounts are even and the rhythm steady; else None.

    Such payments are mitigating. `rule` gives the least number of transfers and the least median interval
    (`within_hours`).
    """
    most: list[Paid] = max(_by_beneficiary(paid), key=len, default=[])
    if len(most) < rule.at_least or len(most) < _SHARE * len(paid):
        return None
    gaps = _gaps(most)
    usual = median(gaps) if gaps else 0
    steady = [g for g in gaps if 0.7 * usual <= g <= 1.3 * usual]
    amounts = [p.euros for p in most if p.euros is not None]
    even = bool(amounts) and max(amounts) <= 1.6 * min(amounts)
    if usual < rule.within_hours or len(steady) < _SHARE * len(gaps) or not even:
        return None
    return _met(most, days=round(usual / 24))


def _domestic(paid: Sequence[Paid], rule: PaymentIndicator, _: PayerContext) -> Met | None:
    known = [p for p in paid if p.sender.country and p.beneficiary.country]
    found = [p for p in known if p.sender.country == p.beneficiary.country]
    if len(found) < rule.at_least or len(found) < _SHARE * len(paid):
        return None
    return _met(found, countries=sorted({p.beneficiary.country or "" for p in found}))


def _hub(paid: Sequence[Paid], rule: PaymentIndicator, context: PayerContext) -> Met | None:
    found = [p for p in paid if context.senders.get(p.beneficiary.key, 1) >= rule.at_least]
    if not found or len(found) < _SHARE * len(paid):
        return None
    most = max(context.senders.get(p.beneficiary.key, 1) for p in found)
    return _met(found, senders=most)


TESTS: Final[Mapping[str, Test]] = {
    "PAYMENT_SMALL_ROUND": _small_round,
    "PAYMENT_FREQUENT": _frequent,
    "PAYMENT_CORRIDOR": _corridor,
    "PAYMENT_LABEL": _labels,
    "PAYMENT_HANDLE_LABEL": _handle_label,
    "PAYMENT_NIGHT": _night,
    "PAYMENT_NIGHT_THERE": _night_there,
    "PAYMENT_COMMON_BENEFICIARY": _common_beneficiary,
    "PAYMENT_ESCALATION": _escalation,
    "PAYMENT_TRAVEL": _travel,
    "PAYMENT_SMALL_START": _small_start,
    "PAYMENT_FAST_REPEATS": _fast_repeats,
    "PAYMENT_ABRUPT_STOP": _abrupt_stop,
    "PAYMENT_YOUNG_SENDER": _young_sender,
    "PAYMENT_REGULAR": _regular,
    "PAYMENT_DOMESTIC": _domestic,
    "PAYMENT_HUB": _hub,
}
