"""A score as JSON tells it, with every reason in both languages and every transfer it saw."""

from datetime import datetime

from fanal import reference
from fanal.analyse.domain.payments.scoring import PayerScore, PointMade
from fanal.analyse.domain.payments.transfers import Paid

LANGUAGES = ("fr", "en")


def told(found: PayerScore) -> dict[str, object]:
    """Return a score in JSON's own types: the payer, the score, each indicator, each transfer."""
    kind, _, value = found.sender.key.partition("|")
    return {
        "sender": {"kind": kind, "value": value, "name": found.sender.shown},
        "score": found.score,
        "typology": found.typology or None,
        "suspected": found.suspected,
        "indicators": [_point(point) for point in found.points],
        "transfers": [_transfer(paid) for paid in found.transfers],
        "total_eur": found.total,
        "first_at": _moment(found.first_at),
        "last_at": _moment(found.last_at),
        "countries": list(found.countries),
        "rule_version": found.rule_version,
    }


def _point(point: PointMade) -> dict[str, object]:
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
