"""Row-level security as data: the PostgreSQL policies of every table that belongs to a desk.

`fanal migrate` creates them before it grants privileges (ADR 0012). The app reads and writes a row only if
its desk is one of the request's (`accounts.row_scope`); a row without a desk follows the row that it
references. The worker has access to all rows, since processing stages cross desks; the auditor
reads all; a public node only inserts. The owner bypasses policies, so that migrations and backups are
complete.

A role may remove itself from every policy that names it (`DROP OWNED BY` itself). The policies of a public
node and of the auditor are therefore granted to `public`, and their condition compares `current_user`. Those
of app and worker name their role: such a condition would keep the planner from using indexes, and would add
the app's conditions to the worker's plans. `close_definitions` refuses them that statement.

A test checks that every table with a `desk_id` is listed here.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import psycopg
from psycopg import sql

from fanal.postgres import DatabaseRole

_ALL = "(SELECT fanal_everywhere())"
_OWN = f"(desk_id = ANY ((SELECT fanal_desks())::integer[]) OR {_ALL})"
_OVERSEEN = "(SELECT fanal_oversees())"
_ASKED = (DatabaseRole.INTAKE, DatabaseRole.AUDITOR)
"""Roles that policies identify by `current_user` instead of naming them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableBounds:
    """The row-level security of one table: SQL conditions for the app, and the commands of a public node.

    `rows` is the condition of the rows that the app may read and write; `reads` and `inserts` allow
    additional rows for SELECT or INSERT alone. `intake` names the commands that a public node (a server on
    the internet that takes reports) may run.
    """

    rows: str = "false"
    reads: str = ""
    inserts: str = ""
    intake: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RowPolicy:
    """One PostgreSQL row-level security policy.

    `role` is the database role to which it applies, `command` such as `SELECT`, `condition` the SQL condition
    of the rows that it permits.
    """

    name: str
    role: DatabaseRole
    command: str
    condition: str

    @property
    def grantee(self) -> str:
        """The role in the policy's `TO` clause; `public` if its condition tests `current_user` instead."""
        return "public" if self.role in _ASKED else self.role.login

    def statement(self, table: str) -> str:
        """Return the `CREATE POLICY` statement for `table`."""
        condition = self.condition
        if self.role in _ASKED:
            condition = f"current_user = '{self.role.login}' AND {condition}"
        using = "" if self.command == "INSERT" else f" USING ({condition})"
        check = "" if self.command == "SELECT" else f" WITH CHECK ({condition})"
        return (
            f"CREATE POLICY {self.name} ON {table} FOR {self.command} TO {self.grantee}"
            f"{using}{check}"
        )


def _behind(parent: str, condition: str) -> str:
    """Return an SQL condition: the row references a row of `parent` (alias `p`) visible to the session.

    `condition` relates `p` to the row, such as `p.id = report_id`.
    """
    return f"({_ALL} OR EXISTS (SELECT FROM {parent} p WHERE {condition}))"


_OF_REPORT = _behind("intake_report", "p.id = report_id")
_OF_ACT = _behind("casework_act", "p.id = act_id")
_OF_OPENING = _behind("harmonise_opening", "p.id = opening_id")

BOUNDED: Mapping[str, TableBounds] = {
    # Anybody submits; a partner's program has access to its own reports, a person to those of their desks.
    "intake_report": TableBounds(
        rows=f"({_OWN} OR sender_id = (SELECT fanal_sender()))",
        inserts="arrival = 'FORM'",
        intake=("INSERT",),
    ),
    "intake_number": TableBounds(rows=_OF_REPORT),
    "crosscheck_number": TableBounds(rows=_behind("crosscheck_dossier", "p.id = dossier_id")),
    "casework_number": TableBounds(rows=_OF_ACT),
    "intake_upload": TableBounds(rows=_OF_REPORT, intake=("INSERT",)),
    "intake_message": TableBounds(rows=_OF_REPORT, inserts="NOT from_desk"),
    "intake_hold": TableBounds(rows=_OF_REPORT),
    "intake_review": TableBounds(rows=_OF_REPORT),
    "intake_review_second": TableBounds(rows=_behind("intake_review", "p.id = review_id")),
    "harmonise_record": TableBounds(rows=_OWN),
    "harmonise_sighting": TableBounds(rows=_OWN),
    "harmonise_selector": TableBounds(
        rows=_behind("harmonise_sighting", "p.key = harmonise_selector.key")
    ),
    "harmonise_text": TableBounds(rows=_OWN),
    "harmonise_opening": TableBounds(rows=_OWN, reads=_OVERSEEN),
    "harmonise_opening_motive": TableBounds(rows=_OF_OPENING),
    "harmonise_opening_seen": TableBounds(rows=_OF_OPENING),
    "analyse_result": TableBounds(rows=_OF_REPORT),
    "analyse_priority": TableBounds(rows=_OF_REPORT),
    "analyse_example": TableBounds(rows=_OF_REPORT),
    "analyse_judgement": TableBounds(rows=_behind("analyse_example", "p.id = example_id")),
    "analyse_reader_part": TableBounds(rows=_OF_REPORT),
    "analyse_paid": TableBounds(rows=_OWN),
    "analyse_payer": TableBounds(rows=_OWN),
    # A link is visible at both ends: across desks it shows its existence and the contact.
    "crosscheck_link": TableBounds(
        rows=_OWN, reads="other_desk_id = ANY ((SELECT fanal_desks())::integer[])"
    ),
    "crosscheck_resemblance": TableBounds(
        rows=_OWN, reads="other_desk_id = ANY ((SELECT fanal_desks())::integer[])"
    ),
    "crosscheck_near": TableBounds(
        rows=_OWN, reads="other_desk_id = ANY ((SELECT fanal_desks())::integer[])"
    ),
    "crosscheck_tie": TableBounds(rows=_OWN),
    "crosscheck_name": TableBounds(rows=_OWN),
    "crosscheck_erased_member": TableBounds(rows=_OWN),
    "crosscheck_kin": TableBounds(rows=_OWN),
    "crosscheck_card": TableBounds(rows=_OWN),
    "crosscheck_answer": TableBounds(
        rows=_behind("intake_report", "p.id IN (report_id, other_id)")
    ),
    "crosscheck_membership": TableBounds(rows=_OWN),
    "crosscheck_dossier": TableBounds(
        rows=_OWN,
        reads=_behind("crosscheck_membership", "p.dossier_id = crosscheck_dossier.id"),
    ),
    "crosscheck_reason": TableBounds(
        rows=_behind("intake_report", "p.id = ANY (crosscheck_judged(judgement_id))")
    ),
    # A match is visible to the desks that hold one of its reports, and to no other.
    "deconfliction_hit_report": TableBounds(rows=_OWN),
    "deconfliction_hit": TableBounds(
        rows=_behind("deconfliction_hit_report", "p.hit_id = deconfliction_hit.id")
    ),
    "deconfliction_step": TableBounds(rows=_behind("deconfliction_hit", "p.id = hit_id")),
    "deconfliction_step_words": TableBounds(rows=_behind("deconfliction_step", "p.id = step_id")),
    # Each desk in a dossier sees that it is withheld, after a merge or split too; only the withholding desk
    # sees why.
    "deconfliction_withholding": TableBounds(
        rows=_OWN,
        reads=_behind(
            "crosscheck_membership",
            "p.dossier_id = ANY (crosscheck_dossiers_of(deconfliction_withholding.dossier_id,"
            " deconfliction_withholding.report_ids))",
        ),
    ),
    "deconfliction_withholding_words": TableBounds(
        rows=_behind(
            "deconfliction_withholding",
            "p.id = withholding_id AND p.desk_id = ANY ((SELECT fanal_desks())::integer[])",
        )
    ),
    "orient_proposal": TableBounds(rows=_OWN),
    "orient_case": TableBounds(rows=_OWN),
    "orient_fold": TableBounds(rows=_OWN),
    "orient_assessed": TableBounds(rows=_OWN),
    "orient_assessed_file": TableBounds(rows=_OWN),
    "orient_unfolding": TableBounds(rows=_OWN),
    "orient_unfolding_words": TableBounds(rows=_behind("orient_unfolding", "p.id = unfolding_id")),
    "orient_alarm": TableBounds(rows=_OWN),
    "orient_answer": TableBounds(rows=_OWN),
    "orient_assignment": TableBounds(rows=_OWN),
    "orient_notification": TableBounds(rows=_OWN),
    "orient_call": TableBounds(rows=_behind("orient_alarm", "p.id = alarm_id")),
    "orient_note": TableBounds(rows=_OWN),
    "orient_feedback": TableBounds(rows=_OWN),
    "orient_view": TableBounds(rows=_OWN),
    "orient_note_words": TableBounds(rows=_behind("orient_note", "p.id = note_id")),
    # The overseer reads every measure and notice, and its basis (LCEN art. 6-1).
    "orient_decision": TableBounds(rows=_OWN, reads=_OVERSEEN),
    "orient_reason": TableBounds(rows=_behind("orient_decision", "p.id = decision_id")),
    "measures_request": TableBounds(rows=_OF_ACT),
    "measures_blocking": TableBounds(rows=_OF_ACT),
    "measures_dereferencing": TableBounds(rows=_OF_ACT),
    "measures_appeal": TableBounds(rows=_OF_ACT),
    "measures_commitment": TableBounds(rows=f"(desk_id IS NULL OR {_OWN})", reads=_OVERSEEN),
    "measures_target": TableBounds(rows=_behind("casework_act", "p.id = measure_id")),
    "measures_recommendation": TableBounds(rows=_OWN, reads=_OVERSEEN, inserts=_OVERSEEN),
    "measures_answer": TableBounds(
        rows=_behind("measures_recommendation", "p.id = recommendation_id")
    ),
    "casework_act": TableBounds(
        rows=_OWN,
        reads="(kind IN ('notice', 'measure', 'blocking', 'mirror', 'dereferencing', 'appeal')"
        f" AND {_OVERSEEN})",
    ),
    "casework_document": TableBounds(rows=_OF_ACT),
    "casework_approval": TableBounds(rows=_OF_ACT),
    "casework_step": TableBounds(rows=_OF_ACT),
    # Authentication reads rights; a person grants them only at their own desk.
    "accounts_habilitation": TableBounds(reads="true", inserts=f"(desk_id IS NULL OR {_OWN})"),
    # An administrator, who has no desk, keeps the roster of each: a trigger asks for the author's office.
    "accounts_duty": TableBounds(reads="true", inserts="true"),
}
"""The tables under row-level security."""


def policies_of(bounds: TableBounds) -> Iterator[RowPolicy]:
    """Yield the row-level security policies of a table from its conditions (`bounds`).

    They are those of the app and of public nodes, one that gives the worker every row, and one that lets the
    auditor read every row.
    """
    app, worker, auditor = DatabaseRole.APP, DatabaseRole.WORKER, DatabaseRole.AUDITOR
    yield RowPolicy(name="app_rows", role=app, command="ALL", condition=bounds.rows)
    if bounds.reads:
        yield RowPolicy(name="app_reads", role=app, command="SELECT", condition=bounds.reads)
    if bounds.inserts:
        yield RowPolicy(name="app_inserts", role=app, command="INSERT", condition=bounds.inserts)
    yield RowPolicy(name="worker_rows", role=worker, command="ALL", condition="true")
    yield RowPolicy(name="auditor_reads", role=auditor, command="SELECT", condition="true")
    for command in bounds.intake:
        yield RowPolicy(
            name=f"intake_{command.lower()}s",
            role=DatabaseRole.INTAKE,
            command=command,
            condition="true",
        )


def apply_row_security(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """Create, replace and drop row-level policies until the database matches `BOUNDED`, in one transaction.

    Row-level security is enabled on the tables where it is not.

    A policy that is already as wanted (its comment holds its statement) stays untouched, because creation
    takes a table lock. `connection` belongs to the owner.
    """
    open_tables, standing = _secured(connection), _standing(connection)
    wanted = _wanted(open_tables)
    statements: list[sql.SQL | sql.Composed] = []
    for (table, name), stands in standing.items():
        if wanted.get((table, name)) != stands:
            statements.append(_on("DROP POLICY {} ON {}", name, table))
    for (table, name), policy in wanted.items():
        if standing.get((table, name)) != policy:
            statements.append(sql.SQL(policy.statement))
            statements.append(
                _on("COMMENT ON POLICY {} ON {} IS ", name, table) + sql.Literal(policy.statement)
            )
    statements += [
        sql.SQL("ALTER TABLE {} ENABLE ROW LEVEL SECURITY").format(sql.Identifier(table))
        for table in BOUNDED
        if open_tables.get(table) is False
    ]
    with connection.transaction():
        for part in statements:
            connection.execute(part)


def faults_in_row_security(connection: psycopg.Connection[tuple[object, ...]]) -> list[str]:
    """Return the names, sorted, of the tables whose policies in the database differ from `BOUNDED`.

    Any role may call it.
    """
    open_tables, standing = _secured(connection), _standing(connection)
    wanted = _wanted(open_tables)
    wrong = {
        key[0] for key in standing.keys() | wanted.keys() if standing.get(key) != wanted.get(key)
    }
    return sorted(wrong | {table for table in BOUNDED if not open_tables.get(table)})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Standing:
    """A row-level policy, in the database or wanted, in the form in which the two are compared.

    `statement` creates it (in the database: the policy's comment, "" without one), `grantees` are its roles.
    """

    statement: str
    grantees: tuple[str, ...]


def _secured(connection: psycopg.Connection[tuple[object, ...]]) -> dict[str, bool]:
    """Return whether row-level security is enabled, for each table in schema `public` by name."""
    return {
        str(name): bool(secured)
        for name, secured in connection.execute(
            "SELECT relname, relrowsecurity FROM pg_class"
            " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
        )
    }


def _standing(
    connection: psycopg.Connection[tuple[object, ...]],
) -> dict[tuple[str, str], _Standing]:
    return {
        (str(table), str(name)): _Standing(
            statement=str(statement), grantees=tuple(str(grantees).split())
        )
        for table, name, statement, grantees in connection.execute(
            "SELECT c.relname, p.polname, coalesce(obj_description(p.oid, 'pg_policy'), ''), (SELECT"
            " string_agg(coalesce(r.rolname, 'public'), ' ' ORDER BY r.rolname)"
            " FROM unnest(p.polroles) AS named LEFT JOIN pg_roles r ON r.oid = named)"
            " FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid"
            " WHERE c.relnamespace = 'public'::regnamespace"
        )
    }


def _wanted(tables: Collection[str]) -> dict[tuple[str, str], _Standing]:
    return {
        (table, policy.name): _Standing(
            statement=policy.statement(table), grantees=(policy.grantee,)
        )
        for table, bounds in BOUNDED.items()
        if table in tables
        for policy in policies_of(bounds)
    }


def _on(text: str, name: str, table: str) -> sql.Composed:
    return sql.SQL(text).format(sql.Identifier(name), sql.Identifier(table))


# The event trigger that reserves data definition (DDL) for the owner of the database.
#
# PostgreSQL lets every role run some DDL on itself (`DROP OWNED BY`, which removes the role from policies;
# `ALTER DEFAULT PRIVILEGES`). Others (`CREATE RULE`, `CREATE STATISTICS`) take a table lock before PostgreSQL
# refuses them, and block every other session meanwhile. The event trigger refuses all of them first.
# Statements on objects that databases share (`ALTER ROLE`, `DROP DATABASE`) fire no event trigger.

_NAME = "fanal_definitions"
"""Name of the schema, which nobody may read, of the function in it, and of the event trigger."""
_TEMPORARY = (
    "CREATE TABLE",
    "CREATE TABLE AS",
    "SELECT INTO",
    "CREATE INDEX",
    "DROP TABLE",
    "DROP INDEX",
)
"""Commands that app and worker may run, on temporary tables only."""


def _literals(words: tuple[str, ...]) -> str:
    return ", ".join(f"'{word}'" for word in words)


_BODY = f"""
BEGIN
    IF current_user IN ({_literals((DatabaseRole.INTAKE.login, DatabaseRole.AUDITOR.login))})
        OR current_user IN ({_literals((DatabaseRole.APP.login, DatabaseRole.WORKER.login))})
        AND tg_tag NOT IN ({_literals(_TEMPORARY)})
    THEN
        RAISE insufficient_privilege USING MESSAGE = format('%s is not for %s', tg_tag, current_user);
    END IF;
END
"""


def close_definitions(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """Create the event trigger that refuses data definition (DDL) to the service's roles, if it is missing.

    Application and worker may still create temporary tables. `connection` is a superuser's.
    """
    if are_definitions_closed(connection):
        return
    name = sql.Identifier(_NAME)
    with connection.transaction():
        connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(name))
        connection.execute(
            sql.SQL(
                "CREATE OR REPLACE FUNCTION {0}.{0}() RETURNS event_trigger LANGUAGE plpgsql"
                " SET search_path = pg_catalog, pg_temp AS {1}"
            ).format(name, sql.Literal(_BODY))
        )
        connection.execute(sql.SQL("DROP EVENT TRIGGER IF EXISTS {}").format(name))
        connection.execute(
            sql.SQL(
                "CREATE EVENT TRIGGER {0} ON ddl_command_start EXECUTE FUNCTION {0}.{0}()"
            ).format(name)
        )
        connection.execute(sql.SQL("ALTER EVENT TRIGGER {} ENABLE ALWAYS").format(name))


def are_definitions_closed(connection: psycopg.Connection[tuple[object, ...]]) -> bool:
    """Return whether the event trigger of `close_definitions` is installed and enabled in this database."""
    found = connection.execute(
        "SELECT FROM pg_event_trigger t JOIN pg_proc p ON p.oid = t.evtfoid"
        " WHERE t.evtname = %s AND t.evtenabled = 'A' AND p.prosrc = %s",
        (_NAME, _BODY),
    ).fetchone()
    return found is not None
