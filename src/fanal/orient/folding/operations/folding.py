"""Incremental folding of equivalent reports into one row of the queue, on arrival and on removal of a head.

A batch reads only the current representatives of its keys, however many reports were folded before. When a
report sorts before the existing representatives (workers finish in any order), its whole connected component
is folded again by the same pure function. A lock lets one worker fold at a time. `items` are reports with
their findings and priorities.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction
from msgspec import Struct, structs

from fanal.accounts import binary_arrays
from fanal.accounts.domain.policy import require
from fanal.db import sql
from fanal.db.sql import plain_array, uuid_array
from fanal.kernel.actors import Actor
from fanal.kernel.ids import new_id
from fanal.ledger import operations as ledger
from fanal.orient.domain.records import OrientItem
from fanal.orient.folding.domain import (
    DUPLICATES,
    LEVELS,
    Foldable,
    Folded,
    FoldRules,
    Sameness,
    fold,
    is_duplicate,
    load_rules,
    root_of,
    standing_of,
)

# Feedback derived from folds: a report folded as the same file or event is a duplicate while it stays folded.

_LEVELS = plain_array(str(n) for n, level in enumerate(LEVELS, start=1) if level in DUPLICATES)
# A person's feedback takes precedence: a fold adds its own only where there is none or it was withdrawn.
_SETTLE = """
WITH asked AS (SELECT * FROM unnest(%s::uuid[], %s::uuid[]) AS a (report_id, id)),
standing AS (
    SELECT a.id, c.report_id, c.desk_id, c.sender_id, newest.verdict, newest.origin,
        EXISTS (SELECT FROM orient_fold f
                WHERE f.report_id = a.report_id AND f.level = ANY (%s::smallint[])) AS same
    FROM asked a JOIN orient_case c ON c.report_id = a.report_id
    LEFT JOIN LATERAL (SELECT verdict, origin FROM orient_feedback said
        WHERE said.report_id = a.report_id ORDER BY said.id DESC LIMIT 1) newest ON true
    WHERE c.sender_id <> '00000000-0000-0000-0000-000000000000')
INSERT INTO orient_feedback (id, report_id, desk_id, sender_id, verdict, origin, author_id, given_at)
SELECT id, report_id, desk_id, sender_id, CASE WHEN same THEN 'DUPLICATE' ELSE 'WITHDRAWN' END,
    'FOLD', %s, %s
FROM standing
WHERE CASE WHEN same THEN coalesce(verdict, 'WITHDRAWN') = 'WITHDRAWN'
           ELSE verdict = 'DUPLICATE' AND origin = 'FOLD' END
RETURNING report_id, verdict
"""


def settle_duplicates(*, actor: Actor, report_ids: Iterable[UUID], now: datetime) -> None:
    """Store feedback that reports are duplicates, or no longer are, according to their current folds.

    A provider's report folded as the same file or the same event gets DUPLICATE; a report that no longer is
    gets WITHDRAWN, if its DUPLICATE came from a fold. One ledger entry covers them.
    """
    ids = sorted(set(report_ids))
    if not ids:
        return
    found = sql.rows(
        _SETTLE,
        [uuid_array(ids), uuid_array(new_id(now) for _ in ids), _LEVELS, actor.person_id, now],
    )
    said = sorted(found)
    if said:
        ledger.record_batch(
            actor=actor,
            action="feedback.give",
            at=now,
            kind="report",
            items=[(report_id, verdict.encode()) for report_id, verdict in said],
            detail={"origin": "FOLD", "count": len(said)},
        )


# SQL of folding: representatives of a key, connected reports, writes.

SELECT = (
    "SELECT f.report_id, f.desk_id, f.level, f.parent, f.file_key, f.near_key, f.account_key, f.event_key,"
    " f.viral_key, f.pictures, c.claim_token > 0, coalesce(c.head_id, c.report_id)"
)
FROM = " FROM orient_fold f JOIN orient_case c ON c.report_id = f.report_id"
# One index lookup for each key and one statement for each level: with `= ANY` the planner estimates every
# key separately, and for all levels at once it starts parallel workers, which take longer than the lookups.
STANDING = tuple(
    f"{SELECT} FROM unnest(%s::bytea[]) AS k (key) JOIN orient_fold f ON f.{column} = k.key"
    " JOIN orient_case c ON c.report_id = f.report_id"
    f" WHERE f.{column} IS NOT NULL AND (f.level = 0 OR f.level > {place})"
    for place, column in ((1, "file_key"), (3, "account_key"), (4, "event_key"))
)
# Of the reports folded by similar pictures, only those later than the first candidate of the key.
NEAR = (
    f"{SELECT}{FROM} JOIN unnest(%s::bytea[], %s::uuid[]) AS k (near_key, first)"
    " ON f.near_key = k.near_key WHERE f.near_key IS NOT NULL AND f.level <> 1"
    " AND (f.level <> 2 OR f.report_id > k.first)"
)
VIRAL = (
    f"{SELECT} FROM unnest(%s::bytea[]) AS k (viral_key) CROSS JOIN LATERAL ("  # noqa: S608 - as above
    "SELECT * FROM orient_fold v WHERE v.viral_key = k.viral_key AND v.level IN (0, 5)"
    " ORDER BY v.level, v.report_id LIMIT %s) f JOIN orient_case c ON c.report_id = f.report_id"
)
CONNECTED = (
    f"{SELECT}{FROM} WHERE f.parent = ANY (%s::uuid[])"
    f" UNION ALL {SELECT}{FROM} WHERE f.report_id = ANY (%s::uuid[])"
)
WRITE = (
    "INSERT INTO orient_fold (report_id, desk_id, level, parent, file_key, near_key, account_key, event_key,"
    " viral_key, pictures) SELECT * FROM unnest(%s::uuid[], %s::int[], %s::smallint[], %s::uuid[],"
    " %s::bytea[], %s::bytea[], %s::bytea[], %s::bytea[], %s::bytea[], %s::bytea[])"
    " ON CONFLICT (report_id) DO UPDATE SET level = excluded.level, parent = excluded.parent"
)
HIDE = """
UPDATE orient_case c SET state = 'FOLDED', head_id = row.head, folded = 0, own = NULL,
    rank = coalesce((c.own->>'rank')::smallint, c.rank), floor = coalesce(c.own->>'floor', c.floor),
    level = coalesce(c.own->>'level', c.level), reason = coalesce(c.own->>'reason', c.reason),
    reason_parameters = coalesce(c.own->'reason_parameters', c.reason_parameters),
    urgent = coalesce((c.own->>'urgent')::boolean, c.urgent),
    due_at = coalesce((c.own->>'due_at')::timestamptz, c.due_at),
    ask_before = CASE WHEN c.own IS NULL THEN c.ask_before ELSE (c.own->>'ask_before')::timestamptz END
FROM unnest(%s::uuid[], %s::uuid[]) AS row (report_id, head)
WHERE c.report_id = row.report_id
"""
SHOW = (
    "UPDATE orient_case SET state = 'TO_ASSESS', head_id = NULL"
    " WHERE report_id = ANY (%s::uuid[]) AND state = 'FOLDED'"
)


_HIGHEST = UUID(int=(1 << 128) - 1)
_LOCK = 0x464F4C44  # "FOLD"


class _Row(Struct, frozen=True, kw_only=True):
    """A stored report that may fold (be grouped as a duplicate): its keys, fold, and `root`.

    `standing` holds the keys, `root` is the report shown for it.
    """

    standing: Foldable
    desk_id: int
    folded: Folded | None
    root: UUID


def fold_new(*, actor: Actor, items: Sequence[OrientItem], now: datetime) -> dict[UUID, Folded]:
    """Fold new reports into equivalent ones (duplicate detection).

    Returns the parent and the level of sameness of each folded report, by its id. One ledger entry covers
    them; each keeps its own row and all other data. A report that was not folded is absent.
    """
    rules = load_rules()
    fresh = {
        standing.report_id: _Row(
            standing=standing, desk_id=item.desk_id, folded=None, root=standing.report_id
        )
        for item in items
        if (standing := standing_of(item, rules)) is not None
    }
    folded, turned = _place(fresh, rules) if fresh else ({}, [])
    settle_duplicates(actor=actor, report_ids=turned, now=now)
    if folded:
        ledger.record_batch(
            actor=actor,
            action="report.fold",
            at=now,
            kind="report",
            items=[(i, f"{f.level} {f.parent}".encode()) for i, f in sorted(folded.items())],
            detail={"count": len(folded)},
        )
    return folded


def hold_folding() -> None:
    """Take the advisory lock by which one worker at a time folds reports, until the transaction ends.

    Waits for the lock. To fold is to group reports as duplicates.
    """
    sql.run("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def fold_again(report_ids: Iterable[UUID]) -> None:
    """Fold again reports that lost their head (the report shown in their place), as if just arrived."""
    ids = uuid_array(report_ids)
    if ids == "{}":
        return
    rows = _read(f"{SELECT}{FROM} WHERE f.report_id = ANY (%s::uuid[]) AND f.level = 0", [ids])
    if rows:
        _place(rows, load_rules())


def fold_freed(*, actor: Actor, now: datetime, most: int = 2000) -> int:
    """Fold again at most `most` duplicates whose head was retracted by its sender; return their number.

    The head is the report shown for its duplicates. Until then they are shown, since a sender who retracts
    has no right to fold.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    with transaction.atomic():
        hold_folding()
        found = sql.rows(
            "UPDATE orient_fold SET freed = false WHERE report_id = ANY (ARRAY("
            "SELECT report_id FROM orient_fold WHERE freed ORDER BY report_id LIMIT %s))"
            " RETURNING report_id",
            [most],
        )
        freed = [row[0] for row in found]
        fold_again(freed)
        settle_duplicates(actor=actor, report_ids=freed, now=now)
    return len(freed)


def _place(fresh: Mapping[UUID, _Row], rules: FoldRules) -> tuple[dict[UUID, Folded], list[UUID]]:
    """Fold `fresh` (new or freed reports) among the stored ones and write the changes; return folds.

    The first value has the folds of `fresh`, by report id; the second lists the reports that became
    duplicates or ceased to be, stored ones included.
    """
    hold_folding()
    gone: set[UUID] = set()
    while True:
        rows, folded = _folded(fresh, rules, gone)
        roots = {i: _root(i, rows, folded) for i in rows}
        changed = [i for i, row in rows.items() if row.folded != folded.get(i) or i in fresh]
        elsewhere = [i for i, row in rows.items() if roots[i] != row.root]
        away = {i: roots[i] for i in elsewhere if roots[i] != i}
        closed = _closed(set(away.values()))
        if not closed:
            break
        gone |= {i for i, row in rows.items() if roots[i] in closed or row.root in closed}
    _write(rows, folded, changed)
    _move(rows, away, [i for i in elsewhere if roots[i] == i])
    turned = [i for i in changed if is_duplicate(rows[i].folded) is not is_duplicate(folded.get(i))]
    return {i: folded[i] for i in fresh if i in folded}, turned


def _folded(
    fresh: Mapping[UUID, _Row], rules: FoldRules, gone: set[UUID]
) -> tuple[dict[UUID, _Row], dict[UUID, Folded]]:
    """Compute the folds of new and freed reports (`fresh`) among the stored ones with the same keys.

    Returns all reports read, by id, and their folds. Folds of stored reports change only where `fresh`
    requires it. `gone` are stored reports to leave out, since their head left the queue.
    """
    rows = {**_standing(fresh.values(), rules), **fresh}
    rows = {i: row for i, row in rows.items() if i in fresh or i not in gone}
    folded = fold([row.standing if i in fresh else _as_seen(row) for i, row in rows.items()], rules)
    moved = [
        i
        for i, row in rows.items()
        if i not in fresh and i in folded and (row.folded is None or folded[i].parent in fresh)
    ]
    if moved:
        rows = {**_connected(rows, rules), **fresh}
        rows = {i: row for i, row in rows.items() if i in fresh or i not in gone}
        return rows, fold([row.standing for row in rows.values()], rules)
    return rows, {
        i: found
        for i, row in rows.items()
        if (found := folded.get(i) if i in fresh else row.folded) is not None
    }


def _as_seen(row: _Row) -> Foldable:
    """Return a stored report's keys for duplicate detection, None at levels of sameness weaker than its own.

    A folded report (grouped under another) takes no part in these levels. The result is the input of the pure
    fold (`domain.fold`).
    """
    if row.folded is None:
        return row.standing
    reached = LEVELS.index(row.folded.level) + 1
    keys = row.standing.keys[:reached] + (None,) * (len(LEVELS) - reached)
    return structs.replace(row.standing, keys=keys)


def _root(report_id: UUID, rows: Mapping[UUID, _Row], folded: Mapping[UUID, Folded]) -> UUID:
    """Return the head of a report: its root in `folded`, or the stored head if the chain leaves `rows`.

    The head is the report shown in place of its duplicates, which are folded into it; `rows`: the reports
    read, by id.
    """
    root = root_of(report_id, folded)
    while root not in rows:
        last = next(i for i in _way(report_id, folded) if folded[i].parent == root)
        return rows[last].root
    return root


def _way(report_id: UUID, folded: Mapping[UUID, Folded]) -> Iterable[UUID]:
    while report_id in folded:
        yield report_id
        report_id = folded[report_id].parent


def _standing(rows: Iterable[_Row], rules: FoldRules) -> dict[UUID, _Row]:
    """Return the stored reports into which those of `rows` may be folded as duplicates, by report id.

    For each duplicate-detection key of `rows` they are the stored reports not folded at its level. For
    similar pictures also folded ones that are later than the first of `rows` with the key; for viral content
    at most `at_least` reports, if needed folded ones.
    """
    firsts: list[dict[bytes, UUID]] = [{} for _ in LEVELS]
    for row in rows:
        report_id = row.standing.report_id
        for first, key in zip(firsts, row.standing.keys, strict=True):
            if key is not None and report_id < first.get(key, _HIGHEST):
                first[key] = report_id
    file, near, account, event, viral = (binary_arrays.octets(list(first)) for first in firsts)
    standing: dict[UUID, _Row] = {}
    for query, keys in zip(STANDING, (file, account, event), strict=True):
        standing |= _read(query, [keys])
    return (
        standing
        | _read(NEAR, [near, binary_arrays.ids(firsts[1].values())])
        | _read(VIRAL, [viral, rules.of(Sameness.VIRAL_BUNDLE).at_least])
    )


def _connected(rows: Mapping[UUID, _Row], rules: FoldRules) -> dict[UUID, _Row]:
    """Return the connected component of `rows`: reports with a common key, or that were folded together.

    A key is a duplicate-detection key. By report id; `rows` are included, the other stored ones are read from
    the database.
    """
    found = dict(rows)
    edge = dict(rows)
    while edge:
        parents = [row.folded.parent for row in edge.values() if row.folded]
        near = _standing(edge.values(), rules)
        near |= _read(CONNECTED, [uuid_array(edge), uuid_array(parents)])
        edge = {i: row for i, row in near.items() if i not in found}
        found |= edge
    return found


def _read(query: str, values: Sequence[str | int | binary_arrays.Array]) -> dict[UUID, _Row]:
    with binary_arrays.bound() as cursor:
        cursor.execute(query, values)
        return {row[0]: _row(row) for row in cursor.fetchall()}


def _row(row: tuple) -> _Row:  # type: ignore[type-arg]
    report_id, desk_id, level, parent, *keys, pictures, taken, root = row
    return _Row(
        standing=Foldable(
            report_id=report_id,
            keys=tuple(None if key is None else bytes(key) for key in keys),
            pictures=bytes(pictures),
            taken=taken,
        ),
        desk_id=desk_id,
        folded=Folded(parent=parent, level=LEVELS[level - 1]) if level else None,
        root=root,
    )


def _closed(heads: set[UUID]) -> set[UUID]:
    """Lock the rows of heads (reports shown for those folded into them); return heads that left the queue."""
    if not heads:
        return set()
    found = sql.rows(
        "SELECT report_id, state FROM orient_case WHERE report_id = ANY (%s::uuid[])"
        " ORDER BY report_id FOR UPDATE",
        [uuid_array(heads)],
    )
    return {row[0] for row in found if row[1] not in {"TO_ASSESS", "CLAIMED", "FOLDED"}}


def _write(
    rows: Mapping[UUID, _Row], folded: Mapping[UUID, Folded], changed: Sequence[UUID]
) -> None:
    written = [(rows[i], folded.get(i)) for i in sorted(changed)]
    columns = zip(*(row.standing.keys for row, _ in written), strict=True)
    with binary_arrays.bound() as cursor:
        cursor.execute(
            WRITE,
            [
                binary_arrays.ids([row.standing.report_id for row, _ in written]),
                binary_arrays.integers([row.desk_id for row, _ in written]),
                binary_arrays.smallints(
                    [LEVELS.index(f.level) + 1 if f else 0 for _, f in written]
                ),
                plain_array(f.parent.hex if f else "NULL" for _, f in written),
                *(binary_arrays.octets(column) for column in columns),
                binary_arrays.octets([row.standing.pictures for row, _ in written]),
            ],
        )


def _move(rows: Mapping[UUID, _Row], away: Mapping[UUID, UUID], back: Sequence[UUID]) -> None:
    """Hide the cases in `away` in the queue, show those in `back`, and recompute the rows of their heads.

    `away` maps each newly folded report (duplicate) to its head, the report shown for it.
    """
    heads = {*away.values(), *back, *(rows[i].root for i in (*away, *back) if rows[i].root != i)}
    with connection.cursor() as cursor:
        if away:
            cursor.execute(HIDE, [uuid_array(away), uuid_array(away.values())])
        if back:
            cursor.execute(SHOW, [uuid_array(back)])
        if heads:
            cursor.execute("SELECT orient_refresh_heads(%s::uuid[])", [uuid_array(heads)])
