"""Which rows each role reads and writes, as data: policies of PostgreSQL on everything that has a desk.

`fanal migrate` makes them before it grants anything (ADR 0012). Of the app, a row is shown and taken when
its desk is one of the request's (`accounts.rows`); what has no desk of its own follows the row that it
hangs on. The worker sees all, since stages cross desks; the auditor reads all; a public node inserts.
The owner stands above policies, so that migrations and backups are whole.

Whoever signs in as a role may take it out of every policy that names it (`DROP OWNED BY` oneself). Those of
a public node and of the auditor are therefore everybody's, and ask who it is in their condition. Those of
app and worker name their role: as a condition it would keep the planner from indexes, and plan the
conditions of the app for the worker. What refuses that statement to them is `config.definitions`.

A test holds that every table with a `desk_id` is named here.
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
"""Roles that no policy names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableBounds:
    """Conditions on the rows of a table for the app, and the commands that a public node may run.

    `rows` holds for everything; `reads` and `inserts` open more for that command alone.
    """

    rows: str = "false"
    reads: str = ""
    inserts: str = ""
    intake: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RowPolicy:
    """One policy as PostgreSQL knows it."""

    name: str
    role: DatabaseRole
    command: str
    condition: str

    @property
    def grantee(self) -> str:
        """The role that it names, `public` where its condition asks who it is."""
        return "public" if self.role in _ASKED else self.role.login

    def statement(self, table: str) -> str:
        """Return what makes it."""
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
    """Return the condition that a row of `parent` which the session sees stands behind this one."""
    return f"({_ALL} OR EXISTS (SELECT FROM {parent} p WHERE {condition}))"


_OF_REPORT = _behind("intake_report", "p.id = report_id")
_OF_ACT = _behind("casework_act", "p.id = act_id")
_OF_OPENING = _behind("harmonise_opening", "p.id = opening_id")

BOUNDED: Mapping[str, TableBounds] = {
    # Anybody hands in; a partner's program reaches its own reports, a person those of their desks.
    "intake_report": TableBounds(
        rows=f"({_OWN} OR sender_id = (SELECT fanal_sender()))",
        inserts="arrival = 'FORM'",
        intake=("INSERT",),
    ),
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
    "analyse_paid": TableBounds(rows=_OWN),
    "analyse_payer": TableBounds(rows=_OWN),
    # A link is seen from both ends: across desks it shows that it exists and whom to ask.
    "crosscheck_link": TableBounds(
        rows=_OWN, reads="other_desk_id = ANY ((SELECT fanal_desks())::integer[])"
    ),
    "crosscheck_resemblance": TableBounds(
        rows=_OWN, reads="other_desk_id = ANY ((SELECT fanal_desks())::integer[])"
    ),
    "crosscheck_near": TableBounds(
        rows=_OWN, reads="other_desk_id = ANY ((SELECT fanal_desks())::integer[])"
    ),
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
    # A hit is seen by the desks that hold one of its reports; across desks nothing is.
    "deconfliction_hit_report": TableBounds(rows=_OWN),
    "deconfliction_hit": TableBounds(
        rows=_behind("deconfliction_hit_report", "p.hit_id = deconfliction_hit.id")
    ),
    "deconfliction_step": TableBounds(rows=_behind("deconfliction_hit", "p.id = hit_id")),
    "deconfliction_step_words": TableBounds(rows=_behind("deconfliction_step", "p.id = step_id")),
    # That a dossier is withheld concerns each desk that is in it; why, the desk that withholds it.
    "deconfliction_withholding": TableBounds(
        rows=_OWN,
        reads=_behind(
            "crosscheck_membership", "p.dossier_id = deconfliction_withholding.dossier_id"
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
    "orient_call": TableBounds(rows=_behind("orient_alarm", "p.id = alarm_id")),
    "orient_note": TableBounds(rows=_OWN),
    "orient_feedback": TableBounds(rows=_OWN),
    "orient_view": TableBounds(rows=_OWN),
    "orient_note_words": TableBounds(rows=_behind("orient_note", "p.id = note_id")),
    # The overseer reads every measure and notice, and what it rests on (LCEN art. 6-1).
    "orient_decision": TableBounds(rows=_OWN, reads=_OVERSEEN),
    "orient_reason": TableBounds(rows=_behind("orient_decision", "p.id = decision_id")),
    "measures_request": TableBounds(rows=_OF_ACT),
    "measures_target": TableBounds(rows=_behind("casework_act", "p.id = measure_id")),
    "measures_recommendation": TableBounds(rows=_OWN, reads=_OVERSEEN, inserts=_OVERSEEN),
    "measures_answer": TableBounds(
        rows=_behind("measures_recommendation", "p.id = recommendation_id")
    ),
    "casework_act": TableBounds(
        rows=_OWN, reads=f"(kind IN ('notice', 'measure') AND {_OVERSEEN})"
    ),
    "casework_document": TableBounds(rows=_OF_ACT),
    "casework_approval": TableBounds(rows=_OF_ACT),
    "casework_step": TableBounds(rows=_OF_ACT),
    # Rights are read to know whose request it is; they are given at one's own desk.
    "accounts_habilitation": TableBounds(reads="true", inserts=f"(desk_id IS NULL OR {_OWN})"),
}
"""The tables under row-level security."""


def policies_of(bounds: TableBounds) -> Iterator[RowPolicy]:
    """Yield the policies of a table."""
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
    """Make the policies above what the database holds, in one transaction.

    A policy that already stands as it should (its comment is its statement) is left alone: making one
    takes the table's lock. `connection` is that of the owner.
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
    """Return the tables, sorted, whose policies are not those above; any role may ask."""
    open_tables, standing = _secured(connection), _standing(connection)
    wanted = _wanted(open_tables)
    wrong = {
        key[0] for key in standing.keys() | wanted.keys() if standing.get(key) != wanted.get(key)
    }
    return sorted(wrong | {table for table in BOUNDED if not open_tables.get(table)})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Standing:
    """What a policy is known by: its statement, and whom it names."""

    statement: str
    grantees: tuple[str, ...]


def _secured(connection: psycopg.Connection[tuple[object, ...]]) -> dict[str, bool]:
    """Return for each table whether its rows are bounded."""
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
