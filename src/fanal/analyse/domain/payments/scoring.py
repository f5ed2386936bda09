"""Scores of payers: each indicator explained with the transfers it saw, none of them enough alone."""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct, structs

from fanal.analyse.domain.payments.indicators import TESTS, Context, Met
from fanal.analyse.domain.payments.transfers import Paid, Party
from fanal.analyse.domain.payments.typologies import Indicator, Typologies, Typology
from fanal.analyse.domain.records import Because


class PointMade(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One indicator that was met: its weight, why, the transfers it saw, and where it is published.

    `lowers` says that it speaks for something innocent.
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
    """What the typologies say of one payer.

    `score` (0..1) is that of the strongest typology that has enough indicators, else 0; `typology` its
    code, '' for none. `suspected` is whether it reaches what the file calls worth showing. `total` is in
    euros, of the transfers whose currency is known.
    """

    sender: Party
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
    """Return the score of every payer among `transfers`, the highest first; a transfer counts once.

    `senders` counts the different senders of each beneficiary (by key) where more is known than these
    transfers; `until` is the last instant that the data reach, the newest transfer where not given.
    """
    once = {paid.id: paid for paid in transfers}.values()
    newest = max((p.at for p in once if p.at is not None), default=None)
    counted = count_senders(once)
    for key, count in (senders or {}).items():
        counted[key] = max(count, counted.get(key, 0))
    context = Context(typologies=typologies, senders=counted, until=until or newest)
    by_payer: dict[str, list[Paid]] = {}
    for paid in once:
        by_payer.setdefault(paid.sender.key, []).append(paid)
    scores = [score_one(group, context) for key, group in by_payer.items() if key]
    return sorted(scores, key=lambda s: (-s.score, s.sender.key))


def count_senders(transfers: Iterable[Paid]) -> dict[str, int]:
    """Return how many different senders each beneficiary has among these transfers."""
    found: dict[str, set[str]] = {}
    for paid in transfers:
        if paid.sender.key and paid.beneficiary.key:
            found.setdefault(paid.beneficiary.key, set()).add(paid.sender.key)
    return {key: len(senders) for key, senders in found.items()}


def score_one(transfers: Sequence[Paid], context: Context) -> PayerScore:
    """Return the score of transfers taken as those of one payer."""
    ordered = sorted(transfers, key=_order)
    rules = context.typologies
    points = [
        *(_point(rule, met) for rule in rules.indicator if (met := _test(ordered, rule, context))),
        *(_lower(rule, met) for rule in rules.lowers if (met := _test(ordered, rule, context))),
    ]
    best, score = _strongest(rules.typology, points)
    times = [p.at for p in ordered if p.at is not None]
    return PayerScore(
        sender=max((paid.sender for paid in ordered), key=Party.told),
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


def _test(ordered: Sequence[Paid], rule: Indicator, context: Context) -> Met | None:
    return TESTS[rule.code](ordered, rule, context)


def _point(rule: Indicator, met: Met) -> PointMade:
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


def _lower(rule: Indicator, met: Met) -> PointMade:
    return structs.replace(_point(rule, met), lowers=True)


def _strongest(
    typologies: Sequence[Typology], points: Sequence[PointMade]
) -> tuple[Typology | None, float]:
    """Return the typology that says most, and its score; one without enough indicators says nothing."""
    best, highest = None, 0.0
    for typology in typologies:
        about = [p for p in points if typology.code in p.typologies]
        mine = [p for p in about if not p.lowers]
        if len(mine) < typology.needs or not any(typology.code in p.core for p in mine):
            continue
        miss = math.prod(1 - p.weight for p in mine)
        kept = math.prod(1 - p.weight for p in about if p.lowers)
        score = round((1 - miss) * kept, 3)
        # Of two, the one that passes its own threshold by more.
        if best is None or score - typology.shown_from > highest - best.shown_from:
            best, highest = typology, score
    return best, highest
