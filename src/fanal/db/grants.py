"""The privileges of each database role, as data; everything else is refused.

The first rule whose pattern matches a table and that names a role decides for that pair. `fanal migrate`
revokes every privilege and grants these, in one transaction. A test checks that each table is named here,
so that a new table requires a decision.

Partitions get no privileges of their own: they are accessed through their parent only.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import psycopg
from psycopg import sql

from fanal.db.numbering import SEQUENCES
from fanal.postgres import DatabaseRole

OWNER, APP, WORKER, AUDITOR, INTAKE = DatabaseRole
APPEND = ("SELECT", "INSERT")
READ = ("SELECT",)
EVERYTHING = ("SELECT", "INSERT", "UPDATE", "DELETE")
WORK = ("SELECT", "INSERT", "UPDATE")
NOTHING: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantRule:
    """The privileges of some roles on the tables whose names match `tables`, a shell pattern.

    A privilege is written as in SQL: `SELECT`, or `SELECT (id)` for columns.
    """

    tables: str
    roles: tuple[DatabaseRole, ...]
    privileges: tuple[str, ...]


def _rule(tables: str, roles: Iterable[DatabaseRole], privileges: Sequence[str]) -> GrantRule:
    return GrantRule(tables=tables, roles=tuple(roles), privileges=tuple(privileges))


_OURS = (
    "intake",
    "harmonise",
    "analyse",
    "exchange",
    "crosscheck",
    "deconfliction",
    "orient",
    "casework",
    "measures",
    "distribution",
    "statistics",
    "accounts",
)
"""Packages whose tables the desk's role reads and writes."""
APP_DELETES = (
    "accounts_counter",
    "accounts_partnerusage",
    "crosscheck_link",
    "crosscheck_membership",
    "crosscheck_erased_member",
    "crosscheck_resemblance",
    "orient_fold",
    "orient_view",
)
"""Tables of these packages from which the desk's role may delete."""
_CHANGE_HOLD = (
    "UPDATE (lifted_by, lifted_at, lift_motive, review_on, reviewed_by, reviewed_at, review_motive)"
)

RULES: tuple[GrantRule, ...] = (
    # A public node inserts reports and never reads a row of one: it calls `INTAKE_FUNCTIONS`.
    _rule(
        "intake_report",
        [INTAKE],
        [
            (
                "INSERT (id, desk_id, sender_id, arrival, format, reference, wire_id, state,"
                " received_at, changed_at, object_id, identity_id, size, urgent, is_test, slow_lane,"
                " language, correlation_id)"
            )
        ],
    ),
    _rule("intake_key", [INTAKE], ["INSERT"]),
    _rule("intake_wire", [INTAKE], ["INSERT"]),
    _rule("intake_work", [INTAKE], ["INSERT (report_id, stage, urgent, slow_lane)"]),
    _rule("intake_receipt", [INTAKE], ["INSERT"]),
    _rule(
        "intake_upload",
        [INTAKE],
        [
            (
                "INSERT (report_id, file_id, position, object_id, name, size, md5, sha1, sha256,"
                " details_id)"
            )
        ],
    ),
    _rule("intake_spent_challenge", [INTAKE], ["INSERT"]),
    _rule("vault_object", [INTAKE], ["INSERT"]),
    _rule("fanal_instance", [INTAKE], READ),
    _rule("fanal_vault", [APP, WORKER, INTAKE], READ),
    _rule("fanal_key", [APP, WORKER, INTAKE], READ),  # fingerprints; the owner registers keys
    _rule("django_migrations", [INTAKE], READ),
    _rule("statistics_published", [INTAKE], READ),  # figures the public may read
    _rule("accounts_help_line", [INTAKE], ["SELECT (id, number, verdict, at)"]),
    _rule("accounts_opening", [INTAKE], ["SELECT (id, opens, closes, closed, shown, at)"]),
    _rule("*", [INTAKE], NOTHING),
    # The mark of the database, and Django's own tables.
    _rule("fanal_instance", [APP, WORKER, AUDITOR], READ),
    _rule("django_migrations", [APP, WORKER, AUDITOR], READ),
    _rule("django_content_type", [APP, WORKER, AUDITOR], READ),
    _rule("auth_permission", [APP, WORKER, AUDITOR], READ),
    _rule("auth_group*", [APP, WORKER, AUDITOR], READ),
    # Append-only: no row changes, none disappears.
    # The sequencer empties its queue; the text of a purpose expires, its digest stays in the entry.
    _rule("ledger_pending", [WORKER], ["SELECT", "DELETE"]),
    _rule("ledger_pending", [APP], READ),
    _rule("ledger_motive", [WORKER], ["SELECT", "INSERT", "DELETE"]),
    _rule("ledger_chain", [APP], READ),
    _rule("ledger_checkpoint", [APP], READ),
    _rule("ledger_subtree", [APP], READ),
    # The database fills in the time of an entry and the role that wrote it.
    _rule(
        "ledger_entry",
        [APP, WORKER],
        ["SELECT", "INSERT (id, at, actor_id, action, verb, body)"],
    ),
    _rule("ledger_*", [APP, WORKER], APPEND),
    _rule("vault_erasure", [APP, WORKER], APPEND),
    _rule("intake_review", [APP, WORKER], APPEND),
    _rule("intake_review_second", [APP, WORKER], APPEND),
    # A hold is reviewed and lifted, and expiry, run by the worker, deletes those of what it erases.
    _rule("intake_hold", [APP], [*APPEND, _CHANGE_HOLD]),
    _rule("intake_hold", [WORKER], [*APPEND, _CHANGE_HOLD, "DELETE"]),
    # The names of persons who acted are kept until the worker expires them.
    _rule("accounts_person", [APP], APPEND),
    _rule("accounts_habilitation", [APP, WORKER], APPEND),
    _rule("accounts_habilitation_approval", [APP, WORKER], APPEND),
    _rule("accounts_revocation", [APP, WORKER], APPEND),
    _rule("accounts_review", [APP, WORKER], APPEND),
    _rule("accounts_reset*", [APP, WORKER], APPEND),
    _rule("accounts_duty*", [APP, WORKER], APPEND),
    _rule("statistics_annotation*", [APP, WORKER], APPEND),
    _rule("statistics_alive", [APP], READ),
    _rule("statistics_outage", [APP], READ),
    _rule("accounts_help_line", [APP, WORKER], APPEND),
    _rule("accounts_opening", [APP, WORKER], APPEND),
    _rule("analyse_vote", [APP, WORKER], APPEND),
    _rule("analyse_change", [APP, WORKER], APPEND),
    # The text of a rule set never changes; only an activation, by a trigger, puts one in force.
    _rule("analyse_activation", [APP, WORKER], APPEND),
    _rule("analyse_ruleset", [APP, WORKER], [*APPEND, "UPDATE (dry_run, proposer_id)"]),
    _rule("analyse_judgement", [APP, WORKER], APPEND),
    _rule("analyse_reader_activation", [APP, WORKER], APPEND),
    # The bytes of a reader never change but by a trigger, which also writes its state.
    _rule(
        "analyse_reader",
        [APP, WORKER],
        [
            *APPEND,
            (
                "UPDATE (proposer_id, proposed_at, reached, trial, tried_at, ended,"
                " reread_reached, reread_queued, reread_at)"
            ),
        ],
    ),
    _rule("accounts_instruction*", [APP, WORKER], APPEND),
    _rule("crosscheck_judgement", [APP, WORKER], APPEND),
    _rule("deconfliction_limit", [APP, WORKER], APPEND),
    _rule("deconfliction_former_key", [APP, WORKER], APPEND),
    _rule("deconfliction_step", [APP, WORKER], APPEND),
    _rule("deconfliction_withholding", [APP, WORKER], APPEND),
    _rule("deconfliction_identity", [APP, WORKER], APPEND),  # replaced by another row
    _rule("crosscheck_answer", [APP], APPEND),  # expiry alone, run by the worker, deletes
    _rule("crosscheck_value", [APP], READ),
    _rule("crosscheck_tie", [APP], READ),
    _rule("crosscheck_tie", [WORKER], APPEND),
    _rule("crosscheck_name", [APP], APPEND),
    _rule("crosscheck_near", [APP], READ),
    # The comparison features of reports belong to the worker alone.
    _rule("crosscheck_sketch", [APP, AUDITOR], NOTHING),
    _rule("crosscheck_spelling", [APP, AUDITOR], NOTHING),
    _rule("crosscheck_worn", [APP, AUDITOR], NOTHING),
    _rule("crosscheck_unjoined", [APP, AUDITOR], NOTHING),
    _rule("crosscheck_waiting", [AUDITOR], NOTHING),
    _rule("crosscheck_waiting", [APP], ["INSERT"]),
    _rule("analyse_unread", [APP], NOTHING),  # the queue of the worker that reads texts
    _rule("orient_decision", [APP, WORKER], APPEND),
    _rule("orient_note", [APP, WORKER], APPEND),
    _rule("orient_feedback", [APP, WORKER], APPEND),
    _rule("orient_unfolding", [APP, WORKER], APPEND),
    _rule("orient_unfolding_words", [APP], APPEND),
    # The desk acknowledges an alarm; the worker escalates it and records it in the ledger.
    _rule("orient_alarm", [APP], [*APPEND, "UPDATE (acknowledged_at, acknowledged_by)"]),
    # A trigger writes each answer of a reporter; the desk marks it as read.
    _rule("orient_answer", [APP], ["SELECT", "UPDATE (read_at, read_by)"]),
    # A report is given by adding a row; it is seen, and ends. A notification is only seen.
    _rule("orient_assignment", [APP], [*APPEND, "UPDATE (seen_at, ended_at, ended_by, outcome)"]),
    _rule("orient_notification", [APP], [*APPEND, "UPDATE (seen_at)"]),
    # Triggers queue calls, a separate process sends them, and the desk only reads them.
    _rule("orient_call", [APP], READ),
    _rule("orient_caller", [APP], READ),
    # Only triggers and the sending process handle alarms whose call is not queued yet.
    _rule("orient_late", [APP, AUDITOR], NOTHING),
    _rule("orient_unrecorded", [APP, AUDITOR], NOTHING),
    _rule("orient_note_words", [APP], APPEND),
    _rule("orient_reason", [APP], APPEND),
    _rule("crosscheck_reason", [APP], APPEND),
    _rule("deconfliction_*_words", [APP], APPEND),
    # Words are written once; expiry, which the worker runs, deletes them.
    *(
        _rule(tables, [WORKER], [*APPEND, "DELETE"])
        for tables in (
            "orient_*_words",
            "orient_reason",
            "crosscheck_reason",
            "crosscheck_name",
            "deconfliction_*_words",
            "harmonise_opening_motive",
        )
    ),
    # Triggers give the numbers of reports, dossiers and acts.
    _rule("*_number", [APP, WORKER], READ),
    _rule("harmonise_opening", [APP, WORKER], APPEND),
    _rule("harmonise_opening_seen", [APP, WORKER], APPEND),
    _rule("harmonise_opening_motive", [APP], APPEND),
    # Written only by triggers, from the documents and steps of measures.
    _rule("measures_request", [APP, WORKER], READ),
    _rule("measures_blocking", [APP, WORKER], READ),
    _rule("measures_dereferencing", [APP, WORKER], READ),
    _rule("measures_appeal", [APP, WORKER], READ),
    _rule("measures_protected_name", [APP, WORKER], READ),
    _rule("measures_doubt_delay", [APP, WORKER], READ),
    _rule("measures_commitment", [APP, WORKER], READ),
    _rule("measures_log", [APP], READ),
    _rule("measures_log", [WORKER], APPEND),
    _rule("measures_blocklist", [APP], READ),
    _rule("measures_blocklist", [WORKER], APPEND),
    _rule("measures_blocklist_cleared", [APP], READ),
    _rule("measures_blocklist_cleared", [WORKER], APPEND),
    _rule("measures_blocklist_returned", [APP], READ),
    _rule("measures_blocklist_returned", [WORKER], ("SELECT", "INSERT", "DELETE")),
    _rule("measures_blocklist_cosigned", [APP], READ),
    _rule("measures_blocklist_cosigned", [WORKER], APPEND),
    _rule("measures_blocklist_shown", [APP], READ),
    _rule("measures_blocklist_shown", [WORKER], WORK),
    _rule("measures_blocklist_gate", [APP], READ),
    _rule("measures_blocklist_gate", [WORKER], WORK),
    _rule("measures_target", [APP, WORKER], APPEND),
    _rule("measures_addressee", [APP, WORKER], APPEND),
    _rule("measures_addressee_second", [APP, WORKER], APPEND),
    _rule("measures_session", [APP, WORKER], APPEND),
    _rule("measures_happening", [APP, WORKER], APPEND),
    _rule("measures_recommendation", [APP, WORKER], APPEND),
    _rule("measures_answer", [APP, WORKER], APPEND),
    # A trigger derives states and instants from steps. The right on `id`, which never changes, is the one
    # that PostgreSQL requires for a row lock. Expiry erases the text of acts by its own function, which only
    # worker may call. The transitions come from the program; `fanal migrate` writes them.
    _rule("casework_act", [APP, WORKER], [*APPEND, "UPDATE (id)"]),
    _rule("casework_document", [APP, WORKER], APPEND),
    _rule("casework_approval", [APP, WORKER], APPEND),
    _rule("casework_step", [APP, WORKER], APPEND),
    _rule("casework_kind", [APP, WORKER], READ),
    _rule("casework_transition", [APP, WORKER], READ),
    # Secrets, closed to the auditor.
    _rule("accounts_user*", [AUDITOR], NOTHING),
    _rule("accounts_partnercredential", [AUDITOR], NOTHING),
    _rule("accounts_counter", [AUDITOR], NOTHING),
    _rule("account_*", [AUDITOR], NOTHING),
    _rule("mfa_*", [AUDITOR], NOTHING),
    _rule("socialaccount_*", [AUDITOR], NOTHING),
    _rule("usersessions_*", [AUDITOR], NOTHING),
    _rule("django_session", [AUDITOR], NOTHING),
    _rule("axes_*", [AUDITOR], NOTHING),
    _rule("procrastinate_*", [AUDITOR], NOTHING),
    # Evidence, receipts and wrapped keys: the desk adds, the worker's expiry deletes. A trigger of the
    # vault lets the desk erase nothing but its own short-lived keys.
    _rule("vault_object", [APP], ["SELECT", "INSERT", "UPDATE (wrapped_key, erased_at, sha256)"]),
    _rule("vault_*", [APP], APPEND),
    # The content, sender and time of a report never change.
    # Its state changes by `intake_move`. The right on `id`, which a trigger keeps constant, is the one that
    # PostgreSQL requires for a row lock.
    _rule("intake_report", [APP], [*APPEND, "UPDATE (id)"]),
    _rule(
        "intake_upload",
        [APP],
        [
            *APPEND,
            (
                "UPDATE (hashed_at, media_type, width, height, scale, pdq, pdq_quality, frames, unhashed,"
                " md5, sha1, sha256)"
            ),
        ],
    ),
    _rule("intake_message", [APP], APPEND),
    _rule("intake_receipt", [APP], APPEND),
    _rule("intake_key", [APP], ["SELECT", "INSERT", "UPDATE (fingerprint)"]),
    # Tables from which the desk deletes in its work: projections, drafts, counters and sessions.
    *(_rule(table, [APP], EVERYTHING) for table in APP_DELETES),
    *(_rule(f"{package}_*", [APP], WORK) for package in _OURS),
    # Tables that the worker changes, expiry included, and those of the sign-in and job-queue libraries.
    *(
        _rule(f"{package}_*", [APP, WORKER], EVERYTHING)
        for package in (
            *_OURS,
            "vault",
            "account",
            "mfa",
            "socialaccount",
            "usersessions",
            "axes",
            "procrastinate",
            "web",
            "worker",
        )
    ),
    _rule("django_session", [APP, WORKER], EVERYTHING),
    _rule("*", [AUDITOR], READ),
)

_TABLES = """
    SELECT c.relname, c.relkind = 'S', c.relispartition
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
    ORDER BY c.relname
"""
_FUNCTIONS = """
    SELECT p.oid::regprocedure::text
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname = 'public'
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
"""
_UNSAFE = """
    SELECT p.oid::regprocedure::text
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang
    WHERE n.nspname = 'public' AND l.lanname = 'plpgsql'
      AND NOT coalesce(p.proconfig::text LIKE '%search_path=%pg_temp%', false)
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
"""
"""PL/pgSQL functions without a safe `search_path`: a caller's temporary tables would come first."""
_CALLERS = (APP, WORKER)
INTAKE_FUNCTIONS = (
    "accounts_credential_of",
    "accounts_count_use",
    "accounts_names_of",
    "accounts_has_come",
    "intake_lock_keys",
    "intake_statuses",
    "intake_known",
    "intake_by_wire",
    "intake_hold_state",
    "intake_move",
    "intake_enqueue",
    "intake_withdraw_work",
    "intake_file_ids",
    "intake_describe",
    "intake_follow",
    "intake_conversation",
    "intake_answer",
    "accounts_standing",
    "intake_backlog",
    "intake_backlog_of_partners",
    "intake_count_refusal",
    "ledger_record",
    "orient_feedback_for",
    "orient_newest_feedback",
    "orient_danger_written",
    "orient_state_of",
    "orient_withdraw",
)
"""Names of the functions that a public node may call."""
INTAKE_SEQUENCES = ("intake_wire_id_seq",)
"""Sequences that a public node may use; a role with this right can exhaust the sequence."""
AUDITOR_FUNCTIONS = ("analyse_stuck_texts",)
"""Names of the functions that the auditor's role, with which `fanal doctor` looks, may call too."""
OWNER_FUNCTIONS = ("fanal_count_of", "fanal_last_number", "measures_commit")
"""Names of the functions that only the owner's functions call: others could create sequences, commitments."""
WORKER_FUNCTIONS = (
    "measures_erase_words",
    "measures_erase_blockings",
    "measures_erase_dereferencings",
    "measures_erase_appeals",
    "casework_erase_words",
    "casework_forget_subjects",
    "accounts_erase_words",
    "statistics_erase_words",
    "fanal_end_hoarding",
    "fanal_close_role",
    "fanal_ensure_months",
    "fanal_next_months",
    "fanal_counts_ahead",
    "fanal_counts_catch_up",
    "intake_number_missing",
    "crosscheck_number_missing",
    "casework_number_missing",
)
"""Names of the functions that only the worker's role may call: expiry, monthly partitions, session ends."""


def decide(*, table: str, role: DatabaseRole) -> tuple[str, ...] | None:
    """Return the privileges of `role` on `table` as in SQL (`SELECT`, `UPDATE (id)`); None without a rule.

    The first matching rule decides.
    """
    for rule in RULES:
        if role in rule.roles and fnmatchcase(table, rule.tables):
            return rule.privileges
    return None


def apply_grants(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """Replace every privilege in schema `public` by those of `RULES`, in one transaction.

    Functions and triggers get the search path `public, pg_temp`: otherwise a session's temporary table with
    the name of one of ours would answer their queries. `connection` belongs to the owner.
    """
    statements: list[sql.Composable] = [
        sql.SQL("ALTER FUNCTION {} SET search_path = public, pg_temp").format(_trusted(str(name)))
        for (name,) in connection.execute(_UNSAFE).fetchall()
    ]
    roles = sql.SQL(", ").join([sql.SQL("PUBLIC"), *map(_login, (APP, WORKER, AUDITOR, INTAKE))])
    for name, is_sequence, is_partition in connection.execute(_TABLES).fetchall():
        kind = sql.SQL("SEQUENCE" if is_sequence else "TABLE")
        target = sql.SQL("{} {}").format(kind, sql.Identifier(str(name)))
        statements.append(sql.SQL("REVOKE ALL ON {} FROM {}").format(target, roles))
        if is_sequence:
            users = [APP, WORKER, INTAKE] if name in INTAKE_SEQUENCES else [APP, WORKER]
            if str(name).startswith(SEQUENCES):
                continue
            logins = sql.SQL(", ").join(map(_login, users))
            statements.append(sql.SQL("GRANT USAGE ON {} TO {}").format(target, logins))
        elif not is_partition:
            statements.extend(_table_grants(str(name)))
    for (signature,) in connection.execute(_FUNCTIONS).fetchall():
        statements.extend(_function_grants(str(signature), roles))
    with connection.transaction():
        connection.execute(sql.SQL("; ").join(statements))


def _table_grants(table: str) -> Iterable[sql.Composable]:
    for role in (APP, WORKER, AUDITOR, INTAKE):
        privileges = decide(table=table, role=role)
        if privileges:
            yield sql.SQL("GRANT {} ON TABLE {} TO {}").format(
                sql.SQL(", ").join(map(_privilege, privileges)), sql.Identifier(table), _login(role)
            )


def _function_grants(signature: str, roles: sql.Composable) -> Iterable[sql.Composable]:
    target = _trusted(signature)
    name = signature.partition("(")[0]
    callers = [*_CALLERS, INTAKE] if name in INTAKE_FUNCTIONS else list(_CALLERS)
    if name in OWNER_FUNCTIONS:
        yield sql.SQL("REVOKE ALL ON ROUTINE {} FROM {}").format(target, roles)
        return
    if name in AUDITOR_FUNCTIONS:
        callers.append(AUDITOR)
    if name in WORKER_FUNCTIONS:
        callers = [WORKER]
    yield sql.SQL("REVOKE ALL ON ROUTINE {} FROM {}").format(target, roles)
    yield sql.SQL("GRANT EXECUTE ON ROUTINE {} TO {}").format(
        target, sql.SQL(", ").join(map(_login, callers))
    )


def _login(role: DatabaseRole) -> sql.Identifier:
    return sql.Identifier(role.login)


def _privilege(text: str) -> sql.Composable:
    return _trusted(text)


def _trusted(text: str) -> sql.SQL:
    """Return a text as SQL without escaping; it comes from `RULES` or the catalogue, never from a user."""
    return sql.SQL(text)
