"""Queries on links between reports and on counts of related reports, for later stages and pages."""

from collections.abc import Sequence
from uuid import UUID

from msgspec import structs

from fanal.accounts.domain.policy import may, reach, require
from fanal.analyse.domain.records import KinFacts
from fanal.crosscheck.domain.cards import key_of, signed
from fanal.crosscheck.domain.records import KinLink, Link, LinkReason, unpack_reasons
from fanal.crosscheck.domain.weights import load_weights
from fanal.crosscheck.dossiers.queries import CURRENT
from fanal.crosscheck.links.domain.reasons import tells
from fanal.db import sql
from fanal.db.sql import uuid_array
from fanal.harmonise import queries as harmonised
from fanal.harmonise.domain.records import SelectorKind
from fanal.harmonise.domain.sightings import HeldKey, selector_key
from fanal.kernel.actors import Actor, system_actor

# Document frequency of the shared values of links, counted when links are shown.

_COUNTED = 1000
_KINDS = frozenset(kind.value for kind in SelectorKind)


def with_frequency(told: Sequence[tuple[LinkReason, ...]]) -> list[tuple[LinkReason, ...]]:
    """Return the reasons of each link, with `seen` filled in: how many reports hold the value.

    Only reports at the desks that the session may see count, and up to about 1000 (`_COUNTED`). `told`
    holds the reasons by link, in the same order.
    """
    keys = {
        (reason.kind, reason.value): selector_key(SelectorKind(reason.kind), reason.value)
        for reasons in told
        for reason in reasons
        if reason.value and reason.kind in _KINDS
    }
    # Row-level security bounds what is counted: a person counts the reports of their desks.
    counts = harmonised.count_sightings(
        actor=system_actor("frequency of a value"), keys=list(set(keys.values())), most=_COUNTED
    )
    return [
        tuple(
            structs.replace(reason, seen=counts.get(keys[reason.kind, reason.value], 0))
            if (reason.kind, reason.value) in keys
            else reason
            for reason in reasons
        )
        for reasons in told
    ]


# Whether an identifier is rare enough to identify somebody, for comparisons outside this package.


def telling(*, held: Sequence[HeldKey]) -> list[bool]:
    """Return for each identifier, in order, whether it is specific enough to identify somebody.

    That is: it is no hub (co-occurs with too many identities), and few enough reports hold it. `held` are
    selector keys (digests of identifiers) with their numbers of occurrences.
    """
    keys = [signed(key_of(one.key)) for one in held]
    found = sql.rows(
        "SELECT key FROM crosscheck_value WHERE hub AND key = ANY(%s::bigint[])", [keys]
    )
    hubs = {key for (key,) in found}
    weights = load_weights()
    return [
        tells(one.kind, sum(one.total.values()), hub=key in hubs, weights=weights)
        for one, key in zip(held, keys, strict=True)
    ]


_LINK = (
    "SELECT l.report_id, l.other_id, l.desk_id, l.other_desk_id, l.score, l.rule_version, l.reasons"
)


def kin_facts(*, actor: Actor, report_ids: Sequence[UUID]) -> dict[UUID, KinFacts]:
    """Return the newest counts of related reports, by report id, for each report that the actor may read.

    For the system every id has an entry: zero counts for a report not linked yet.
    """
    desks = reach(actor, "link.read").desks
    if not report_ids or desks == []:
        return {}
    given = sql.rows(
        "SELECT DISTINCT ON (k.report_id) k.report_id, k.links, k.strongest, k.suspects,"
        " k.files, m.dossier_id FROM crosscheck_kin k"
        " LEFT JOIN crosscheck_membership m ON m.report_id = k.report_id"
        " WHERE k.report_id = ANY(%(ids)s::uuid[])"
        " AND (%(desks)s::int[] IS NULL OR k.desk_id = ANY(%(desks)s::int[]))"
        " ORDER BY k.report_id, k.rule_version DESC",
        {"ids": list(report_ids), "desks": desks},
    )
    found = {
        report_id: KinFacts(
            report_id=report_id,
            links=links,
            strongest=round(strongest, 4),
            previously_reported_suspect=suspects,
            shared_files=files,
            dossier_id=dossier,
        )
        for report_id, links, strongest, suspects, files, dossier in given
    }
    if desks is None:
        found |= {i: KinFacts(report_id=i) for i in report_ids if i not in found}
    return found


def links_of(*, actor: Actor, report_id: UUID) -> list[KinLink]:
    """Return the current links of a report with other reports, earlier and later ones, strongest first.

    A link to another desk's report shows only that it exists and which desk to ask; it comes last, and needs
    the permission `elsewhere.read`. Empty if the report is unknown or not of the actor's desks.
    """
    return links_of_reports(actor=actor, report_ids=[report_id]).get(report_id, [])


def links_of_reports(*, actor: Actor, report_ids: Sequence[UUID]) -> dict[UUID, list[KinLink]]:
    """Return the current links of several reports, by report id, as `links_of`; strongest first.

    Reports without links are absent.
    """
    desks = reach(actor, "link.read").desks
    if not report_ids or desks == []:
        return {}
    statement = " UNION ALL ".join(
        f"{_LINK}, l.{side} FROM crosscheck_link l WHERE l.{side} = ANY(%(ids)s::uuid[])"
        f" AND (%(desks)s::int[] IS NULL OR l.{desk} = ANY(%(desks)s::int[])) AND{CURRENT}"
        for side, desk in (("report_id", "desk_id"), ("other_id", "other_desk_id"))
    )
    seen = [
        (row[7], _seen_from(row[7], desks, row[:7]))
        for row in sql.rows(statement, {"ids": uuid_array(report_ids), "desks": desks})
    ]
    if not may(actor, "elsewhere.read"):
        seen = [(report_id, link) for report_id, link in seen if link.other_id is not None]
    reasons = with_frequency([link.reasons for _report_id, link in seen])
    found: dict[UUID, list[KinLink]] = {}
    for (report_id, link), counted in zip(seen, reasons, strict=True):
        found.setdefault(report_id, []).append(structs.replace(link, reasons=counted))
    for links in found.values():
        links.sort(key=lambda s: (-(s.score or 0), s.desk_id, str(s.other_id)))
    return found


def linked_reports(*, actor: Actor) -> list[UUID]:
    """Return the ids of all reports that cross-check has processed, oldest first. For the system only.

    Raises:
        Refused: the actor is not the system.
    """
    require(actor, "pipeline.run")
    return [
        report_id
        for (report_id,) in sql.rows("SELECT report_id FROM crosscheck_card ORDER BY report_id")
    ]


def list_links(*, actor: Actor, after: tuple[UUID, UUID] | None, limit: int) -> list[Link]:
    """Return a page of current links in order of their two report ids. For the system only.

    At most `limit`; `after` is the pair of ids of the previous page's last link, None for the first page.

    Raises:
        Refused: the actor is not the system.
    """
    require(actor, "pipeline.run")
    start = after or (UUID(int=0), UUID(int=0))
    rows = sql.rows(
        f"{_LINK} FROM crosscheck_link l WHERE (l.report_id, l.other_id) > (%s, %s) AND{CURRENT}"
        " ORDER BY l.report_id, l.other_id LIMIT %s",
        [*start, limit],
    )
    told = with_frequency([unpack_reasons(row[6]) for row in rows])
    return [
        Link(
            report_id=row[0],
            other_id=row[1],
            score=round(row[4], 4),
            reasons=reasons,
            rule_version=row[5],
        )
        for row, reasons in zip(rows, told, strict=True)
    ]


def _seen_from(
    report_id: UUID,
    desks: list[int] | None,
    row: tuple[UUID, UUID, int, int, float, str, memoryview],
) -> KinLink:
    earlier = row[0] == report_id
    other_id, desk_id = (row[1], row[3]) if earlier else (row[0], row[2])
    if desks is not None and desk_id not in desks:
        return KinLink(desk_id=desk_id)
    return KinLink(
        desk_id=desk_id,
        other_id=other_id,
        earlier=earlier,
        score=round(row[4], 4),
        reasons=unpack_reasons(row[6]),
        rule_version=row[5],
    )
