"""Queries on dossiers (groups of linked reports): lists, members, graph of links, and people's judgements.

Some functions serve only the computation of dossiers, within crosscheck.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from fanal.accounts.domain.policy import may, reach
from fanal.crosscheck.domain.records import (
    DossierEdge,
    DossierLine,
    DossierNode,
    DossierReports,
    DossierState,
    DossierView,
    JudgementAct,
    JudgementLine,
    unpack_reasons,
)
from fanal.crosscheck.dossiers.domain import Judgement, conduct_of, effective, state_of
from fanal.db import sql
from fanal.db.sql import uuid_array
from fanal.intake.queries.reviews import erased_among
from fanal.kernel.actors import Actor
from fanal.kernel.numbers import Numbered, written_number

# A link counts under the newest rule version with which either report was linked. After a replay, a link
# that the new rules did not find again no longer counts, but stays readable.
CURRENT = (
    " l.rule_version = greatest("
    "(SELECT max(k.rule_version) FROM crosscheck_kin k WHERE k.report_id = l.report_id),"
    "(SELECT max(k.rule_version) FROM crosscheck_kin k WHERE k.report_id = l.other_id))"
)
_JUDGEMENT = (
    "SELECT id, act, left_ids, right_ids, undoes, author_id, made_at FROM crosscheck_judgement"
)


class DossierMembership(Struct, frozen=True, kw_only=True):
    """The dossiers of some reports: `anchors` by report, `sizes` (number of reports) by anchor.

    The anchor is the earliest report of a dossier; it identifies the dossier.
    """

    anchors: dict[UUID, UUID]
    sizes: dict[UUID, int]


def standing_of(reports: Iterable[UUID]) -> DossierMembership:
    """Return the dossiers of `reports`, each by its earliest report (anchor), and the dossiers' sizes.

    Reports in no dossier are absent.
    """
    rows = sql.rows(
        "WITH found AS (SELECT m.report_id, m.dossier_id FROM crosscheck_membership m"
        " WHERE m.report_id = ANY(%s::uuid[])), sizes AS ("
        " SELECT m.dossier_id, count(*) AS reports FROM crosscheck_membership m"
        " WHERE m.dossier_id IN (SELECT dossier_id FROM found) GROUP BY m.dossier_id)"
        " SELECT f.report_id, d.anchor_id, s.reports FROM found f"
        " JOIN sizes s ON s.dossier_id = f.dossier_id"
        " JOIN crosscheck_dossier d ON d.id = f.dossier_id",
        [uuid_array(reports)],
    )
    return DossierMembership(
        anchors={report_id: anchor for report_id, anchor, _ in rows},
        sizes={anchor: reports for _, anchor, reports in rows},
    )


def judged_among(reports: Iterable[UUID], anchors: Iterable[UUID]) -> set[UUID]:
    """Return those of `reports` and `anchors` that people's judgements concern.

    A judgement concerns the reports that it names; an anchor (the earliest report of a dossier) counts if it
    concerns any report of its dossier. OPEN and CLOSE do not count: they change no membership.
    """
    ends, heads = list(reports), list(anchors)
    # The members are only gathered when there is a judgement to compare them with.
    found = sql.rows(
        "SELECT DISTINCT unnest(left_ids || right_ids) FROM crosscheck_judgement"
        " WHERE (left_ids || right_ids) && (%s::uuid[] || ARRAY(SELECT m.report_id"
        " FROM crosscheck_membership m JOIN crosscheck_dossier d ON d.id = m.dossier_id"
        " WHERE d.anchor_id = ANY(%s::uuid[]))) AND act NOT IN ('OPEN', 'CLOSE')",
        [uuid_array(ends), uuid_array(heads)],
    )
    named = [report_id for (report_id,) in found]
    if not named:
        return set()
    return set(named).intersection(ends) | set(standing_of(named).sizes).intersection(heads)


def judgements_about(reports: Iterable[UUID]) -> list[Judgement]:
    """Return people's judgements that name one of `reports`, and UNDOs of them, oldest first."""
    found = sql.rows(
        "WITH RECURSIVE named AS ("  # noqa: S608
        f"{_JUDGEMENT} WHERE (left_ids || right_ids) && %s::uuid[]"
        " UNION SELECT j.id, j.act, j.left_ids, j.right_ids, j.undoes, j.author_id, j.made_at"
        " FROM crosscheck_judgement j JOIN named n ON j.undoes = n.id)"
        " SELECT * FROM named ORDER BY id",
        [list(reports)],
    )
    return [_judgement(row) for row in found]


def erased_members(dossier_ids: Iterable[UUID], desks: list[int] | None) -> dict[UUID, UUID]:
    """Return by erased report the dossier that it would be in, for the given dossiers and `desks` (None:
    all desks).
    """
    rows = sql.rows(
        "SELECT report_id, dossier_id FROM crosscheck_erased_member"
        " WHERE dossier_id = ANY(%s::uuid[]) AND (%s::int[] IS NULL OR desk_id = ANY(%s::int[]))",
        [list(dossier_ids), desks, desks],
    )
    return dict(rows)


def judgements() -> list[Judgement]:
    """Return every judgement of people on links and dossiers, those revoked included, oldest first."""
    return [_judgement(row) for row in sql.rows(f"{_JUDGEMENT} ORDER BY id")]


def judgements_by_id(ids: Sequence[UUID]) -> list[Judgement]:
    """Return people's judgements with these ids, in no particular order; unknown ids are skipped."""
    return [
        _judgement(row) for row in sql.rows(f"{_JUDGEMENT} WHERE id = ANY(%s::uuid[])", [list(ids)])
    ]


def is_undone(judgement_id: UUID) -> bool:
    """Return whether the judgement of a person is revoked now.

    That is: an UNDO names it, and that UNDO is not itself revoked.
    """
    row = sql.row(
        "SELECT id FROM crosscheck_judgement WHERE undoes = %s ORDER BY id DESC LIMIT 1",
        [judgement_id],
    )
    return row is not None and not is_undone(row[0])


def last_judgement_id() -> UUID | None:
    """Return the id of the newest judgement of people on links or dossiers; None without any."""
    row = sql.row("SELECT id FROM crosscheck_judgement ORDER BY id DESC LIMIT 1")
    return None if row is None else row[0]


def co_members(*, reports: Iterable[UUID]) -> set[UUID]:
    """Return all reports of the dossiers that contain one of `reports`, at every desk.

    Those of `reports` that are in a dossier are among them; the result is empty if none is.
    """
    found = sql.rows(
        "SELECT report_id FROM crosscheck_membership WHERE dossier_id IN"
        " (SELECT dossier_id FROM crosscheck_membership WHERE report_id = ANY(%s::uuid[]))",
        [list(reports)],
    )
    return {row[0] for row in found}


def desks_of_reports(reports: Iterable[UUID]) -> dict[UUID, int]:
    """Return by report the desk of each report that cross-check has linked or that a link names.

    Other reports are absent.
    """
    ids = list(reports)
    found = sql.rows(
        "SELECT report_id, desk_id FROM crosscheck_kin WHERE report_id = ANY(%(ids)s::uuid[])"
        " UNION SELECT other_id, other_desk_id FROM crosscheck_link"
        " WHERE other_id = ANY(%(ids)s::uuid[])",
        {"ids": ids},
    )
    return dict(found)


def _judgement(
    row: tuple[UUID, str, list[UUID], list[UUID], UUID | None, UUID, datetime],
) -> Judgement:
    return Judgement(
        id=row[0],
        act=JudgementAct(row[1]),
        left=tuple(row[2]),
        right=tuple(row[3]),
        undoes=row[4],
        author_id=row[5],
        made_at=row[6],
    )


MOST_LINKS = 1000
"""Most links that the page and the graph of a dossier show; a report may have some fifty."""


def dossier_of(*, actor: Actor, report_id: UUID) -> UUID | None:
    """Return the id of the dossier that holds a report of the actor's desks; None if there is none.

    None also for a report of another desk.
    """
    return dossiers_by_report(actor=actor, report_ids=[report_id]).get(report_id)


def in_dossiers(*, actor: Actor, report_ids: Sequence[UUID]) -> set[UUID]:
    """Return those of the reports that are in a dossier; only reports at the actor's desks count."""
    return set(dossiers_by_report(actor=actor, report_ids=report_ids))


def dossiers_by_report(*, actor: Actor, report_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """Return by report id the dossier that holds it; only reports at the actor's desks count.

    Reports in no dossier have no key.
    """
    desks = reach(actor, "dossier.read").desks
    if desks == [] or not report_ids:
        return {}
    found = sql.rows(
        "SELECT report_id, dossier_id FROM crosscheck_membership"
        " WHERE report_id = ANY(%s::uuid[]) AND (%s::int[] IS NULL OR desk_id = ANY(%s::int[]))",
        [list(report_ids), desks, desks],
    )
    return dict(found)


def dossiers_of(*, actor: Actor, report_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Return by dossier id how many of `report_ids` it holds, the largest number first.

    Only reports at the actor's desks count.
    """
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
    """Return the ids of a dossier's reports at the actor's desks, oldest first.

    The id of a merged dossier gives the reports of the dossier that replaced it; [] for an unknown id.
    """
    desks = reach(actor, "dossier.read").desks
    if desks == []:
        return []
    found = sql.rows(
        "SELECT report_id FROM crosscheck_membership WHERE dossier_id = %s"
        " AND (%s::int[] IS NULL OR desk_id = ANY(%s::int[])) ORDER BY report_id",
        [in_use(dossier_id), desks, desks],
    )
    return [row[0] for row in found]


def digests_of(*, actor: Actor, dossier_ids: Collection[UUID]) -> dict[UUID, str]:
    """Return by dossier id a digest of its reports at the actor's desks.

    A form carries it, to recognise that the dossier has changed since its page was shown. It is `digest_of`
    the report ids: dossiers have the same only if they have the same reports.
    """
    desks = reach(actor, "dossier.read").desks
    found = sql.rows(
        "SELECT dossier_id, encode(sha256(string_agg(uuid_send(report_id), '' ORDER BY report_id)), 'hex')"
        " FROM crosscheck_membership WHERE dossier_id = ANY (%s::uuid[])"
        " AND (%s::int[] IS NULL OR desk_id = ANY (%s::int[])) GROUP BY dossier_id",
        [list(dossier_ids), desks, desks],
    )
    return {dossier_id: digest[:32] for dossier_id, digest in found}


def list_dossiers(*, actor: Actor, limit: int = 200) -> list[DossierLine]:
    """Return the dossiers with at least one report of the actor's desks, largest first.

    At most `limit`, and never more than 1000.
    """
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
    numbers = numbers_of(dossier_ids=states)
    return [
        DossierLine(
            id=id_,
            desk_id=desk,
            opened_at=opened,
            reports=reports,
            own=own,
            state=states[id_],
            number=numbers.get(id_, ""),
        )
        for id_, desk, opened, reports, own in rows
    ]


def count_open(*, desk_id: int) -> int:
    """Count the open dossiers with reports of a desk; the caller has checked the actor's right."""
    found = sql.rows(
        "SELECT DISTINCT dossier_id FROM crosscheck_membership WHERE desk_id = %s", [desk_id]
    )
    states = _states([row[0] for row in found], [desk_id])
    return sum(state is DossierState.OPEN for state in states.values())


def numbers_of(*, dossier_ids: Collection[UUID]) -> dict[UUID, str]:
    """Return the numbers (`D-2026-0143`) of dossiers, by dossier id.

    Dossiers without a number are absent. The number of a dossier is the earliest among its own and those of
    the dossiers merged into it.
    """
    if not dossier_ids:
        return {}
    found = sql.rows("SELECT * FROM crosscheck_numbers(%s::uuid[])", [list(dossier_ids)])
    return {id_: written_number(Numbered.DOSSIER, year, number) for id_, year, number in found}


def _states(dossiers: Sequence[UUID], desks: list[int] | None) -> dict[UUID, DossierState]:
    """Return by dossier id its state, from people's judgements about reports of `desks` (None: all desks)."""
    found = sql.rows(
        "SELECT report_id, dossier_id FROM crosscheck_membership"
        " WHERE dossier_id = ANY(%s::uuid[]) AND (%s::int[] IS NULL OR desk_id = ANY(%s::int[]))",
        [list(dossiers), desks, desks],
    )
    dossier = dict(found) | erased_members(dossiers, desks)
    about: dict[UUID, list[Judgement]] = defaultdict(list)
    for judgement in judgements_about(dossier):
        named = {dossier[i] for i in (*judgement.left, *judgement.right) if i in dossier}
        if (
            judgement.undoes is not None
        ):  # it names no report: only the dossier of its target changes
            named = set(dossiers)
        for each in named:
            about[each].append(judgement)
    return {each: state_of(conduct_of(about[each])) for each in dossiers}


def walk_dossiers(*, actor: Actor, at_once: int) -> Iterator[list[DossierReports]]:
    """Yield all dossiers with a report at the actor's desks, in the order of their ids, in lists of
    `at_once`.

    Each dossier comes with its reports at these desks only, in the order of ids.
    """
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
    current = in_use(dossier_id)
    # For reports of other desks the database returns the desk alone.
    rows = sql.rows(
        "SELECT m.report_id, m.desk_id, d.desk_id, d.opened_at FROM crosscheck_dossier d"
        " CROSS JOIN crosscheck_members(d.id, %s) m WHERE d.id = %s",
        [desks, current],
    )
    own = [row[0] for row in rows if row[0] is not None]
    if not own:
        return None
    judgements = judgements_about([*own, *erased_members([current], desks)])
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
        judgements=lines_of(judgements, set(own)),
        state=state,
        number=numbers_of(dossier_ids=[current]).get(current, ""),
        split_off=_split_off(judgements, own, desks),
        arrived_since=(
            len(set(own).difference(conduct.left))
            if conduct is not None and state is DossierState.CLOSED
            else 0
        ),
    )


def _split_off(
    judgements: Sequence[Judgement], own: Sequence[UUID], desks: list[int] | None
) -> tuple[UUID, ...]:
    """Return the reports of `desks` (None: all) that a SPLIT in force separated from `own`, a dossier's."""
    splits = [j for j in effective(judgements) if j.act is JudgementAct.SPLIT]
    named = {report_id for split in splits for report_id in (*split.left, *split.right)}
    others = named.difference(own)
    return tuple(within_desks(others - erased_among(report_ids=others), desks)) if others else ()


def within_desks(reports: Collection[UUID], desks: list[int] | None) -> list[UUID]:
    """Return those of `reports` that are at `desks` (None: all), in the order of receipt."""
    held = desks_of_reports(reports)
    return [i for i in sorted(reports) if desks is None or held.get(i) in desks]


def _edges(reports: Sequence[UUID]) -> tuple[tuple[DossierEdge, ...], int]:
    """Return the strongest links among `reports` (at most `MOST_LINKS`), and the number of all of them."""
    # As CURRENT, with the rule version of each report read once: a large dossier has thousands of links.
    rows = sql.rows(
        "WITH own AS MATERIALIZED (SELECT o.id, max(k.rule_version) AS version"
        " FROM unnest(%(ids)s::uuid[]) AS o (id)"
        " LEFT JOIN crosscheck_kin k ON k.report_id = o.id GROUP BY o.id)"
        " SELECT l.report_id, l.other_id, l.score, l.reasons, count(*) OVER ()"
        " FROM crosscheck_link l JOIN own a ON a.id = l.report_id JOIN own b ON b.id = l.other_id"
        " WHERE l.rule_version = greatest(a.version, b.version)"
        " ORDER BY l.score DESC, l.report_id, l.other_id LIMIT %(most)s",
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


def lines_of(judgements: Sequence[Judgement], mine: set[UUID]) -> tuple[JudgementLine, ...]:
    """Return people's judgements for display, newest first, without the ids of reports outside `mine`.

    `judgements` are given oldest first. `mine` are the reports at the actor's desks.
    """
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


def in_use(dossier_id: UUID) -> UUID:
    """Return the id of the dossier that replaces `dossier_id` after all merges; its own id without any."""
    row = sql.row("SELECT crosscheck_in_use(%s)", [dossier_id])
    return dossier_id if row is None else row[0]
