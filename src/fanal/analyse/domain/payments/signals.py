"""Findings of a report's payments: the indicators of its payers, when they combine into a pattern."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from msgspec import Struct

from fanal.analyse.domain.payments.indicators import Context
from fanal.analyse.domain.payments.scoring import PayerScore, count_senders, score_one
from fanal.analyse.domain.payments.transfers import Paid, paid_in
from fanal.analyse.domain.payments.typologies import Typologies
from fanal.analyse.domain.records import Because, Finding, Parameters
from fanal.harmonise.domain.records import HarmonisedReport


class Around(Struct, frozen=True, kw_only=True):
    """What is known beside a report: transfers of its payers, senders of its beneficiaries, until when."""

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
    """Yield the indicators of a report's payments and their combination, when it is worth showing.

    The payments of one report are read together, with what else is known of who pays.
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
    """Return the score of a report's payments taken together."""
    every = {paid.id: paid for paid in (*around.transfers, *own)}
    counted = count_senders(every.values())
    for key, count in around.senders.items():
        counted[key] = max(count, counted.get(key, 0))
    context = Context(typologies=typologies, senders=counted, until=around.until)
    return score_one(list(every.values()), context)
