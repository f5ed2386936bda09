"""Which rows each role reads and writes, as data: policies of PostgreSQL on everything that has a desk.

`fanal migrate` makes them before it grants anything (ADR 0012). Of the app, a row is shown and taken when
its desk is one of the request's (`accounts.rows`); what has no desk of its own follows the row that it
hangs on. The worker sees all, since stages cross desks; the auditor reads all; a public node inserts.
The owner stands above policies, so that migrations and backups are whole.

A test holds that every table with a `desk_id` is named here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import psycopg
from psycopg import sql

from fanal.postgres import DatabaseRole

_ALL = "(SELECT fanal_everywhere())"
_OWN = f"(desk_id = ANY ((SELECT fanal_desks())::integer[]) OR {_ALL})"
_OVERSEEN = "(SELECT fanal_oversees())"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Conditions on the rows of a table for the app, and the commands that a public node may run.

    `rows` holds for everything; `reads` and `inserts` open more for that command alone.
    """

    rows: str = "false"
    reads: str = ""
    inserts: str = ""
    intake: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One policy as PostgreSQL knows it."""

    name: str
    role: DatabaseRole
    command: str
    condition: str

    def statement(self, table: str) -> str:
        """Return what makes it."""
        using = "" if self.command == "INSERT" else f" USING ({self.condition})"
        check = "" if self.command == "SELECT" else f" WITH CHECK ({self.condition})"
        return (
            f"CREATE POLICY {self.name} ON {table} FOR {self.command} TO {self.role.login}"
            f"{using}{check}"
        )


def _behind(parent: str, condition: str) -> str:
    """Return the condition that a row of `parent` which the session sees stands behind this one."""
    return f"({_ALL} OR EXISTS (SELECT FROM {parent} p WHERE {condition}))"


_OF_REPORT = _behind("intake_report", "p.id = report_id")
_OF_MEASURE = _behind("measures_measure", "p.id = measure_id")
_OF_ACT = _behind("casework_act", "p.id = act_id")
_OF_OPENING = _behind("harmonise_opening", "p.id = opening_id")

BOUNDED: Mapping[str, Bounds] = {
    # Anybody hands in; a partner's program reaches its own reports, a person those of their desks.
    "intake_report": Bounds(
        rows=f"({_OWN} OR sender_id = (SELECT fanal_sender()))",
        inserts="arrival = 'FORM'",
        intake=("INSERT",),
    ),
    "intake_upload": Bounds(rows=_OF_REPORT, intake=("INSERT",)),
    "intake_message": Bounds(rows=_OF_REPORT, inserts="NOT from_desk"),
    "intake_hold": Bounds(rows=_OF_REPORT),
    "intake_review": Bounds(rows=_OF_REPORT),
    "intake_review_second": Bounds(rows=_behind("intake_review", "p.id = review_id")),
    "harmonise_record": Bounds(rows=_OWN),
    "harmonise_sighting": Bounds(rows=_OWN),
    "harmonise_selector": Bounds(
        rows=_behind("harmonise_sighting", "p.key = harmonise_selector.key")
    ),
    "harmonise_text": Bounds(rows=_OWN),
    "harmonise_opening": Bounds(rows=_OWN, reads=_OVERSEEN),
    "harmonise_opening_motive": Bounds(rows=_OF_OPENING),
    "harmonise_opening_seen": Bounds(rows=_OF_OPENING),
    "analyse_result": Bounds(rows=_OF_REPORT),
    "analyse_priority": Bounds(rows=_OF_REPORT),
    "analyse_paid": Bounds(rows=_OWN),
    "analyse_payer": Bounds(rows=_OWN),
    # A link is seen from both ends: across desks it shows that it exists and whom to ask.
    "crosscheck_link": Bounds(
        rows=_OWN, reads="other_desk_id = ANY ((SELECT fanal_desks())::integer[])"
    ),
    "crosscheck_resemblance": Bounds(
        rows=_OWN, reads="other_desk_id = ANY ((SELECT fanal_desks())::integer[])"
    ),
    "crosscheck_near": Bounds(
        rows=_OWN, reads="other_desk_id = ANY ((SELECT fanal_desks())::integer[])"
    ),
    "crosscheck_kin": Bounds(rows=_OWN),
    "crosscheck_card": Bounds(rows=_OWN),
    "crosscheck_answer": Bounds(rows=_behind("intake_report", "p.id IN (report_id, other_id)")),
    "crosscheck_membership": Bounds(rows=_OWN),
    "crosscheck_dossier": Bounds(
        rows=_OWN,
        reads=_behind("crosscheck_membership", "p.dossier_id = crosscheck_dossier.id"),
    ),
    "crosscheck_reason": Bounds(
        rows=_behind("intake_report", "p.id = ANY (crosscheck_judged(judgement_id))")
    ),
    # A hit is seen by the desks that hold one of its reports; across desks nothing is.
    "deconfliction_hit_report": Bounds(rows=_OWN),
    "deconfliction_hit": Bounds(
        rows=_behind("deconfliction_hit_report", "p.hit_id = deconfliction_hit.id")
    ),
    "deconfliction_step": Bounds(rows=_behind("deconfliction_hit", "p.id = hit_id")),
    "deconfliction_step_words": Bounds(rows=_behind("deconfliction_step", "p.id = step_id")),
    # That a dossier is withheld concerns each desk that is in it; why, the desk that withholds it.
    "deconfliction_withholding": Bounds(
        rows=_OWN,
        reads=_behind(
            "crosscheck_membership", "p.dossier_id = deconfliction_withholding.dossier_id"
        ),
    ),
    "deconfliction_withholding_words": Bounds(
        rows=_behind(
            "deconfliction_withholding",
            "p.id = withholding_id AND p.desk_id = ANY ((SELECT fanal_desks())::integer[])",
        )
    ),
    "orient_proposal": Bounds(rows=_OWN),
    "orient_case": Bounds(rows=_OWN),
    "orient_fold": Bounds(rows=_OWN),
    "orient_assessed": Bounds(rows=_OWN),
    "orient_assessed_file": Bounds(rows=_OWN),
    "orient_unfolding": Bounds(rows=_OWN),
    "orient_unfolding_words": Bounds(rows=_behind("orient_unfolding", "p.id = unfolding_id")),
    "orient_alarm": Bounds(rows=_OWN),
    "orient_call": Bounds(rows=_behind("orient_alarm", "p.id = alarm_id")),
    "orient_note": Bounds(rows=_OWN),
    "orient_feedback": Bounds(rows=_OWN),
    "orient_view": Bounds(rows=_OWN),
    "orient_note_words": Bounds(rows=_behind("orient_note", "p.id = note_id")),
    # The overseer reads every measure and notice, and what it rests on (LCEN art. 6-1).
    "orient_decision": Bounds(rows=_OWN, reads=_OVERSEEN),
    "orient_reason": Bounds(rows=_behind("orient_decision", "p.id = decision_id")),
    "measures_measure": Bounds(rows=_OWN, reads=_OVERSEEN),
    "measures_approval": Bounds(rows=_OF_MEASURE),
    "measures_step": Bounds(rows=_OF_MEASURE),
    "measures_target": Bounds(rows=_OF_MEASURE),
    "measures_recommendation": Bounds(rows=_OWN, reads=_OVERSEEN, inserts=_OVERSEEN),
    "measures_answer": Bounds(rows=_behind("measures_recommendation", "p.id = recommendation_id")),
    "casework_act": Bounds(rows=_OWN, reads=f"(kind = 'notice' AND {_OVERSEEN})"),
    "casework_document": Bounds(rows=_OF_ACT),
    "casework_approval": Bounds(rows=_OF_ACT),
    "casework_step": Bounds(rows=_OF_ACT),
    # Rights are read to know whose request it is; they are given at one's own desk.
    "accounts_habilitation": Bounds(reads="true", inserts=f"(desk_id IS NULL OR {_OWN})"),
}
"""The tables under row-level security."""


def policies_of(bounds: Bounds) -> Iterator[Policy]:
    """Yield the policies of a table."""
    app, worker, auditor = DatabaseRole.APP, DatabaseRole.WORKER, DatabaseRole.AUDITOR
    yield Policy(name="app_rows", role=app, command="ALL", condition=bounds.rows)
    if bounds.reads:
        yield Policy(name="app_reads", role=app, command="SELECT", condition=bounds.reads)
    if bounds.inserts:
        yield Policy(name="app_inserts", role=app, command="INSERT", condition=bounds.inserts)
    yield Policy(name="worker_rows", role=worker, command="ALL", condition="true")
    yield Policy(name="auditor_reads", role=auditor, command="SELECT", condition="true")
    for command in bounds.intake:
        yield Policy(
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
    open_tables = {
        str(name): bool(secured)
        for name, secured in connection.execute(
            "SELECT relname, relrowsecurity FROM pg_class"
            " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
        )
    }
    standing = {
        (str(table), str(name)): comment
        for table, name, comment in connection.execute(
            "SELECT c.relname, p.polname, obj_description(p.oid, 'pg_policy')"
            " FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid"
        )
    }
    wanted = {
        (table, policy.name): policy.statement(table)
        for table, bounds in BOUNDED.items()
        if table in open_tables
        for policy in policies_of(bounds)
    }
    statements: list[sql.SQL | sql.Composed] = []
    for (table, name), comment in standing.items():
        if wanted.get((table, name)) != comment:
            statements.append(_on("DROP POLICY {} ON {}", name, table))
    for (table, name), statement in wanted.items():
        if standing.get((table, name)) != statement:
            statements.append(sql.SQL(statement))
            statements.append(
                _on("COMMENT ON POLICY {} ON {} IS ", name, table) + sql.Literal(statement)
            )
    statements += [
        sql.SQL("ALTER TABLE {} ENABLE ROW LEVEL SECURITY").format(sql.Identifier(table))
        for table in BOUNDED
        if open_tables.get(table) is False
    ]
    with connection.transaction():
        for part in statements:
            connection.execute(part)


def _on(text: str, name: str, table: str) -> sql.Composed:
    return sql.SQL(text).format(sql.Identifier(name), sql.Identifier(table))
