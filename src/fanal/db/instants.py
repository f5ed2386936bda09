"""Bounds of the dates and times in the database: readable by Python, and none in the future by error.

PostgreSQL accepts `infinity` and years beyond 9999, which Python cannot represent: one such value would make
every page and stage fail that reads its row. A record dated in the future by error would count as the newest,
or as in force.

`fanal migrate` adds triggers to each table, which refuse such a value when it is written: in a new row, or in
a column that an UPDATE changes. Unlike a CHECK constraint, a trigger does not block later changes of a row
that already holds such a value. Columns that a later version adds are bounded too, unless `MAY_COME` names
them.
"""

from collections.abc import Iterator
from itertools import groupby

import psycopg
from psycopg import sql

NAME = "readable_instants"
"""Name of the trigger for new rows, given in error messages; that for UPDATEs ends in `_changed`."""
_REFUSAL = f"""
CREATE OR REPLACE FUNCTION fanal_refuse_instant() RETURNS trigger LANGUAGE plpgsql
    SET search_path = public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'a date or time of % cannot be read or lies ahead ({NAME})', TG_TABLE_NAME
        USING ERRCODE = 'check_violation', CONSTRAINT = '{NAME}', TABLE = TG_TABLE_NAME;
END $$
"""
MAY_COME: dict[str, frozenset[str]] = {
    "first days, ends, deadlines and leases": frozenset(
        {
            "accounts_counter.expires_at", "accounts_habilitation.valid_from",
            "accounts_habilitation.valid_until", "accounts_instruction.expires_at",
            "accounts_instruction.valid_from", "accounts_reset.expires_at",
            "analyse_entry.ends_at", "analyse_unread.lease_until",
            "casework_step.lapsed_at",
            "deconfliction_round.expires_at", "distribution_sender_key.since",
            "distribution_sender_key.until", "exchange_taken.ends_at",
            "intake_spent_challenge.expires_at", "intake_work.lease_until", "intake_work.not_before",
            "measures_blocking.decision_ends_at", "measures_blocking.decision_from",
            "measures_blocklist.expires_at", "measures_blocklist_shown.until",
            "orient_call.lease_until", "orient_call.not_before", "orient_case.ask_before",
            "orient_case.due_at", "orient_case.lease_until",
        }
    ),
    "what reports state of facts and payments": frozenset(
        {
            "analyse_paid.last_at", "analyse_payer.first_at", "analyse_payer.last_at",
            "harmonise_record.occurred_from", "harmonise_record.occurred_until", "harmonise_sighting.at",
        }
    ),
    "the clocks of other organisations": frozenset(
        {
            "deconfliction_message.at", "deconfliction_round.started_at", "distribution_taken.made_at",
            "exchange_taken.at", "measures_blocklist_cosigned.cosigned_at",
        }
    ),
    "copies of what another table was asked about, when the database's clock may have stood ahead": frozenset(
        {"orient_case.received_at"}
    ),
    "alarms and their calls, which go out at any difference of clocks, and their entries": frozenset(
        {
            "ledger_entry.at",  # the database dates each entry too (`db_at`)
            "orient_alarm.escalated_at", "orient_alarm.raised_at", "orient_alarm.recorded_at",
            "orient_call.ended_at", "orient_call.failed_at", "orient_call.queued_at",
            "orient_caller.seen_at", "orient_late.told_at", "orient_unrecorded.told_at",
        }
    ),
}  # fmt: skip
"""The columns whose instants may lie ahead, by reason. All others of ours have come (`accounts_has_come`).

Dates without a time may lie ahead by the difference of the time zones, and are bounded as readable alone.
"""
LIBRARIES = (
    "account_", "auth_", "axes_", "django_", "mfa_", "procrastinate_", "socialaccount_",
)  # fmt: skip
"""Beginnings of the names of tables that libraries made: only they know what may lie ahead there."""
_FIRST, _END = "0001-01-02Z", "9999-12-31Z"
"""Begin and end of what the program can read, in any time zone."""
_COLUMNS = """
SELECT c.relname, a.attname, a.atttypid = 'date'::regtype, coalesce((
    SELECT obj_description(t.oid, 'pg_trigger') FROM pg_trigger t
    WHERE t.tgrelid = c.oid AND t.tgname = %s), '')
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    AND a.attnum > 0 AND NOT a.attisdropped
    AND a.atttypid IN ('timestamptz'::regtype, 'timestamp'::regtype, 'date'::regtype)
ORDER BY c.relname, a.attnum
"""


def apply_instant_bounds(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """Create or replace the triggers of each table until they bound all its dates and times.

    Triggers that are already as wanted (a comment holds their conditions) stay untouched, because creating
    one locks the table; each pair is created in a transaction of its own. A restore writes its rows before
    the triggers exist. `connection` belongs to the owner.
    """
    connection.execute(_REFUSAL)
    for statement in list(_statements(connection)):
        with connection.transaction():
            connection.execute(statement)


def _statements(connection: psycopg.Connection[tuple[object, ...]]) -> Iterator[sql.Composed]:
    rows = connection.execute(_COLUMNS, [NAME]).fetchall()
    for (table, stands), columns in groupby(rows, key=lambda row: (str(row[0]), str(row[3]))):
        refused = [
            (sql.Identifier(str(column)), _refused(table, str(column), is_date=bool(is_date)))
            for _, column, is_date, _ in columns
        ]
        new = sql.SQL(" OR ").join(condition for _, condition in refused)
        changed = sql.SQL(" OR ").join(
            sql.SQL("(NEW.{0} IS DISTINCT FROM OLD.{0} AND ({1}))").format(column, condition)
            for column, condition in refused
        )
        wanted = new.as_string(connection)
        if stands != wanted:
            yield sql.SQL(
                "ALTER TABLE {on} DROP CONSTRAINT IF EXISTS {name};"
                " CREATE OR REPLACE TRIGGER {name} AFTER INSERT ON {on} FOR EACH ROW WHEN ({new})"
                " EXECUTE FUNCTION fanal_refuse_instant();"
                " CREATE OR REPLACE TRIGGER {other} AFTER UPDATE ON {on} FOR EACH ROW WHEN ({changed})"
                " EXECUTE FUNCTION fanal_refuse_instant();"
                " COMMENT ON TRIGGER {name} ON {on} IS {wanted}"
            ).format(
                on=sql.Identifier(table),
                name=sql.Identifier(NAME),
                other=sql.Identifier(f"{NAME}_changed"),
                new=new,
                changed=changed,
                wanted=sql.Literal(wanted),
            )


def _refused(table: str, column: str, *, is_date: bool) -> sql.Composed:
    """Return the SQL condition under which a trigger refuses a value that is written to a column.

    The value must be readable by Python. An instant must also lie in the past when it is written, unless
    `MAY_COME` names the column or a library made the table; a date (`is_date`) need not.
    """
    named = any(f"{table}.{column}" in columns for columns in MAY_COME.values())
    free = is_date or named or table.startswith(LIBRARIES)
    text = "NEW.{0} < {1}::timestamptz OR NEW.{0} >= {2}::timestamptz"
    if not free:  # the function, which is slow, is asked about what lies ahead alone
        text += " OR CASE WHEN NEW.{0} > clock_timestamp() THEN NOT accounts_has_come(NEW.{0}) END"
    return sql.SQL(text).format(sql.Identifier(column), sql.Literal(_FIRST), sql.Literal(_END))
