"""Folds reports that are the same into one row of the queue, as they come and when one of them goes.

A batch looks only at who stands for each of its keys, however many were folded before. Where a report comes
in ahead of those that stand (workers finish in any order), everything that it touches is folded anew by the
same pure function. One worker folds at a time.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction
from msgspec import Struct, structs

from fanal.accounts import octets
from fanal.accounts.domain.policy import require
from fanal.kernel.actors import Actor
from fanal.kernel.arrays import plain_array, uuid_array
from fanal.ledger import operations as ledger
from fanal.orient.domain.folding import (
    LEVELS,
    Folded,
    FoldRules,
    Sameness,
    Standing,
    fold,
    is_duplicate,
    load_rules,
    root_of,
    standing_of,
)
from fanal.orient.domain.records import OrientItem
from fanal.orient.operations import folding_sql as sql
from fanal.orient.operations.duplicates import settle_duplicates

_HIGHEST = UUID(int=(1 << 128) - 1)
_LOCK = 0x464F4C44  # "FOLD"


class _Row(Struct, frozen=True, kw_only=True):
    """A stored report that may fold: where it stands now, and which report is shown for it."""

    standing: Standing
    desk_id: int
    folded: Folded | None
    root: UUID


def fold_new(*, actor: Actor, items: Sequence[OrientItem], now: datetime) -> dict[UUID, Folded]:
    """Fold reports that were oriented for the first time, whose cases are written; return those folded.

    One ledger entry covers them; each keeps its own row and everything else it has.
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
    """Wait until nobody else changes what is folded, and keep it so to the end of the transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def fold_again(report_ids: Iterable[UUID]) -> None:
    """Fold reports that were let go with the one that was shown for them, as if they came now."""
    ids = uuid_array(report_ids)
    if ids == "{}":
        return
    rows = _read(
        f"{sql.SELECT}{sql.FROM} WHERE f.report_id = ANY (%s::uuid[]) AND f.level = 0", [ids]
    )
    if rows:
        _place(rows, load_rules())


def fold_freed(*, actor: Actor, now: datetime, most: int = 2000) -> int:
    """Fold anew at most `most` reports that the retraction of their head let go; return how many.

    They are shown until then: nobody who retracts may fold.

    Raises:
        Refused: the actor may not run the stages.
    """
    require(actor, "pipeline.run")
    with transaction.atomic():
        hold_folding()
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE orient_fold SET freed = false WHERE report_id = ANY (ARRAY("
                "SELECT report_id FROM orient_fold WHERE freed ORDER BY report_id LIMIT %s))"
                " RETURNING report_id",
                [most],
            )
            freed = [row[0] for row in cursor.fetchall()]
        fold_again(freed)
        settle_duplicates(actor=actor, report_ids=freed, now=now)
    return len(freed)


def _place(fresh: Mapping[UUID, _Row], rules: FoldRules) -> tuple[dict[UUID, Folded], list[UUID]]:
    """Fold `fresh` into what stands, write what changes, and return those of `fresh` that are folded.

    With them come the reports that turned into duplicates, or are such no longer.
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
    """Return the rows looked at and how they fold: those before `fresh` change only where they must."""
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


def _as_seen(row: _Row) -> Standing:
    """Return a stored report without the levels that it no longer reaches: it was folded before them."""
    if row.folded is None:
        return row.standing
    reached = LEVELS.index(row.folded.level) + 1
    keys = row.standing.keys[:reached] + (None,) * (len(LEVELS) - reached)
    return structs.replace(row.standing, keys=keys)


def _root(report_id: UUID, rows: Mapping[UUID, _Row], folded: Mapping[UUID, Folded]) -> UUID:
    """Return which report is shown: one that lies beyond the rows looked at is where they say."""
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
    """Return who stands for each key of `rows`: few a key, since the others are folded into them."""
    firsts: list[dict[bytes, UUID]] = [{} for _ in LEVELS]
    for row in rows:
        report_id = row.standing.report_id
        for first, key in zip(firsts, row.standing.keys, strict=True):
            if key is not None and report_id < first.get(key, _HIGHEST):
                first[key] = report_id
    file, near, account, event, viral = (octets.octets(list(first)) for first in firsts)
    standing: dict[UUID, _Row] = {}
    for query, keys in zip(sql.STANDING, (file, account, event), strict=True):
        standing |= _read(query, [keys])
    return (
        standing
        | _read(sql.NEAR, [near, octets.ids(firsts[1].values())])
        | _read(sql.VIRAL, [viral, rules.of(Sameness.VIRAL_BUNDLE).at_least])
    )


def _connected(rows: Mapping[UUID, _Row], rules: FoldRules) -> dict[UUID, _Row]:
    """Return everything that `rows` touch, by a key at any level or by having been folded together."""
    found = dict(rows)
    edge = dict(rows)
    while edge:
        parents = [row.folded.parent for row in edge.values() if row.folded]
        near = _standing(edge.values(), rules)
        near |= _read(sql.CONNECTED, [uuid_array(edge), uuid_array(parents)])
        edge = {i: row for i, row in near.items() if i not in found}
        found |= edge
    return found


def _read(query: str, values: Sequence[str | int | octets.Array]) -> dict[UUID, _Row]:
    with octets.bound() as cursor:
        cursor.execute(query, values)
        return {row[0]: _row(row) for row in cursor.fetchall()}


def _row(row: tuple) -> _Row:  # type: ignore[type-arg]
    report_id, desk_id, level, parent, *keys, pictures, taken, root = row
    return _Row(
        standing=Standing(
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
    """Lock the rows of heads and return those that somebody took out of the queue in the meantime."""
    if not heads:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT report_id, state FROM orient_case WHERE report_id = ANY (%s::uuid[])"
            " ORDER BY report_id FOR UPDATE",
            [uuid_array(heads)],
        )
        return {
            row[0] for row in cursor.fetchall() if row[1] not in {"TO_ASSESS", "CLAIMED", "FOLDED"}
        }


def _write(
    rows: Mapping[UUID, _Row], folded: Mapping[UUID, Folded], changed: Sequence[UUID]
) -> None:
    written = [(rows[i], folded.get(i)) for i in sorted(changed)]
    columns = zip(*(row.standing.keys for row, _ in written), strict=True)
    with octets.bound() as cursor:
        cursor.execute(
            sql.WRITE,
            [
                octets.ids([row.standing.report_id for row, _ in written]),
                octets.integers([row.desk_id for row, _ in written]),
                octets.smallints([LEVELS.index(f.level) + 1 if f else 0 for _, f in written]),
                plain_array(f.parent.hex if f else "NULL" for _, f in written),
                *(octets.octets(column) for column in columns),
                octets.octets([row.standing.pictures for row, _ in written]),
            ],
        )


def _move(rows: Mapping[UUID, _Row], away: Mapping[UUID, UUID], back: Sequence[UUID]) -> None:
    """Hide the cases that are folded, show those that are so no longer, and let heads say what they hold."""
    heads = {*away.values(), *back, *(rows[i].root for i in (*away, *back) if rows[i].root != i)}
    with connection.cursor() as cursor:
        if away:
            cursor.execute(sql.HIDE, [uuid_array(away), uuid_array(away.values())])
        if back:
            cursor.execute(sql.SHOW, [uuid_array(back)])
        if heads:
            cursor.execute("SELECT orient_refresh_heads(%s::uuid[])", [uuid_array(heads)])
