"""A payer's score made ready for a page: numbered transfers, points that lead to them, the timeline."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.utils.translation import get_language, gettext as _

from fanal.analyse.domain.payers import Payer
from fanal.analyse.domain.payments import Paid, PayerScore
from fanal.analyse.domain.payments.scoring import PointMade
from fanal.web.desk.payments.written import when

_COLORS = 9
"""Beneficiaries with a color of their own in the timeline; the others share one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One transfer with its number on the page, and the report that holds it."""

    number: int
    paid: Paid
    report_id: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One indicator with the numbers of the transfers it saw."""

    made: PointMade
    numbers: list[int]


def rows_of(payer: Payer) -> list[Row]:
    """Return the transfers of a payer, the earliest first, numbered from 1."""
    return [
        Row(number=number, paid=paid, report_id=payer.reports.get(paid.id))
        for number, paid in enumerate(payer.score.transfers, start=1)
    ]


def points_of(score: PayerScore, rows: Sequence[Row]) -> list[Point]:
    """Return the points of a score, what raises it first, the heaviest first."""
    numbers = {row.paid.id: row.number for row in rows}
    points = [
        Point(made=made, numbers=sorted(numbers[i] for i in made.transfers if i in numbers))
        for made in score.points
    ]
    return sorted(points, key=lambda point: (point.made.lowers, -point.made.weight))


def timeline_of(score: PayerScore) -> dict[str, object] | None:
    """Return the chart of the transfers whose time and worth are known, None for fewer than two."""
    dated = [p for p in score.transfers if p.at is not None and p.euros is not None]
    if len(dated) < 2:
        return None
    lang = get_language() or "fr"
    names = _names(dated)
    return {
        "stacked": True,
        "labels": [when(paid, lang) for paid in dated],
        "series": [
            {
                "name": name,
                "values": [p.euros if _name_of(p, names) == name else None for p in dated],
            }
            for name in dict.fromkeys(names.values())
        ],
    }


def _names(dated: Sequence[Paid]) -> dict[str, str]:
    counts: dict[str, int] = {}
    for paid in dated:
        counts[paid.beneficiary.key] = counts.get(paid.beneficiary.key, 0) + 1
    ranked = sorted(counts, key=lambda key: (-counts[key], key))
    shown = {p.beneficiary.key: p.beneficiary.shown or _("beneficiary not known") for p in dated}
    return {
        key: shown[key] if place < _COLORS else _("other beneficiaries")
        for place, key in enumerate(ranked)
    }


def _name_of(paid: Paid, names: dict[str, str]) -> str:
    return names[paid.beneficiary.key]
