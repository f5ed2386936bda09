"""The reading door of analyse: findings, priorities, their history, lists and rule sets."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from uuid import UUID

import msgspec
from django.db import connection
from msgspec import Struct

from fanal.accounts.domain.policy import reach
from fanal.analyse.domain.encoding import unpack_findings, unpack_parts
from fanal.analyse.domain.known import KnownEntry
from fanal.analyse.domain.priority import DryRun
from fanal.analyse.domain.records import Analysis, Priority
from fanal.analyse.domain.rules import PriorityRules, read_rules, shipped_rules
from fanal.intake import queries as intake
from fanal.kernel.actors import Actor, Role
from fanal.kernel.arrays import uuid_array

_PRIORITY = (
    "SELECT report_id, score, floor, level, rule_version, parts, revision, written_at"
    " FROM analyse_priority WHERE report_id = ANY(%s::uuid[])"
)

_ENTRIES = (
    "SELECT e.id, e.item_id, l.name, e.kind, e.value, e.classification, e.scope"
    " FROM analyse_entry e JOIN analyse_list l ON l.id = e.list_id"
)
_HIGHEST = UUID(int=(1 << 128) - 1)
_PORTION = 50_000


class Version(Struct, frozen=True, kw_only=True):
    """When a result was written, as which revision (from 1)."""

    revision: int
    written_at: datetime


class ListState(Struct, frozen=True, kw_only=True):
    """A list with the number of its values in force."""

    id: UUID
    name: str
    version: int
    changed_at: datetime
    entries: int


class ListChange(Struct, frozen=True, kw_only=True):
    """One change of the lists: its number, and an entry that it changed, by which it is known again."""

    number: int
    entry_id: UUID


class StoredRuleSet(Struct, frozen=True, kw_only=True):
    """A rule set as stored: text, author, state, last dry run, and who put it in force."""

    id: UUID
    version: str
    body: str
    author_id: UUID
    drafted_at: datetime
    state: str
    dry_run: DryRun | None = None
    approver_id: UUID | None = None
    activated_at: datetime | None = None
    source: str = ""  # the shipped file it came from


def get_analyses(*, actor: Actor, report_ids: Sequence[UUID]) -> dict[UUID, Analysis]:
    """Return the newest analysis of each report that the actor reaches; the others are left out."""
    ids = _reachable(actor, report_ids)
    return {a.report_id: a for _, a in _analyses(ids)} if ids else {}


def get_priorities(*, actor: Actor, report_ids: Sequence[UUID]) -> dict[UUID, Priority]:
    """Return the newest priority of each report that the actor reaches; the others are left out."""
    ids = _reachable(actor, report_ids)
    return {p.report_id: p for _, p in _priorities(ids)} if ids else {}


def list_analyses(*, actor: Actor, report_id: UUID) -> list[tuple[Version, Analysis]]:
    """Return every analysis of a report, oldest first: replays stay side by side."""
    return _analyses(_reachable(actor, [report_id]))


def list_priorities(*, actor: Actor, report_id: UUID) -> list[tuple[Version, Priority]]:
    """Return every priority of a report, oldest first."""
    return _priorities(_reachable(actor, [report_id]))


def lists_version() -> str:
    """Return the version of all lists together; it changes with each of them."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*), coalesce(sum(version), 0) FROM analyse_list")
        row = cursor.fetchone()
    return f"lists/{row[0]}.{row[1]}" if row and row[0] else ""


def entries_of(*, values: Iterable[tuple[str, str]]) -> list[KnownEntry]:
    """Return the entries in force that hold exactly one of these (kind, value) pairs."""
    pairs = list(values)
    if not pairs:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            f"{_ENTRIES} JOIN unnest(%s::text[], %s::text[]) AS asked (kind, value)"
            " ON e.kind = asked.kind AND e.value = asked.value"
            " WHERE e.withdrawn_at IS NULL ORDER BY e.id",
            [[kind for kind, _ in pairs], [value for _, value in pairs]],
        )
        return [_entry(row) for row in cursor.fetchall()]


def entries_by_id(*, ids: Sequence[UUID]) -> dict[UUID, KnownEntry]:
    """Return the entries in force among `ids`, which are those of single values."""
    if not ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            f"{_ENTRIES} WHERE e.id = ANY(%s::uuid[]) AND e.withdrawn_at IS NULL", [list(ids)]
        )
        return {row[0]: _entry(row) for row in cursor.fetchall()}


def _entry(row: tuple[UUID, UUID, str, str, str, str, str]) -> KnownEntry:
    _, item_id, name, kind, value, classification, scope = row
    return KnownEntry(
        entry_id=item_id,
        list_name=name,
        kind=kind,
        value=value,
        classification=classification,
        scope=scope,
    )


def newest_change() -> ListChange | None:
    """Return the last change of the lists, None when nothing was ever listed."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT change, id FROM analyse_entry ORDER BY change DESC, id DESC LIMIT 1")
        row = cursor.fetchone()
    return None if row is None else ListChange(number=row[0], entry_id=row[1])


def is_change_known(*, change: ListChange) -> bool:
    """Return whether this database has seen `change`: another one, or an older backup, has not."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM analyse_entry WHERE id = %s AND change >= %s)",
            [change.entry_id, change.number],
        )
        row = cursor.fetchone()
    return bool(row and row[0])


def changed_hashes(*, after: int, upto: int) -> Iterator[tuple[UUID, str, bool]]:
    """Yield id, PDQ hash and whether it is in force, of every value changed after one change up to another.

    Rows come in portions: lists of millions pass without being held.
    """
    with connection.cursor() as cursor:
        last: tuple[int, UUID] = (after, _HIGHEST)
        while True:
            cursor.execute(
                "SELECT change, id, kind, value, withdrawn_at IS NULL FROM analyse_entry"
                " WHERE (change, id) > (%s, %s) AND change <= %s ORDER BY change, id LIMIT %s",
                [*last, upto, _PORTION],
            )
            rows = cursor.fetchall()
            yield from ((row[1], row[3], row[4]) for row in rows if row[2] == "PDQ")
            if len(rows) < _PORTION:
                return
            last = (rows[-1][0], rows[-1][1])


def count_changed(*, after: int) -> int:
    """Return how many values changed after a change of the lists."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM analyse_entry WHERE change > %s", [after])
        row = cursor.fetchone()
    return int(row[0]) if row else 0


def list_lists() -> list[ListState]:
    """Return the lists by name, with their number of values in force."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT l.id, l.name, l.version, l.changed_at, count(e.id)"
            " FROM analyse_list l LEFT JOIN analyse_entry e"
            " ON e.list_id = l.id AND e.withdrawn_at IS NULL"
            " GROUP BY l.id ORDER BY l.name"
        )
        return [
            ListState(id=id_, name=name, version=version, changed_at=changed, entries=entries)
            for id_, name, version, changed, entries in cursor.fetchall()
        ]


def current_rules() -> PriorityRules:
    """Return the activated rules; before there are any, the first the package ships, never a later one."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT body FROM analyse_ruleset WHERE state = 'ACTIVE'")
        row = cursor.fetchone()
    return _read_rules(row[0]) if row else _FIRST


def newest_analysed(*, limit: int) -> list[UUID]:
    """Return the ids of the newest analysed reports, whatever their desk: the base of a dry run."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT report_id FROM analyse_result WHERE revision = 1 ORDER BY report_id DESC LIMIT %s",
            [limit],
        )
        return [row[0] for row in cursor.fetchall()]


def get_ruleset(*, ruleset_id: UUID) -> StoredRuleSet | None:
    """Return a stored rule set, None when there is none."""
    return next((found for found in list_rulesets() if found.id == ruleset_id), None)


def list_rulesets() -> list[StoredRuleSet]:
    """Return every stored rule set, newest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT r.id, r.version, r.body, r.author_id, r.drafted_at, r.state, r.dry_run,"
            " a.approver_id, a.activated_at, r.source FROM analyse_ruleset r"
            " LEFT JOIN analyse_activation a ON a.ruleset_id = r.id ORDER BY r.drafted_at DESC, r.id"
        )
        return [
            StoredRuleSet(
                id=row[0],
                version=row[1],
                body=row[2],
                author_id=row[3],
                drafted_at=row[4],
                state=row[5],
                dry_run=None if row[6] is None else msgspec.json.decode(bytes(row[6]), type=DryRun),
                approver_id=row[7],
                activated_at=row[8],
                source=row[9],
            )
            for row in cursor.fetchall()
        ]


def _reachable(actor: Actor, report_ids: Sequence[UUID]) -> list[UUID]:
    if not report_ids or reach(actor, "report.read").empty:
        return []
    if actor.has(Role.SYSTEM) and not actor.desk_ids:
        return list(report_ids)
    return list(intake.get_reports(actor=actor, report_ids=report_ids))


def _analyses(report_ids: Sequence[UUID]) -> list[tuple[Version, Analysis]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT report_id, rule_version, findings, revision, written_at FROM analyse_result"
            " WHERE report_id = ANY(%s::uuid[]) ORDER BY report_id, revision",
            [uuid_array(report_ids)],
        )
        return [
            (
                Version(revision=revision, written_at=written_at),
                Analysis(
                    report_id=report_id,
                    findings=unpack_findings(findings, rule_version=version),
                    rule_version=version,
                ),
            )
            for report_id, version, findings, revision, written_at in cursor.fetchall()
        ]


def _priorities(report_ids: Sequence[UUID]) -> list[tuple[Version, Priority]]:
    with connection.cursor() as cursor:
        cursor.execute(f"{_PRIORITY} ORDER BY report_id, revision", [uuid_array(report_ids)])
        return [
            (
                Version(revision=row[6], written_at=row[7]),
                Priority(
                    report_id=row[0],
                    score=row[1],
                    floor=row[2],
                    level=row[3],
                    rule_version=row[4],
                    parts=unpack_parts(row[5]),
                ),
            )
            for row in cursor.fetchall()
        ]


_FIRST = shipped_rules()[0]
_read_rules = lru_cache(maxsize=4)(read_rules)
