"""Related reports of a report: links with their reasons, a small graph, series and repeat offenders."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.utils.translation import get_language, gettext as _, ngettext
from msgspec import Struct

from fanal.accounts.queries.desks import desk_names
from fanal.crosscheck.domain.records import SIMILAR, KinLink, LinkReason
from fanal.crosscheck.dossiers.domain import Identifier, Series, series_in
from fanal.crosscheck.dossiers.queries import members_of
from fanal.crosscheck.links.domain.reasons import because_of
from fanal.crosscheck.similar.domain.pairs import FAMILY, MIRROR, PICTURE, TEXT
from fanal.crosscheck.similar.domain.suggestions import Suggestion
from fanal.harmonise import queries as harmonised
from fanal.harmonise.domain.records import HarmonisedReport, SelectorKind
from fanal.intake.queries.envelopes import get_reports
from fanal.judicial import queries as judicial
from fanal.kernel.actors import Actor
from fanal.kernel.calendar import paris_day
from fanal.kernel.texts import alphabetical
from fanal.orient import queries as oriented
from fanal.orient.domain.records import Case, Decision
from fanal.orient.domain.states import DECIDED_STATES
from fanal.web.components.navigation import selector_link

_KINDS = frozenset(kind.value for kind in SelectorKind)
_SHOWN = {PICTURE: "PDQ", MIRROR: "URL", FAMILY: "URL"}
"""Selector kind under which the value of a similarity reason is shown."""
_ALIKE = frozenset(("LIKE", *SIMILAR))
_DRAWN = 24  # reports in the small graph; the list holds all


class Suggested(NamedTuple):
    """A suggested link with another report (`suggestion`), for its page.

    `fresh`: its reasons that are newer than a past rejection, as `reasons_of` returns them.
    """

    suggestion: Suggestion
    fresh: list[dict[str, object]]


class JudgedRelation(NamedTuple):
    """A related report on which the desk has decided, with its displayed reference and the last decision."""

    report_id: UUID
    reference: str
    decision: Decision


class RelatedReports(Struct, frozen=True, kw_only=True):
    """The related reports of a report, for its page.

    `rows` are the reports with the reasons of their links, for the template; `graph` is a small graph of
    them. `elsewhere`: names of the desks that hold reports invisible to the reader. `dossier_id` is the
    report's dossier, None without one. `judged`: the related reports on which the desk has decided.
    """

    rows: Sequence[Mapping[str, object]]
    elsewhere: list[str]
    graph: dict[str, object]
    dossier_id: UUID | None
    judged: list[JudgedRelation]


def judged_of(
    references: Mapping[UUID, str], cases: Mapping[UUID, Case], *, actor: Actor
) -> list[JudgedRelation]:
    """Return the reports on which the desk has decided, each with its last decision, the newest first.

    `references` has the reference of each report as shown, `cases` its row in the queue, both by report id.
    """
    decided = [i for i in references if i in cases and cases[i].state in DECIDED_STATES]
    decisions = oriented.decisions_of(actor=actor, report_ids=decided)
    found = [
        JudgedRelation(i, references[i], decisions[i][-1]) for i in decided if decisions.get(i)
    ]
    return sorted(found, key=lambda one: one.decision.decided_at, reverse=True)


def kin_of(
    record: HarmonisedReport,
    links: Sequence[KinLink],
    suggested: Mapping[UUID, Suggested],
    *,
    dossier_id: UUID | None,
    actor: Actor,
) -> RelatedReports:
    """Return a report's related reports for its page.

    `links` are its links with other reports, `suggested` the suggested links by the other report's id. A pair
    related by similarity alone has no link: it is listed after the links. `dossier_id`: its dossier, if any.
    """
    own = [link for link in links if link.other_id is not None]
    linked = {link.other_id for link in own}
    own += [_as_link(record.report_id, i, suggested[i]) for i in suggested if i not in linked]
    others = [link.other_id for link in own if link.other_id]
    facts = get_reports(actor=actor, report_ids=[record.report_id, *others])
    cases = oriented.get_cases(actor=actor, report_ids=others)
    desks = desk_names(desk_ids={link.desk_id for link in links if not link.other_id})
    references = {i: found.spoken for i, found in facts.items()}
    rows = [
        {
            "link": link,
            "percent": percent(link.score or 0),
            "reference": references[link.other_id],
            "case": cases.get(link.other_id),
            "facts": facts[link.other_id],
            "reasons": reasons_of(_reasons(link, suggested.get(link.other_id))),
            "found": suggested.get(link.other_id),
        }
        for link in own
        if link.other_id in facts
    ]
    return RelatedReports(
        judged=judged_of(references, cases, actor=actor),
        rows=rows,
        elsewhere=sorted(set(desks.values()), key=alphabetical),
        graph=_graph(record, own[:_DRAWN], references),
        dossier_id=dossier_id,
    )


def _as_link(report_id: UUID, other_id: UUID, found: Suggested) -> KinLink:
    one = found.suggestion
    return KinLink(
        desk_id=0,  # the reader's own desk: others are never suggested
        other_id=other_id,
        earlier=one.report_id == report_id,
        score=one.score,
        reasons=one.reasons,
    )


def _reasons(link: KinLink, found: Suggested | None) -> tuple[LinkReason, ...]:
    """Return the reasons of a link, with the similarity reasons of the suggestion for its pair.

    `found` is that suggestion, if any.
    """
    if found is None:
        return link.reasons
    more = (r for r in found.suggestion.reasons if r.kind in _ALIKE and r not in link.reasons)
    return (*link.reasons, *more)


def percent(share: float) -> str:
    """Return a proportion (0.87) as a percentage in the page's language, `87 %` (`87%` in English)."""
    space = "" if get_language() == "en" else "\u00a0"
    return f"{round(share * 100)}{space}%"


def points(weight: float) -> str:
    """Return the weight of a reason as text with two decimals, in the notation of the page's language."""
    text = f"{weight:.2f}".replace("-", "\u2212")
    return text if get_language() == "en" else text.replace(".", ",")


def reasons_of(reasons: Sequence[LinkReason]) -> list[dict[str, object]]:
    """Return each reason of a link as a dict for its page, in the same order.

    Keys: `reason`; `points` (its weight as text), `whole` (the weight before the discount for frequency, None
    if nothing is left); `measure` (similarity as a sentence, else ""), `near` (whether it is a reason of
    similarity), `between` (the two similar identifiers, else empty); `because` (code of its explanation, a
    label of kind `link_because`); `shown` (identifier kind to display), `href` (search page of the
    identifier, else ""), `valued` (whether the reason cites an identifier).
    """
    return [
        {
            "reason": reason,
            "points": points(reason.weight),
            "measure": _measure(reason),
            "near": reason.kind in SIMILAR,
            "between": _between(reason),
            "shown": kind,
            "whole": points(reason.weight / reason.kept) if reason.kept else None,
            "because": because_of(reason),
            # A reason without an identifier (a name, a conflict) is shown by its sentence alone.
            "href": selector_link(kind, reason.value) if kind in _KINDS else "",
            "valued": bool(reason.value) and kind in _KINDS,
        }
        for reason in reasons
        for kind in (_SHOWN.get(reason.kind, reason.kind),)
    ]


def values_of(reasons: Sequence[LinkReason]) -> list[tuple[str, str]]:
    """Return the identifiers that the reasons of a link cite, as (kind to display, value).

    In the order of `reasons`; those without a value are left out.
    """
    shown = [(_SHOWN.get(reason.kind, reason.kind), reason.value) for reason in reasons]
    return [(kind, value) for kind, value in shown if value and kind in _KINDS]


def _between(reason: LinkReason) -> list[dict[str, str]]:
    """Return the two similar identifiers that a reason compares, for display; empty for other reasons.

    Keys of each: `kind`, `value`, `href` (its search page).
    """
    kind = reason.kind.split("_")[1] if reason.between else ""
    return [
        {"kind": kind, "value": value, "href": selector_link(kind, value)}
        for value in reason.between or ()
    ]


def _measure(reason: LinkReason) -> str:
    """Return the similarity of two texts or pictures as a sentence; "" for reasons of another kind."""
    if reason.kind == TEXT:
        part = percent(reason.measure / 100)
        return _("%(part)s of the passages in common") % {"part": part}
    if reason.kind == PICTURE:
        return ngettext("%(n)d bit in 256 differs", "%(n)d bits in 256 differ", reason.measure) % {
            "n": reason.measure
        }
    return ""


def _graph(
    record: HarmonisedReport, links: Sequence[KinLink], references: Mapping[UUID, str]
) -> dict[str, object]:
    """Return the graph of a report's links as cytoscape.js elements.

    Keys: `nodes` (id, label) and `edges` (source, target, score). `record` is the report in the middle; each
    of `links` goes to another report. `references`: display references by report id; a report without one is
    left out.
    """
    here = str(record.report_id)
    label = references.get(record.report_id, "")
    nodes: list[object] = [{"data": {"id": here, "label": label, "here": True}}]
    edges: list[object] = []
    for link in links:
        if link.other_id is not None and link.other_id in references:
            other = str(link.other_id)
            nodes.append({"data": {"id": other, "label": references[link.other_id]}})
            edges.append({"data": {"source": here, "target": other, "score": link.score or 0}})
    return {"nodes": nodes, "edges": edges}


_LOOKED_AT = 50
"""Reports of a dossier that the page of one of them compares: the newest."""
_IDENTIFIERS = 3


class ShownSeries(Struct, frozen=True, kw_only=True):
    """A series (reports of one dossier with a common suspect) for display.

    `identifiers` are (kind, value, URL of the search page), at most three. `one_day`: all facts are of one
    day in Paris. `referred`: (report id, displayed reference, time of sending) of reports referred to the
    justice system; `again`: (report id, reference) of those with later facts.
    """

    series: Series
    one_day: bool
    identifiers: list[tuple[str, str, str]]
    referred: list[tuple[UUID, str, datetime]]
    again: list[tuple[UUID, str]]


def shown_series(
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


def series_beside(report_id: UUID, dossier_id: UUID | None, *, actor: Actor) -> list[UUID]:
    """Return the ids of the dossier's newest other reports, at most fifty; [] without a dossier."""
    if dossier_id is None:
        return []
    others = [i for i in members_of(actor=actor, dossier_id=dossier_id) if i != report_id]
    return others[-_LOOKED_AT:]


def series_of_report(
    record: HarmonisedReport, others: Sequence[UUID], *, actor: Actor
) -> list[ShownSeries]:
    """Return the series that a report belongs to, among `others`, the reports from `series_beside`.

    [] if there are no others, or if it belongs to none.
    """
    if not others:
        return []
    records = harmonised.get_records(actor=actor, report_ids=others)
    records[record.report_id] = record
    facts = get_reports(actor=actor, report_ids=list(records))
    references = {i: found.spoken for i, found in facts.items()}
    found = shown_series(records, references, actor=actor)
    return [one for one in found if record.report_id in one.series.reports]


def _link(identifier: Identifier) -> tuple[str, str, str]:
    kind, value = identifier
    return kind.value, value, selector_link(kind, value)
