"""Queries on dossiers for pages: lists, membership, the graph of links, judgements."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from uuid import UUID

from fanal.accounts.domain.policy import may, reach
from fanal.crosscheck.domain.dossiers import Judgement, JudgementAct, effective
from fanal.crosscheck.domain.records import unpack_reasons
from fanal.crosscheck.domain.states import DossierState, conduct_of, state_of
from fanal.crosscheck.domain.views import (
    DossierEdge,
    DossierLine,
    DossierNode,
    DossierReports,
    DossierView,
    JudgementLine,
)
from fanal.crosscheck.queries.state import CURRENT, judgements_about
from fanal.db import sql
from fanal.kernel.actors import Actor

MOST_LINKS = 1000
"""Most links that the page and the graph of a dossier show; a report may have some fifty."""


def dossier_of(*, actor: Actor, report_id: UUID) -> UUID | None:
    """Return the id of the dossier that holds a report of the actor's desks; None where there is none."""
    desks = reach(actor, "dossier.read").desks
    if desks == []:
        return None
    row = sql.row(
        "SELECT dossier_id FROM crosscheck_membership WHERE report_id = %s"
        " AND (%s::int[] IS NULL OR desk_id = ANY(%s::int[]))",
        [report_id, desks, desks],
    )
    return None if row is None else row[0]


def dossiers_of(*, actor: Actor, report_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Return by dossier how many of `report_ids` it holds (actor's desks only), largest number first."""
    desks = reach(actor, "dossier.read").desks
    if desks == [] or not report_ids:
        return {}
    found = sql.rows(
        "SELECT dossier_id, count(*) FROM crosscheck_membership"
        " WHERE report_id = ANY(%s::uuid[]) AND (%s::int[] IS NULL OR desk_id = ANY(%s::int[]))"
        " GROUP BY dossier_id ORDER BY count(*) DESC, dossier_id",
        [list(report_ids), desks, desks],
    )
    return dict(found)


def members_of(*, actor: Actor, dossier_id: UUID) -> list[UUID]:
    """Return the ids of a dossier's reports at the actor's desks, oldest first."""
    desks = reach(actor, "dossier.read").desks
    if desks == []:
        return []
    found = sql.rows(
        "SELECT report_id FROM crosscheck_membership WHERE dossier_id = %s"
        " AND (%s::int[] IS NULL OR desk_id = ANY(%s::int[])) ORDER BY report_id",
        [_in_use(dossier_id), desks, desks],
    )
    return [row[0] for row in found]


def list_dossiers(*, actor: Actor, limit: int = 200) -> list[DossierLine]:
    """Return the dossiers with at least one report of the actor's desks, largest first."""
    desks = reach(actor, "dossier.read").desks
    if desks == []:
        return []
    rows = sql.rows(
        "WITH mine AS (SELECT m.dossier_id, count(*) AS own FROM crosscheck_membership m"
        " WHERE %(desks)s::int[] IS NULL OR m.desk_id = ANY(%(desks)s::int[])"
        " GROUP BY m.dossier_id)"
        " SELECT d.id, d.desk_id, d.opened_at, s.reports, mine.own FROM mine"
        " JOIN crosscheck_dossier d ON d.id = mine.dossier_id"
        " JOIN crosscheck_sizes(ARRAY(SELECT dossier_id FROM mine)) s ON s.dossier_id = d.id"
        " ORDER BY s.reports DESC, d.id LIMIT %(limit)s",
        {"desks": desks, "limit": min(limit, 1000)},
    )
    states = _states([row[0] for row in rows], desks)
    return [
        DossierLine(
            id=id_, desk_id=desk, opened_at=opened, reports=reports, own=own, state=states[id_]
        )
        for id_, desk, opened, reports, own in rows
    ]


def _states(dossiers: Sequence[UUID], desks: list[int] | None) -> dict[UUID, DossierState]:
    """Return the state of each dossier, from the judgements about reports of `desks` (None: all desks)."""
    found = sql.rows(
        "SELECT report_id, dossier_id FROM crosscheck_membership"
        " WHERE dossier_id = ANY(%s::uuid[]) AND (%s::int[] IS NULL OR desk_id = ANY(%s::int[]))",
        [list(dossiers), desks, desks],
    )
    dossier = dict(found)
    about: dict[UUID, list[Judgement]] = defaultdict(list)
    for judgement in judgements_about(dossier):
        named = {dossier[i] for i in (*judgement.left, *judgement.right) if i in dossier}
        if (
            judgement.undoes is not None
        ):  # an UNDO names no report: every dossier gets it, and only that of its target is changed
            named = set(dossiers)
        for each in named:
            about[each].append(judgement)
    return {each: state_of(conduct_of(about[each])) for each in dossiers}


def walk_dossiers(*, actor: Actor, at_once: int) -> Iterator[list[DossierReports]]:
    """Yield the dossiers with a report of the actor's desks in the order of ids, `at_once` per page."""
    desks = reach(actor, "dossier.read").desks
    after = UUID(int=0)
    while desks != []:
        rows = sql.rows(
            "SELECT m.dossier_id, array_agg(m.report_id ORDER BY m.report_id)"
            " FROM crosscheck_membership m WHERE m.dossier_id > %(after)s"
            " AND (%(desks)s::int[] IS NULL OR m.desk_id = ANY(%(desks)s::int[]))"
            " GROUP BY m.dossier_id ORDER BY m.dossier_id LIMIT %(limit)s",
            {"after": after, "desks": desks, "limit": at_once},
        )
        if not rows:
            return
        states = _states([id_ for id_, _ in rows], desks)
        yield [
            DossierReports(id=id_, state=states[id_], reports=tuple(reports))
            for id_, reports in rows
        ]
        after = rows[-1][0]


def dossier_view(*, actor: Actor, dossier_id: UUID) -> DossierView | None:
    """Return a dossier as a graph; None where none of its reports belongs to the actor's desks.

    The id of a merged dossier gives the dossier that replaced it. Reports of other desks are nodes without an
    id and without edges, and appear only with the permission `elsewhere.read`. Edges are the `MOST_LINKS`
    strongest links: the number of links grows faster than that of the reports.
    """
    desks = reach(actor, "dossier.read").desks
    current = _in_use(dossier_id)
    # For reports of other desks the database returns the desk alone.
    rows = sql.rows(
        "SELECT m.report_id, m.desk_id, d.desk_id, d.opened_at FROM crosscheck_dossier d"
        " CROSS JOIN crosscheck_members(d.id, %s) m WHERE d.id = %s",
        [desks, current],
    )
    own = [row[0] for row in rows if row[0] is not None]
    if not own:
        return None
    judgements = judgements_about(own)
    conduct = conduct_of(judgements)
    state = state_of(conduct)
    elsewhere = may(actor, "elsewhere.read")
    edges, links = _edges(own)
    nodes = tuple(
        DossierNode(desk_id=row[1], report_id=row[0]) for row in rows if row[0] or elsewhere
    )
    return DossierView(
        id=current,
        desk_id=rows[0][2],
        opened_at=rows[0][3],
        nodes=nodes,
        edges=edges,
        links=links,
        judgements=_lines(judgements, set(own)),
        state=state,
        arrived_since=(
            len(set(own).difference(conduct.left))
            if conduct is not None and state is DossierState.CLOSED
            else 0
        ),
    )


def _edges(reports: Sequence[UUID]) -> tuple[tuple[DossierEdge, ...], int]:
    """Return the strongest links between some reports, and the number of all links between them."""
    rows = sql.rows(
        "SELECT l.report_id, l.other_id, l.score, l.reasons, count(*) OVER ()"  # noqa: S608
        " FROM crosscheck_link l"
        " WHERE l.report_id = ANY(%(ids)s::uuid[]) AND l.other_id = ANY(%(ids)s::uuid[])"
        f" AND{CURRENT} ORDER BY l.score DESC, l.report_id, l.other_id LIMIT %(most)s",
        {"ids": list(reports), "most": MOST_LINKS},
    )
    edges = tuple(
        DossierEdge(
            report_id=row[0],
            other_id=row[1],
            score=round(row[2], 4),
            reasons=unpack_reasons(row[3]),
        )
        for row in rows
    )
    return edges, rows[0][4] if rows else 0


def _lines(judgements: Sequence[Judgement], mine: set[UUID]) -> tuple[JudgementLine, ...]:
    """Return judgements for display, newest first, without the ids of reports outside `mine`."""
    counted = {judgement.id for judgement in effective(judgements)}
    words = _words([judgement.id for judgement in judgements])
    return tuple(
        JudgementLine(
            id=j.id,
            act=j.act,
            left=tuple(i for i in j.left if i in mine),
            right=tuple(i for i in j.right if i in mine),
            undoes=j.undoes,
            undone=j.id not in counted and j.act is not JudgementAct.UNDO,
            author_id=words[j.id][0],
            made_at=words[j.id][1],
            reason=words[j.id][2],
        )
        for j in reversed(judgements)
    )


def _words(ids: Sequence[UUID]) -> dict[UUID, tuple]:  # type: ignore[type-arg]
    found = sql.rows(
        "SELECT j.id, j.author_id, j.made_at, coalesce(r.reason, '')"
        " FROM crosscheck_judgement j LEFT JOIN crosscheck_reason r ON r.judgement_id = j.id"
        " WHERE j.id = ANY(%s::uuid[])",
        [list(ids)],
    )
    return {row[0]: row[1:] for row in found}


def _in_use(dossier_id: UUID) -> UUID:
    """Return the id of the dossier that an id leads to after all merges."""
    row = sql.row("SELECT crosscheck_in_use(%s)", [dossier_id])
    return dossier_id if row is None else row[0]
