"""No act is dated ahead, and no table holds a date or time that the program cannot read."""

import json
import re
from collections.abc import Callable
from datetime import timedelta

import psycopg
import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from fanal.db.instants import LIBRARIES, MAY_COME, NAME, _statements, apply_instant_bounds
from tests.refusals import CHECK, sqlstate_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("servers_clock")]
ACTS = [
    ("accounts_habilitation", "granted_at"), ("accounts_partnercredential", "revoked_at"),
    ("accounts_review", "reviewed_at"), ("accounts_revocation", "revoked_at"),
    ("crosscheck_judgement", "made_at"), ("crosscheck_name", "named_at"), ("deconfliction_counterpart", "added_at"),
    ("deconfliction_limit", "set_at"), ("deconfliction_step", "at"), ("deconfliction_withholding", "made_at"),
    ("distribution_recipient", "added_at"), ("distribution_sender_key", "added_at"),
    ("distribution_sender_key", "revoked_at"), ("exchange_source", "added_at"),
    ("harmonise_opening", "opened_at"), ("harmonise_opening_seen", "seen_at"), ("intake_message", "created_at"),
    ("measures_answer", "at"), ("measures_contact", "informed_at"), ("measures_recommendation", "made_at"),
    ("measures_session", "started_at"), ("orient_alarm", "acknowledged_at"), ("orient_assignment", "made_at"),
    ("orient_decision", "decided_at"),
    ("orient_feedback", "given_at"), ("orient_note", "written_at"), ("orient_unfolding", "judged_at"),
    ("orient_view", "saved_at"),
]  # fmt: skip


def refusal(table: str, column: str, instant: str) -> str:
    """Return what PostgreSQL says of a row of this column alone: something is always missing."""
    author = ", gen_random_uuid()" if table == "intake_message" else ""
    names = column + (", author_id" if author else "")
    with (
        pytest.raises(DatabaseError) as refused,
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"INSERT INTO {table} ({names}) VALUES ({instant}{author})")
    return f"{sqlstate_of(refused.value)} {refused.value}"


@pytest.mark.parametrize(("table", "column"), ACTS)
def test_no_act_is_dated_ahead(table: str, column: str) -> None:
    said = f"{CHECK} nobody acts ahead of time: {table}.{column}"
    for instant in ("'infinity'", "'-infinity'", "clock_timestamp() + interval '1 minute'"):
        assert refusal(table, column, instant).startswith(said)
    assert "ahead" not in refusal(table, column, "clock_timestamp()")


_COLUMNS = """
SELECT c.relname, a.attname, a.atttypid = 'date'::regtype,
    (SELECT array_agg(pg_get_triggerdef(t.oid) ORDER BY t.tgname) FROM pg_trigger t
     WHERE t.tgrelid = c.oid AND t.tgname IN (%s, %s))
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    AND a.attnum > 0 AND NOT a.attisdropped
    AND a.atttypid IN ('timestamptz'::regtype, 'timestamp'::regtype, 'date'::regtype)
"""
_UNREADABLE = ("infinity", "-infinity", "9999-12-31", "0001-01-01", "20000-01-01")
_CONDITION = re.compile(r" WHEN \((.*)\) EXECUTE FUNCTION fanal_refuse_instant\(\)$", re.DOTALL)


def refuses(table: str, trigger: str, *, old: dict[str, str], new: dict[str, str | None]) -> bool:
    """Return whether a trigger's condition holds for these values of columns; the others are NULL."""
    condition = _CONDITION.search(trigger)[1]
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT coalesce(({condition}), false) FROM"
            f' jsonb_populate_record(NULL::"{table}", %s::jsonb) AS old,'
            f' jsonb_populate_record(NULL::"{table}", %s::jsonb) AS new',
            [json.dumps(old), json.dumps(new)],
        )
        return bool(cursor.fetchone()[0])


def test_every_date_and_time_of_every_table_is_bounded() -> None:
    """Of what a role may write once and nobody again, one value the program cannot read stops it for good."""
    with connection.cursor() as cursor:
        cursor.execute(_COLUMNS, [NAME, f"{NAME}_changed"])
        columns = cursor.fetchall()
        cursor.execute("SELECT clock_timestamp()")
        (here,) = cursor.fetchone()
    may_come = {column for named in MAY_COME.values() for column in named}
    assert may_come <= {f"{table}.{column}" for table, column, *_ in columns}
    assert len(may_come) < len(columns) / 4
    for table, column, is_date, triggers in columns:
        assert len(triggers or ()) == 2, f"{table} has no bound: 'fanal migrate'"
        named = f"{table}.{column}"
        free = is_date or named in may_come or table.startswith(LIBRARIES)
        ahead = [str(here + timedelta(days=days)) for days in (1, 300)]
        wrong = [*_UNREADABLE, *([] if free else ahead)]
        right = [None, str(here), "1970-01-01", *(ahead if free else [])]
        for trigger in triggers:
            for value in wrong:
                assert refuses(table, trigger, old={}, new={column: value}), named
            for value in right:
                assert not refuses(table, trigger, old={}, new={column: value}), named
        for value in wrong:  # what the row holds already refuses no act on another column
            assert not refuses(table, triggers[1], old={column: value}, new={column: value}), named


def test_a_partition_has_the_bound_of_its_table() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), count(*) FILTER (WHERE (SELECT count(*) FROM pg_trigger t"
            " WHERE t.tgrelid = i.inhrelid AND t.tgname = ANY(%s)) = 2) FROM pg_inherits i"
            " JOIN pg_trigger p ON p.tgrelid = i.inhparent AND p.tgname = %s",
            [[NAME, f"{NAME}_changed"], NAME],
        )
        partitions, bounded = cursor.fetchone()
    assert partitions == bounded > 0


@pytest.mark.parametrize("instant", ["'infinity'", "'20000-01-01'"])
def test_no_role_writes_such_an_instant(instant: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now())")
    for statement in (
        f"INSERT INTO procrastinate_workers (last_heartbeat) VALUES ({instant})",
        f"UPDATE procrastinate_workers SET last_heartbeat = {instant}",
    ):
        with (
            pytest.raises(IntegrityError, match=NAME),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)


def test_a_new_column_is_bounded_by_the_next_migration(
    as_role: Callable[[str], psycopg.Connection[tuple[object, ...]]],
) -> None:
    owner = as_role("owner")
    with owner.transaction(force_rollback=True):
        assert list(_statements(owner)) == []
        owner.execute("ALTER TABLE procrastinate_workers ADD COLUMN ended_at timestamptz")
        apply_instant_bounds(owner)
        assert list(_statements(owner)) == []
        with pytest.raises(psycopg.errors.CheckViolation, match=NAME):
            owner.execute("INSERT INTO procrastinate_workers (ended_at) VALUES ('infinity')")
