"""One identifier through time: when it was seen, on whose side, with what else, in which dossiers."""

from collections import Counter
from collections.abc import Mapping, Sequence
from uuid import UUID

from fanal.crosscheck import queries as crosschecked
from fanal.harmonise import queries as harmonised
from fanal.harmonise.domain.records import HarmonisedReport, SelectorKind
from fanal.harmonise.domain.sightings import Sightings
from fanal.kernel.actors import Actor
from fanal.kernel.ids import instant_of
from fanal.web.desk.content import selector_link

_BESIDE = 12
_WIDEST = 120  # units of the bar of the fullest month
_TOLD_BY_OTHERS = frozenset({SelectorKind.HOST, SelectorKind.DOMAIN})
"""An address says them already."""


def pivot_of(kind: SelectorKind, value: str, seen: Sightings, *, actor: Actor) -> dict[str, object]:
    """Return what the page of an identifier tells beside the list of its reports."""
    ids = list(dict.fromkeys(sighting.report_id for sighting in seen.newest))
    records = harmonised.get_records(actor=actor, report_ids=ids)
    return {
        "months": _months(ids),
        "first": min(map(instant_of, ids), default=None),
        "last": max(map(instant_of, ids), default=None),
        "beside": _beside(kind, value, records),
        "dossiers": crosschecked.dossiers_of(actor=actor, report_ids=ids),
    }


def _months(ids: Sequence[UUID]) -> list[dict[str, object]]:
    """Return each month with a report, oldest first, with the width of its bar."""
    counts = Counter(f"{instant_of(i):%Y-%m}" for i in ids)
    most = max(counts.values(), default=1)
    return [
        {"month": month, "count": count, "width": max(2, _WIDEST * count // most)}
        for month, count in sorted(counts.items())
    ]


def _beside(
    kind: SelectorKind, value: str, records: Mapping[UUID, HarmonisedReport]
) -> list[dict[str, object]]:
    """Return the identifiers that stand with this one in two reports or more, the most frequent first."""
    counts: Counter[tuple[str, str]] = Counter()
    for record in records.values():
        counts.update(
            {(s.kind, s.value) for s in record.selectors if s.kind not in _TOLD_BY_OTHERS}
        )
    del counts[kind, value]
    often = sorted(
        ((n, k, v) for (k, v), n in counts.items() if n > 1), key=lambda x: (-x[0], *x[1:])
    )
    return [
        {"kind": k, "value": v, "count": n, "href": selector_link(k, v)}
        for n, k, v in often[:_BESIDE]
    ]
