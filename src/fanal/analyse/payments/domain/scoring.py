"""Scores of payers: each indicator explained by its transfers; no single indicator is sufficient."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct, structs

from fanal import reference
from fanal.analyse.domain.records import Because, Finding, Parameters
from fanal.analyse.payments.domain.indicators import (
    TESTS,
    Met,
    PayerContext,
    PaymentIndicator,
    Typologies,
    Typology,
)
from fanal.analyse.payments.domain.transfers import Paid, PayingParty, paid_in
from fanal.harmonise.domain.records import HarmonisedReport


class PointMade(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A payment indicator found for a payer, with the transfers that show it.

    `weight` (0..1) is its weight in the score, `because` the reason, `transfers` the ids of these transfers.
    `typologies` are the codes of the typologies (patterns of payment) to whose score it adds, `core` the
    codes of those that need at least one such indicator. `lowers` marks a mitigating indicator, which lowers
    the score. `source` is the publication, `confidence` H (read there) or M (in a summary), `checked_by` who
    checked the indicator.
    """

    code: str
    weight: float
    because: Because
    transfers: tuple[UUID, ...]
    typologies: tuple[str, ...]
    source: str
    confidence: str
    checked_by: str
    core: tuple[str, ...] = ()
    lowers: bool = False


class PayerScore(Struct, frozen=True, kw_only=True):
    """The score of a payer under the typologies (published patterns of payment).

    `sender` is the payer. `score` (0..1) is that of the strongest typology with enough indicators, else 0;
    `typology` is its code, "" for none. `suspected`: whether the score reaches the typology's threshold.
    `points` are the indicators found. `total` is in euros, over the transfers with a known currency;
    `countries` are the beneficiaries'. `first_at` and `last_at` are the times of the first and last
    transfer, None if no transfer has a time. `rule_version` is the version of the typologies.
    """

    sender: PayingParty
    score: float
    typology: str
    suspected: bool
    points: tuple[PointMade, ...]
    transfers: tuple[Paid, ...]
    total: float
    first_at: datetime | None
    last_at: datetime | None
    countries: tuple[str, ...]
    rule_version: str


def score_payers(
    transfers: Iterable[Paid],
    typologies: Typologies,
    *,
    senders: Mapping[str, int] | None = None,
    until: datetime | None = None,
) -> list[PayerScore]:
    """Return the score of each payer among `transfers`, highest first; duplicate transfers count once.

    A payer without an identifying value (key "") has no score. `typologies` are the rules to apply.

    `senders` counts the different payers of each beneficiary (by key) if more is known than these transfers.
    `until` is the end of the data, by default the newest transfer.
    """
    once = {paid.id: paid for paid in transfers}.values()
    newest = max((p.at for p in once if p.at is not None), default=None)
    counted = count_senders(once)
    for key, count in (senders or {}).items():
        counted[key] = max(count, counted.get(key, 0))
    context = PayerContext(typologies=typologies, senders=counted, until=until or newest)
    by_payer: dict[str, list[Paid]] = {}
    for paid in once:
        by_payer.setdefault(paid.sender.key, []).append(paid)
    scores = [score_one(group, context) for key, group in by_payer.items() if key]
    return sorted(scores, key=lambda s: (-s.score, s.sender.key))


def count_senders(transfers: Iterable[Paid]) -> dict[str, int]:
    """Return the number of different senders of each beneficiary (by key) among these transfers."""
    found: dict[str, set[str]] = {}
    for paid in transfers:
        if paid.sender.key and paid.beneficiary.key:
            found.setdefault(paid.beneficiary.key, set()).add(paid.sender.key)
    return {key: len(senders) for key, senders in found.items()}


def score_one(transfers: Sequence[Paid], context: PayerContext) -> PayerScore:
    """Return the score of transfers, taken together as those of a single payer.

    `transfers` must not be empty; the most complete of their senders is named as the payer. `context` holds
    the rules and the number of payers of each beneficiary.
    """
    ordered = sorted(transfers, key=_order)
    rules = context.typologies
    points = [
        *(_point(rule, met) for rule in rules.indicator if (met := _test(ordered, rule, context))),
        *(_lower(rule, met) for rule in rules.lowers if (met := _test(ordered, rule, context))),
    ]
    best, score = _strongest(rules.typology, points)
    times = [p.at for p in ordered if p.at is not None]
    return PayerScore(
        sender=max((paid.sender for paid in ordered), key=PayingParty.told),
        score=score,
        typology=best.code if best else "",
        suspected=best is not None and score >= best.shown_from,
        points=tuple(points),
        transfers=tuple(ordered),
        total=round(sum(p.euros or 0 for p in ordered), 2),
        first_at=times[0] if times else None,
        last_at=times[-1] if times else None,
        countries=tuple(sorted({p.beneficiary.country or "" for p in ordered} - {""})),
        rule_version=rules.version,
    )


def _order(paid: Paid) -> tuple[bool, float, str]:
    return paid.at is None, paid.at.timestamp() if paid.at else 0.0, paid.id.hex


def _test(ordered: Sequence[Paid], rule: PaymentIndicator, context: PayerContext) -> Met | None:
    return TESTS[rule.code](ordered, rule, context)


def _point(rule: PaymentIndicator, met: Met) -> PointMade:
    return PointMade(
        code=rule.code,
        weight=rule.weight,
        because=Because(code=rule.code, parameters=met.parameters),
        transfers=tuple(paid.id for paid in met.seen),
        typologies=rule.typologies,
        source=rule.source,
        confidence=rule.confidence,
        checked_by=rule.checked_by,
        core=rule.core,
    )


def _lower(rule: PaymentIndicator, met: Met) -> PointMade:
    return structs.replace(_point(rule, met), lowers=True)


def _strongest(
    typologies: Sequence[Typology], points: Sequence[PointMade]
) -> tuple[Typology | None, float]:
    """Return the typology farthest above its threshold (or least below), and its score (0..1).

    (None, 0) if none counts: a typology without enough indicators among `points`, or without a core
    indicator, does not.
    """
    best, highest = None, 0.0
    for typology in typologies:
        about = [p for p in points if typology.code in p.typologies]
        mine = [p for p in about if not p.lowers]
        if len(mine) < typology.needs or not any(typology.code in p.core for p in mine):
            continue
        miss = math.prod(1 - p.weight for p in mine)
        kept = math.prod(1 - p.weight for p in about if p.lowers)
        score = round((1 - miss) * kept, 3)
        # The strongest exceeds its own threshold by most.
        if best is None or score - typology.shown_from > highest - best.shown_from:
            best, highest = typology, score
    return best, highest


# A score as JSON, with every reason in both languages and every transfer behind it.

LANGUAGES = ("fr", "en")


def told(found: PayerScore) -> dict[str, object]:
    """Return a payer's score (`found`) as JSON-compatible values, with the reasons in both languages.

    Keys: `sender` (the payer: kind, value, name), `score`, `typology` (None without), `suspected`,
    `indicators`, `transfers`, `total_eur`, `first_at`, `last_at`, `countries`, `rule_version`.
    """
    kind, _, value = found.sender.key.partition("|")
    return {
        "sender": {"kind": kind, "value": value, "name": found.sender.shown},
        "score": found.score,
        "typology": found.typology or None,
        "suspected": found.suspected,
        "indicators": [_telling_point(point) for point in found.points],
        "transfers": [_transfer(paid) for paid in found.transfers],
        "total_eur": found.total,
        "first_at": _moment(found.first_at),
        "last_at": _moment(found.last_at),
        "countries": list(found.countries),
        "rule_version": found.rule_version,
    }


def _telling_point(point: PointMade) -> dict[str, object]:
    return {
        "code": point.code,
        "weight": point.weight,
        "lowers": point.lowers,
        "core": list(point.core),
        "because": {
            lang: reference.render(point.because.code, point.because.parameters, lang)
            for lang in LANGUAGES
        },
        "transfers": [str(paid_id) for paid_id in point.transfers],
        "typologies": list(point.typologies),
        "source": point.source,
        "confidence": point.confidence,
        "checked_by": point.checked_by,
    }


def _transfer(paid: Paid) -> dict[str, object]:
    return {
        "id": str(paid.id),
        "reference": paid.reference or None,
        "at": _moment(paid.at),
        "amount": paid.amount,
        "currency": paid.currency or None,
        "euros": paid.euros,
        "beneficiary": paid.beneficiary.shown,
        "beneficiary_country": paid.beneficiary.country,
        "label": paid.label or None,
        "operator": paid.operator or None,
    }


def _moment(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


# Findings on a report's payments: the indicators of its payers, if they combine into a pattern.


class Around(Struct, frozen=True, kw_only=True):
    """Known payments around a report, from other reports of its desk too.

    `transfers` are those of its payers, which may include its own; `senders` is the number of payers by key
    of the beneficiary; `until` is the time of the latest payment known, None if there is none.
    """

    transfers: tuple[Paid, ...] = ()
    senders: Mapping[str, int] = {}
    until: datetime | None = None


def find_payment_signals(
    report: HarmonisedReport,
    typologies: Typologies,
    *,
    rule_version: str,
    around: Around | None = None,
) -> Iterator[Finding]:
    """Yield a finding for each indicator of a report's payments, and one for their pattern (typology).

    Nothing is yielded unless the score reaches the threshold of a typology. The payments of a report are
    scored together with the known transfers of its payers (`around`, None for none). `rule_version` is
    stored in each finding. `typologies` are the rules to apply.
    """
    own = paid_in(report, typologies.rates)
    if not own:
        return
    score = score_report(own, typologies, around or Around())
    if not score.suspected:
        return
    for point in score.points:
        yield Finding(
            code=point.code,
            category="PAYMENT",
            score=0.0 if point.lowers else point.weight,
            value=str(point.because.parameters.get("count", "")),
            because=point.because,
            rule_version=rule_version,
            source="payments",
        )
    codes = [p.code for p in score.points if score.typology in p.typologies]
    told: Parameters = {
        "codes": codes,
        "count": len(score.transfers),
        "typology": score.typology,
    }
    yield Finding(
        code="PAYMENT_PATTERN",
        category="PAYMENT",
        score=score.score,
        value=score.typology,
        because=Because(code="PAYMENT_PATTERN", parameters=told),
        rule_version=rule_version,
        source="payments",
    )


def score_report(own: list[Paid], typologies: Typologies, around: Around) -> PayerScore:
    """Return the score of a report's payments, together with the known transfers of its payers.

    `own` are the report's payments, `around` the known ones; one of the two must hold a transfer.
    `typologies` are the rules to apply.
    """
    every = {paid.id: paid for paid in (*around.transfers, *own)}
    counted = count_senders(every.values())
    for key, count in around.senders.items():
        counted[key] = max(count, counted.get(key, 0))
    context = PayerContext(typologies=typologies, senders=counted, until=around.until)
    return score_one(list(every.values()), context)


# Payers as the desk's pages show them.


class PayerFilter(Struct, frozen=True, kw_only=True):
    """Filter of a list of payers; None and '' mean any.

    `code` is a payment indicator, `country` that of a beneficiary. `suspected`: whether the score reaches the
    typology's threshold; `typology` is its code.
    """

    suspected: bool | None = None
    typology: str = ""
    code: str = ""
    country: str = ""


class PayerLine(Struct, frozen=True, kw_only=True):
    """A payer at a desk, as a line of a list.

    `payer` is the digest `PayingParty.id`, `report_id` the report with the most details about the payer.
    `score` (0..1) and `suspected` are those of the strongest `typology`, `codes` the payment indicators
    found. `countries` are the beneficiaries'. `transfers` and `beneficiaries` are numbers, `total` is in
    euros; `first_at` and `last_at` are the times of the first and last transfer, None if none has a time.
    `rule_version` are the rules of the score, computed at `scored_at`.
    """

    payer: UUID
    desk_id: int
    report_id: UUID
    score: float
    typology: str
    suspected: bool
    codes: tuple[str, ...]
    countries: tuple[str, ...]
    transfers: int
    beneficiaries: int
    total: float
    first_at: datetime | None
    last_at: datetime | None
    rule_version: str
    scored_at: datetime


class Payer(Struct, frozen=True, kw_only=True):
    """A payer at a desk, scored now, with the reports from which the transfers come.

    `payer` is the digest `PayingParty.id`. `report_ids` are the reports from which it was scored, newest
    first; `reports` maps each transfer id to its first report. `bounded`: the limit on reports was reached,
    so that older ones may be missing.
    """

    payer: UUID
    desk_id: int
    score: PayerScore
    report_ids: tuple[UUID, ...]
    reports: dict[UUID, UUID]
    bounded: bool
