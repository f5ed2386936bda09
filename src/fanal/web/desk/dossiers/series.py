"""Series and repeat offenders on the pages of a report and of its dossier."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from fanal.crosscheck.dossiers.domain import Identifier, Series, series_in
from fanal.crosscheck.dossiers.queries import members_of
from fanal.harmonise import queries as harmonised
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.intake.domain.number import spoken
from fanal.kernel.actors import Actor
from fanal.kernel.calendar import paris_day
from fanal.orient import queries as oriented
from fanal.orient.domain.records import Track
from fanal.web.components.navigation import selector_link
from fanal.web.desk.dossiers.related import Judged, judged_of

_LOOKED_AT = 50
"""Reports of a dossier that the page of one of them compares: the newest."""
_IDENTIFIERS = 3


class ShownSeries(Struct, frozen=True, kw_only=True):
    """A series for display: `identifiers` are (kind, value, search page), at most three.

    `one_day`: all facts are of one day in Paris. `referred`: (report id, displayed reference, time of the
    decision) of reports referred to the justice system; `again`: (report id, reference) of those with later
    facts.
    """

    series: Series
    one_day: bool
    identifiers: list[tuple[str, str, str]]
    referred: list[tuple[UUID, str, datetime]]
    again: list[tuple[UUID, str]]


def shown(
    records: Iterable[HarmonisedReport], judged: Sequence[Judged], references: Mapping[UUID, str]
) -> list[ShownSeries]:
    """Return the series among reports of a dossier, repeat offenders first.

    `judged`: the reports with a decision in force; `references`: displayed references by report id.
    """
    referred = {
        one.report_id: one.decision.decided_at
        for one in judged
        if Track.JUDICIAL in one.decision.tracks
    }
    return [
        ShownSeries(
            series=series,
            one_day=paris_day(series.first) == paris_day(series.last),
            identifiers=[_link(found) for found in series.identifiers[:_IDENTIFIERS]],
            referred=[(i, references.get(i, ""), at) for i, at in series.referred],
            again=[(i, references.get(i, "")) for i in series.again],
        )
        for series in series_in(records, referred=referred)
    ]


def compared_with(report_id: UUID, dossier_id: UUID | None, *, actor: Actor) -> list[UUID]:
    """Return the newest reports of a report's dossier (at most fifty), itself left out; empty without one."""
    if dossier_id is None:
        return []
    others = [i for i in members_of(actor=actor, dossier_id=dossier_id) if i != report_id]
    return others[-_LOOKED_AT:]


def of_report(
    record: HarmonisedReport, others: Sequence[UUID], *, actor: Actor
) -> list[ShownSeries]:
    """Return the series that a report belongs to, among `others`, the reports of `compared_with`."""
    if not others:
        return []
    records = harmonised.get_records(actor=actor, report_ids=others)
    records[record.report_id] = record
    references = {i: spoken(one.reference, i) for i, one in records.items()}
    cases = oriented.get_cases(actor=actor, report_ids=list(records))
    found = shown(records.values(), judged_of(references, cases, actor=actor), references)
    return [one for one in found if record.report_id in one.series.reports]


def _link(identifier: Identifier) -> tuple[str, str, str]:
    kind, value = identifier
    return kind.value, value, selector_link(kind, value)
