"""Links and kin facts as later stages and pages read them."""

from collections.abc import Sequence
from uuid import UUID

from django.db import connection
from msgspec import structs

from fanal.accounts.domain.policy import may, reach, require
from fanal.analyse.domain.records import KinFacts
from fanal.crosscheck.domain.encoding import unpack_reasons
from fanal.crosscheck.domain.records import Link
from fanal.crosscheck.domain.views import KinLink
from fanal.crosscheck.queries.frequency import with_frequency
from fanal.crosscheck.queries.state import CURRENT
from fanal.kernel.actors import Actor
from fanal.kernel.arrays import uuid_array

_LINK = (
    "SELECT l.report_id, l.other_id, l.desk_id, l.other_desk_id, l.score, l.rule_version, l.reasons"
)


def kin_facts(*, actor: Actor, report_ids: Sequence[UUID]) -> dict[UUID, KinFacts]:
    """Return the newest kin facts of each report that the actor reaches.

    For the system every id has facts: a report not linked yet has no kin.
    """
    desks = reach(actor, "link.read").desks
    if not report_ids or desks == []:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
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
            for report_id, links, strongest, suspects, files, dossier in cursor.fetchall()
        }
    if desks is None:
        found |= {i: KinFacts(report_id=i) for i in report_ids if i not in found}
    return found


def links_of(*, actor: Actor, report_id: UUID) -> list[KinLink]:
    """Return the current links of a report of the actor's desks, strongest first, both directions.

    A link to another desk's report says only that it exists and which desk to ask (`elsewhere.read`);
    those come last.
    """
    return links_of_reports(actor=actor, report_ids=[report_id]).get(report_id, [])


def links_of_reports(*, actor: Actor, report_ids: Sequence[UUID]) -> dict[UUID, list[KinLink]]:
    """Return `links_of` each report in one statement; reports without links are left out."""
    desks = reach(actor, "link.read").desks
    if not report_ids or desks == []:
        return {}
    statement = " UNION ALL ".join(
        f"{_LINK}, l.{side} FROM crosscheck_link l WHERE l.{side} = ANY(%(ids)s::uuid[])"
        f" AND (%(desks)s::int[] IS NULL OR l.{desk} = ANY(%(desks)s::int[])) AND{CURRENT}"
        for side, desk in (("report_id", "desk_id"), ("other_id", "other_desk_id"))
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, {"ids": uuid_array(report_ids), "desks": desks})
        seen = [(row[7], _seen_from(row[7], desks, row[:7])) for row in cursor.fetchall()]
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
    """Return every report that has been linked, oldest first, for the system.

    Raises:
        Refused: the actor is not the system.
    """
    require(actor, "pipeline.run")
    with connection.cursor() as cursor:
        cursor.execute("SELECT report_id FROM crosscheck_card ORDER BY report_id")
        return [report_id for (report_id,) in cursor.fetchall()]


def list_links(*, actor: Actor, after: tuple[UUID, UUID] | None, limit: int) -> list[Link]:
    """Return a page of current links in the order of their reports, for the system (commands, benches).

    Raises:
        Refused: the actor is not the system.
    """
    require(actor, "pipeline.run")
    start = after or (UUID(int=0), UUID(int=0))
    with connection.cursor() as cursor:
        cursor.execute(
            f"{_LINK} FROM crosscheck_link l WHERE (l.report_id, l.other_id) > (%s, %s) AND{CURRENT}"
            " ORDER BY l.report_id, l.other_id LIMIT %s",
            [*start, limit],
        )
        rows = cursor.fetchall()
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
