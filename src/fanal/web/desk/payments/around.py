"""The reports that hold a payer's transfers, and the other reports that these are linked to."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from fanal.accounts import queries as accounts
from fanal.analyse.domain.payers import Payer
from fanal.crosscheck import queries as crosschecked
from fanal.crosscheck.domain.views import KinLink
from fanal.harmonise import queries as harmonised
from fanal.harmonise.domain.records import SelectorKind
from fanal.intake import queries as intake
from fanal.intake.domain.number import spoken
from fanal.judicial.domain.sheets import SheetReport
from fanal.kernel.actors import Actor
from fanal.kernel.alphabet import alphabetical

_LOOKED_AT = 20  # reports of a payer whose links are asked for, the newest
_LINKED = 15  # linked reports shown, the strongest


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """Reports of a payer, reports linked to them (the strongest first), desks that hold others."""

    reports: tuple[SheetReport, ...]
    linked: tuple[SheetReport, ...]
    elsewhere: tuple[str, ...]


def around_of(payer: Payer, *, actor: Actor) -> Around:
    """Return the reports of a payer and those that cross-check linked to them, in the actor's reach."""
    best: dict[UUID, KinLink] = {}
    desks: set[int] = set()
    for report_id in payer.report_ids[:_LOOKED_AT]:
        for link in crosschecked.links_of(actor=actor, report_id=report_id):
            if link.other_id is None:
                desks.add(link.desk_id)
            elif link.other_id not in payer.report_ids:
                known = best.get(link.other_id)
                if known is None or (link.score or 0) > (known.score or 0):
                    best[link.other_id] = link
    ranked = sorted(best, key=lambda i: (-(best[i].score or 0), i))[:_LINKED]
    names = accounts.desk_names(desk_ids=desks)
    return Around(
        reports=_reports(payer.report_ids, {}, actor=actor),
        linked=_reports(ranked, best, actor=actor),
        elsewhere=tuple(sorted(names.values(), key=alphabetical)),
    )


def _reports(
    ids: Iterable[UUID], links: dict[UUID, KinLink], *, actor: Actor
) -> tuple[SheetReport, ...]:
    wanted = list(ids)
    facts = intake.get_reports(actor=actor, report_ids=wanted)
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
    """Return the values that a link rests on; what speaks against it stands on the report's own page."""
    kinds = frozenset(SelectorKind)
    return tuple(
        (reason.kind, reason.value, round(reason.weight, 3))
        for reason in link.reasons
        if reason.kind in kinds and reason.weight > 0
    )
