"""A payer's score arranged for display: numbered transfers, indicators that cite them, timeline."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.utils.translation import get_language, gettext as _

from fanal import reference
from fanal.accounts.queries.people import desk_names
from fanal.analyse.payments.domain.scoring import Payer, PayerScore, PointMade
from fanal.analyse.payments.domain.transfers import Paid
from fanal.crosscheck.domain.records import KinLink
from fanal.crosscheck.links.queries import links_of
from fanal.harmonise import queries as harmonised
from fanal.harmonise.domain.records import SelectorKind
from fanal.intake.domain.number import spoken
from fanal.intake.queries.envelopes import get_reports
from fanal.judicial.domain.records import SheetReport
from fanal.kernel.actors import Actor
from fanal.kernel.calendar import PARIS
from fanal.kernel.texts import alphabetical

# Formatting of times and payer keys, in both languages.

_FORMATS = {"fr": "%d/%m/%Y %H:%M", "en": "%Y-%m-%d %H:%M"}
_DAYS = {"fr": "%d/%m/%Y", "en": "%Y-%m-%d"}


def instant(at: datetime, lang: str) -> str:
    """Return the time `at` as text in Europe/Paris, to the minute."""
    return at.astimezone(PARIS).strftime(_FORMATS[lang])


def when(paid: Paid, lang: str) -> str:
    """Return the time of a transfer as text: to the minute, a day when no hour is known, or a dash."""
    if paid.at is None:
        return "–"
    return paid.at.astimezone(PARIS).strftime((_FORMATS if paid.exact else _DAYS)[lang])


def compared_by(key: str, lang: str) -> str:
    """Return in words the identifier by which a payer is recognised, from its key `kind|value`.

    Of a name, only "name at one operator" is said.
    """
    kind, _sep, value = key.partition("|")
    if kind == "NAME":
        return _("name at one operator")
    return f"{reference.label('selector_kind', kind, lang)} {value}"


# Reports with a payer's transfers, and the reports linked to those.

_LOOKED_AT = 20  # newest reports of a payer whose links are queried
_LINKED = 15  # linked reports shown, strongest link first


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportsAround:
    """The reports around a payer, for its page: the payer's own (`reports`), and those linked to them.

    `linked`: strongest link first; `elsewhere`: names of the desks that hold linked reports invisible to the
    reader.
    """

    reports: tuple[SheetReport, ...]
    linked: tuple[SheetReport, ...]
    elsewhere: tuple[str, ...]


def around_of(payer: Payer, *, actor: Actor) -> ReportsAround:
    """Return a payer's reports and those linked to its newest twenty, as far as the actor may see them.

    The linked reports are the fifteen with the strongest links.
    """
    best: dict[UUID, KinLink] = {}
    desks: set[int] = set()
    for report_id in payer.report_ids[:_LOOKED_AT]:
        for link in links_of(actor=actor, report_id=report_id):
            if link.other_id is None:
                desks.add(link.desk_id)
            elif link.other_id not in payer.report_ids:
                known = best.get(link.other_id)
                if known is None or (link.score or 0) > (known.score or 0):
                    best[link.other_id] = link
    ranked = sorted(best, key=lambda i: (-(best[i].score or 0), i))[:_LINKED]
    names = desk_names(desk_ids=desks)
    return ReportsAround(
        reports=_reports(payer.report_ids, {}, actor=actor),
        linked=_reports(ranked, best, actor=actor),
        elsewhere=tuple(sorted(names.values(), key=alphabetical)),
    )


def _reports(
    ids: Iterable[UUID], links: dict[UUID, KinLink], *, actor: Actor
) -> tuple[SheetReport, ...]:
    wanted = list(ids)
    facts = get_reports(actor=actor, report_ids=wanted)
    records = harmonised.get_records(actor=actor, report_ids=wanted)
    return tuple(
        SheetReport(
            report_id=i,
            reference=spoken(facts[i].reference, i),
            received_at=facts[i].received_at,
            kind=records[i].kind.value,
            score=round(links[i].score or 0, 3) if i in links else 0.0,
            reasons=_shared(links[i]) if i in links else (),
        )
        for i in wanted
        if i in facts and i in records
    )


def _shared(link: KinLink) -> tuple[tuple[str, str, float], ...]:
    """Return the shared values behind a link as (kind, value, weight), without reasons of negative weight."""
    kinds = frozenset(SelectorKind)
    return tuple(
        (reason.kind, reason.value, round(reason.weight, 3))
        for reason in link.reasons
        if reason.kind in kinds and reason.weight > 0
    )


_COLORS = 9
"""Beneficiaries with a color of their own in the timeline; all others share one color."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownTransfer:
    """A payment transfer with its number on the page (from 1) and the id of its report, None if not known."""

    number: int
    paid: Paid
    report_id: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """An indicator that counts in a payer's score (`made`), and page numbers of the transfers it cites."""

    made: PointMade
    numbers: list[int]


def rows_of(payer: Payer) -> list[ShownTransfer]:
    """Return the transfers of a payer, earliest first, numbered from 1."""
    return [
        ShownTransfer(number=number, paid=paid, report_id=payer.reports.get(paid.id))
        for number, paid in enumerate(payer.score.transfers, start=1)
    ]


def points_of(score: PayerScore, rows: Sequence[ShownTransfer]) -> list[Point]:
    """Return the indicators of a score: raising ones before lowering ones, each group by descending weight.

    `rows` are the payer's transfers, whose page numbers the indicators cite.
    """
    numbers = {row.paid.id: row.number for row in rows}
    points = [
        Point(made=made, numbers=sorted(numbers[i] for i in made.transfers if i in numbers))
        for made in score.points
    ]
    return sorted(points, key=lambda point: (point.made.lowers, -point.made.weight))


def timeline_of(score: PayerScore) -> dict[str, object] | None:
    """Return the chart of a payer's transfers with known time and value, as data for `charts.js`.

    Keys: `stacked`, `labels` (times), `series` (for the most frequent payees, and the rest together, a name
    and the euros at each label). None for fewer than two transfers.
    """
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
