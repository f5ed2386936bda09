"""Series and repeat offenders on the pages of a report and of its dossier."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from fanal.crosscheck.dossiers.domain import Identifier, Series, series_in
from fanal.crosscheck.dossiers.queries import members_of
from fanal.harmonise import queries as harmonised
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.intake.domain.number import spoken
from fanal.judicial import queries as judicial
from fanal.kernel.actors import Actor
from fanal.kernel.calendar import paris_day
from fanal.web.components.navigation import selector_link

_LOOKED_AT = 50
"""Reports of a dossier that the page of one of them compares: the newest."""
_IDENTIFIERS = 3


class ShownSeries(Struct, frozen=True, kw_only=True):
    """A series for display: `identifiers` are (kind, value, search page), at most three.

    `one_day`: all facts are of one day in Paris. `referred`: (report id, displayed reference, time of
    sending) of reports referred to the justice system; `again`: (report id, reference) of those with later
    facts.
    """

    series: Series
    one_day: bool
    identifiers: list[tuple[str, str, str]]
    referred: list[tuple[UUID, str, datetime]]
    again: list[tuple[UUID, str]]


def shown(
    records: Mapping[UUID, HarmonisedReport], references: Mapping[UUID, str], *, actor: Actor
) -> list[ShownSeries]:
    """Return the series among reports of a dossier, repeat offenders first.

    `records` and `references` (as displayed): by report id.
    """
    sent = {
        report_id: min(times)
        for report_id, found in judicial.referrals_of(actor=actor, report_ids=list(records)).items()
        if (times := [referral.sent_at for referral in found if referral.sent_at])
    }
    return [
        ShownSeries(
            series=series,
            one_day=paris_day(series.first) == paris_day(series.last),
            identifiers=[_link(found) for found in series.identifiers[:_IDENTIFIERS]],
            referred=[(i, references.get(i, ""), at) for i, at in series.referred],
            again=[(i, references.get(i, "")) for i in series.again],
        )
        for series in series_in(records.values(), referred=sent)
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
    found = shown(records, references, actor=actor)
    return [one for one in found if record.report_id in one.series.reports]


def _link(identifier: Identifier) -> tuple[str, str, str]:
    kind, value = identifier
    return kind.value, value, selector_link(kind, value)
