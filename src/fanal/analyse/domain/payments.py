"""Payment signals: published typologies, read as data, combined into one explained score.

No indicator decides alone (AUSTRAC): each is a finding only when their combination passes the threshold
of the data file.
"""

import itertools
import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from importlib import resources

import msgspec
from msgspec import Struct

from fanal.analyse.domain.records import Because, Finding, Parameters
from fanal.analyse.domain.text import normalize_word
from fanal.formats.report.records import Payment
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.kernel.calendar import PARIS


class PaymentsRefused(ValueError):
    """The typology file breaks its format."""


class Indicator(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One published indicator; which of the optional fields apply depends on its code."""

    code: str
    weight: float
    source: str
    checked_by: str
    minimum: int = 0
    maximum: int = 0
    first_maximum: int = 0
    at_least: int = 1
    within_hours: int = 0
    from_hour: int = 0
    to_hour: int = 0
    countries: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()


class Typologies(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The typology file: version, threshold, rough exchange rates, indicators."""

    schema: int
    version: str
    shown_from: float
    rates: dict[str, float]
    indicator: tuple[Indicator, ...]


class _Paid(Struct, frozen=True, kw_only=True):
    payment: Payment
    at: datetime | None
    euros: float | None
    label: str


_Test = Callable[[Sequence[_Paid], Indicator], Parameters | None]


def read_typologies(text: str) -> Typologies:
    """Return the typologies of a TOML text.

    Raises:
        PaymentsRefused: unknown key, unknown indicator, weight outside 0..1.
    """
    try:
        typologies = msgspec.convert(tomllib.loads(text), Typologies)
    except (msgspec.ValidationError, tomllib.TOMLDecodeError) as error:
        raise PaymentsRefused(f"payments: {error}") from error
    for indicator in typologies.indicator:
        if indicator.code not in _TESTS or not 0 < indicator.weight < 1:
            raise PaymentsRefused(f"payments: {indicator.code}")
    return typologies


def load_typologies() -> Typologies:
    """Return the shipped typologies."""
    path = resources.files("fanal.analyse").joinpath("data", "payments.toml")
    return read_typologies(path.read_text("utf-8"))


def find_payment_signals(
    report: HarmonisedReport, typologies: Typologies, *, rule_version: str
) -> Iterator[Finding]:
    """Yield the indicators of a report's payments and their combination, when it passes the threshold."""
    if not report.payments:
        return
    paid = [_read(payment, typologies.rates) for payment in report.payments]
    met = [
        (indicator, parameters)
        for indicator in typologies.indicator
        if (parameters := _TESTS[indicator.code](paid, indicator)) is not None
    ]
    miss = 1.0
    for indicator, _ in met:
        miss *= 1 - indicator.weight
    if len(met) < 2 or 1 - miss < typologies.shown_from:
        return
    for indicator, parameters in met:
        yield _finding(indicator.code, indicator.weight, indicator.code, parameters, rule_version)
    codes = [indicator.code for indicator, _ in met]
    yield _finding(
        "PAYMENT_PATTERN",
        round(1 - miss, 3),
        "PAYMENT_PATTERN",
        {"codes": codes, "count": len(paid)},
        rule_version,
    )


def _finding(  # noqa: PLR0917
    code: str, score: float, because: str, parameters: Parameters, rule_version: str
) -> Finding:
    return Finding(
        code=code,
        category="PAYMENT",
        score=score,
        value=str(parameters.get("beneficiary", parameters.get("count", ""))),
        because=Because(code=because, parameters=parameters),
        rule_version=rule_version,
        source="payments",
    )


def _read(payment: Payment, rates: Mapping[str, float]) -> _Paid:
    return _Paid(
        payment=payment,
        at=_instant(payment.at),
        euros=_euros(payment, rates),
        label=" ".join(normalize_word(w) for w in (payment.label or "").split()),
    )


def _instant(value: str | None) -> datetime | None:
    try:
        instant = datetime.fromisoformat(value or "")
    except ValueError:
        return None
    return instant if instant.tzinfo else instant.replace(tzinfo=PARIS)


def _euros(payment: Payment, rates: Mapping[str, float]) -> float | None:
    try:
        amount = Decimal(payment.amount or "")
    except InvalidOperation:
        return None
    rate = rates.get((payment.currency or "EUR").upper())
    return float(amount) * rate if rate and amount.is_finite() and abs(amount) < 10**9 else None


def _small_round(paid: Sequence[_Paid], rule: Indicator) -> Parameters | None:
    small = [
        p for p in paid
        if p.euros is not None
        and rule.minimum <= p.euros <= rule.maximum
        and float(p.payment.amount or 0) % 5 == 0
    ]  # fmt: skip
    return {"count": len(small)} if len(small) >= rule.at_least else None


def _corridor(paid: Sequence[_Paid], rule: Indicator) -> Parameters | None:
    seen = sorted({p.payment.beneficiary_country or "" for p in paid} & set(rule.countries))
    return {"countries": seen} if seen else None


def _labels(paid: Sequence[_Paid], rule: Indicator) -> Parameters | None:
    count = sum(any(word in p.label for word in rule.labels) for p in paid)
    return {"count": count} if count >= rule.at_least else None


def _night(paid: Sequence[_Paid], rule: Indicator) -> Parameters | None:
    hours = [p.at.astimezone(PARIS).hour for p in paid if p.at and "T" in (p.payment.at or "")]
    count = sum(h >= rule.from_hour or h < rule.to_hour for h in hours)
    return {"count": count} if count >= rule.at_least and count * 2 >= len(hours) else None


def _common_beneficiary(paid: Sequence[_Paid], rule: Indicator) -> Parameters | None:
    senders: dict[str, set[str]] = defaultdict(set)
    for p in paid:
        if p.payment.beneficiary and p.payment.sender:
            senders[p.payment.beneficiary].add(p.payment.sender)
    if not senders:
        return None
    beneficiary = max(senders, key=lambda b: (len(senders[b]), b))
    count = len(senders[beneficiary])
    return {"beneficiary": beneficiary[:120], "count": count} if count >= rule.at_least else None


def _escalation(paid: Sequence[_Paid], rule: Indicator) -> Parameters | None:
    dated = sorted(
        ((p.at, p.euros) for p in paid if p.at and p.euros is not None), key=lambda pair: pair[0]
    )
    amounts = [euros for _, euros in dated]
    grows = all(a <= b for a, b in itertools.pairwise(amounts))
    if len(amounts) < rule.at_least or not grows or amounts[-1] < 1.5 * amounts[0]:
        return None
    return {"count": len(amounts)}


def _extortion_shape(paid: Sequence[_Paid], rule: Indicator) -> Parameters | None:
    dated = sorted(
        ((p.at, p.euros) for p in paid if p.at and p.euros is not None), key=lambda pair: pair[0]
    )
    if len(dated) < rule.at_least:
        return None
    quick = dated[-1][0] - dated[0][0] <= timedelta(hours=rule.within_hours)
    total = sum(euros for _, euros in dated)
    if quick and dated[0][1] < rule.first_maximum and total <= rule.maximum:
        return {"count": len(dated)}
    return None


_TESTS: dict[str, _Test] = {
    "PAYMENT_SMALL_ROUND": _small_round,
    "PAYMENT_CORRIDOR": _corridor,
    "PAYMENT_LABEL": _labels,
    "PAYMENT_NIGHT": _night,
    "PAYMENT_COMMON_BENEFICIARY": _common_beneficiary,
    "PAYMENT_ESCALATION": _escalation,
    "PAYMENT_TRAVEL": _labels,
    "PAYMENT_EXTORTION_SHAPE": _extortion_shape,
}
