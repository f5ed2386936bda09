"""The database itself keeps the roles apart."""

from uuid import uuid4

import psycopg
import pytest
from django.db import connection
from psycopg import errors, sql

from fanal.db.grants import APP_DELETES, decide
from fanal.postgres import DatabaseRole

TABLES = (
    "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p', 'v', 'm') AND {} ORDER BY 1"
)


def names(urls, condition):
    with psycopg.connect(urls["owner"]) as owner:
        return [row[0] for row in owner.execute(TABLES.format(condition)).fetchall()]


@pytest.mark.django_db
def test_tests_run_as_the_app():
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        assert cursor.fetchone() == ("fanal_app",)


@pytest.mark.django_db
@pytest.mark.role("worker")
def test_a_test_may_run_as_the_worker():
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        assert cursor.fetchone() == ("fanal_worker",)


def test_no_role_is_more_than_it_should_be(database_urls):
    with psycopg.connect(database_urls["owner"]) as owner:
        rows = owner.execute(
            "SELECT rolname FROM pg_roles WHERE rolname LIKE 'fanal\\_%' AND rolname <> 'fanal_admin'"
            " AND (rolsuper OR rolcreaterole OR rolreplication OR rolbypassrls)"
        ).fetchall()
    assert rows == []


def test_every_table_is_decided_for_every_role(database_urls):
    open_questions = [
        (table, role.value)
        for table in names(database_urls, "NOT c.relispartition")
        for role in (
            DatabaseRole.APP,
            DatabaseRole.WORKER,
            DatabaseRole.AUDITOR,
            DatabaseRole.INTAKE,
        )
        if decide(table=table, role=role) is None
    ]
    assert open_questions == []


@pytest.mark.parametrize("role", ["app", "worker", "intake", "auditor"])
def test_nobody_but_the_owner_changes_the_ledger(database_urls, as_role, role):
    session = as_role(role)
    for table in ("ledger_entry", "ledger_object", "ledger_chain", "ledger_checkpoint"):
        name = sql.Identifier(table)
        column = sql.Identifier(
            {"ledger_entry": "id", "ledger_checkpoint": "size", "ledger_chain": "seq"}.get(
                table, "entry_id"
            )
        )
        for statement in (
            sql.SQL("UPDATE {0} SET {1} = {1}").format(name, column),
            sql.SQL("DELETE FROM {}").format(name),
            sql.SQL("TRUNCATE {}").format(name),
            sql.SQL("DROP TABLE {}").format(name),
            sql.SQL("ALTER TABLE {} DISABLE TRIGGER ALL").format(name),
        ):
            with pytest.raises(errors.InsufficientPrivilege):
                session.execute(statement)
    with pytest.raises(errors.InsufficientPrivilege):
        session.execute("SET session_replication_role = replica")


@pytest.mark.parametrize("role", ["app", "worker", "intake", "auditor"])
def test_nobody_but_the_owner_makes_tables_or_changes_the_mark(as_role, role):
    session = as_role(role)
    for statement in (
        "CREATE TABLE public.stray (x integer)",
        "UPDATE fanal_instance SET mark = 'DEMO'",
        "DELETE FROM fanal_instance",
        "SET ROLE fanal_owner",
    ):
        with pytest.raises(errors.InsufficientPrivilege):
            session.execute(statement)


def test_the_mark_resists_even_the_owner(as_role):
    owner = as_role("owner")
    for statement in ("UPDATE fanal_instance SET mark = 'DEMO'", "TRUNCATE fanal_instance"):
        with pytest.raises(errors.RaiseException):
            owner.execute(statement)


def test_every_function_says_where_its_tables_are(database_urls):
    """Else a session's temporary table comes first. What asks no table is left to be inlined in policies."""
    with psycopg.connect(database_urls["owner"]) as owner:
        rows = owner.execute(
            "SELECT p.proname, l.lanname, p.prosrc FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang"
            " WHERE p.pronamespace = 'public'::regnamespace"
            " AND NOT coalesce(p.proconfig::text LIKE '%search_path=%pg_temp%', false)"
            " AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')"
        ).fetchall()
    assert {language for _, language, _ in rows} == {"sql"}
    asking = [name for name, _, text in rows if "from" in str(text).lower().split()]
    # FROM of arrays and of instants.
    assert set(asking) <= {"fanal_shown", "fanal_lowest_id", "orient_feedback_id"}


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        (
            "intake_report",
            ("object_id", "identity_id", "sender_id", "desk_id", "received_at", "erased_at"),
        ),
        ("intake_upload", ("object_id", "details_id", "name")),
        ("intake_message", ("object_id", "from_desk", "created_at")),
    ],
)
def test_the_desk_points_nothing_sent_to_other_evidence(as_role, table, columns):
    for column in columns:
        with pytest.raises(errors.InsufficientPrivilege):
            as_role("app").execute(f"UPDATE {table} SET {column} = {column}")


def test_public_nodes_leave_connections_to_the_desk(as_role):
    """Else one that was taken over signs in until nobody else can: no page, no stage and no call."""
    row = as_role("owner").execute(
        "SELECT rolconnlimit, current_setting('max_connections')::int FROM pg_roles"
        " WHERE rolname = 'fanal_intake'"
    )
    limit, most = row.fetchone()
    assert 0 < limit <= most / 2


def test_a_public_node_uses_up_no_numbers_of_the_desk(as_role):
    """Sign-in, jobs and factors count in sequences: one that is used up refuses every new row."""
    node = as_role("intake")
    names = as_role("owner").execute("SELECT sequencename FROM pg_sequences").fetchall()
    for (name,) in names:
        if name != "intake_wire_id_seq":
            with pytest.raises(errors.InsufficientPrivilege):
                node.execute("SELECT nextval(%s)", [name])
    assert len(names) > 10


def test_the_auditor_writes_nothing(database_urls, as_role):
    auditor = as_role("auditor")
    for table in names(database_urls, "NOT c.relispartition"):
        with pytest.raises(errors.InsufficientPrivilege):
            auditor.execute(sql.SQL("INSERT INTO {} DEFAULT VALUES").format(sql.Identifier(table)))


PUBLIC_NODE_READS = {
    "accounts_help_line": {"id", "number", "verdict", "at"},
    "accounts_opening": {"id", "opens", "closes", "closed", "shown", "at"},
    "django_migrations": {"*"},
    "fanal_instance": {"*"},
    "fanal_key": {"*"},  # fingerprints of keys
    "fanal_vault": {"*"},
    "statistics_published": {"*"},
}
"""Every column that a public node may select; `*` stands for all of a table."""

PUBLIC_NODE_WRITES = {
    "intake_key": {"INSERT"},
    "intake_receipt": {"INSERT"},
    "intake_report": {
        f"INSERT {column}"
        for column in (
            *("id", "desk_id", "sender_id", "arrival", "format", "reference", "wire_id", "state"),
            *("received_at", "changed_at", "object_id", "identity_id", "size", "urgent", "is_test"),
            *("slow_lane", "language", "correlation_id"),
        )
    },
    "intake_spent_challenge": {"INSERT"},
    "intake_upload": {
        f"INSERT {column}"
        for column in (
            *(
                "report_id",
                "file_id",
                "position",
                "object_id",
                "name",
                "size",
                "md5",
                "sha1",
                "sha256",
            ),
            "details_id",
        )
    },
    "intake_wire": {"INSERT"},
    "intake_work": {f"INSERT {c}" for c in ("report_id", "stage", "urgent", "slow_lane")},
    "vault_object": {"INSERT"},
}

PUBLIC_NODE_CALLS = {
    "accounts_count_use": {"integer"},
    "accounts_credential_of": {
        "id", "organisation_id", "organisation", "person_id", "login", "quota",
    },
    "accounts_has_come": {"boolean"},
    "accounts_names_of": {"id", "name"},
    "accounts_standing": {"uuid"},
    "intake_lock_keys": {"boolean"},
    "intake_answer": {"uuid"},
    "intake_backlog": {"integer"},
    "intake_backlog_of_partners": {"integer"},
    "intake_by_wire": {"uuid"},
    "intake_count_refusal": {"void"},
    "intake_conversation": {"id", "from_desk", "created_at", "object_id", "for_reporter"},
    "intake_describe": {"boolean"},
    "intake_enqueue": {"void"},
    "intake_file_ids": {"file_id"},
    "intake_follow": {"id", "state", "received_at", "in_progress", "signed", "voice_digest"},
    "intake_hold_state": {"state", "urgent"},
    "intake_known": {"sender_id", "kind", "digest", "fingerprint", "report_id"},
    "intake_move": {"boolean"},
    "intake_statuses": {
        "id", "desk_id", "sender_id", "arrival", "format", "reference", "wire_id", "state",
        "received_at", "changed_at", "urgent", "is_test", "language", "size", "correlation_id",
        "stage", "quarantined_at", "signed",
    },
    "intake_withdraw_work": {"void"},
    "ledger_record": {"void"},
    "orient_feedback_for": {
        "id", "report_id", "reference", "wire_id", "verdict", "lacks", "given_at",
    },
    "orient_newest_feedback": {
        "id", "report_id", "reference", "wire_id", "verdict", "lacks", "given_at",
    },
    "orient_danger_written": {"boolean"},
    "orient_state_of": {"text"},
    "orient_withdraw": {"boolean"},
}  # fmt: skip
"""Every function that a public node may call, and all that each one tells."""

RIGHTS = """
    SELECT c.relname, a.attname, p.privilege
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'REFERENCES']) AS p (privilege)
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
      AND a.attnum > 0 AND NOT a.attisdropped
      AND has_column_privilege('fanal_intake', c.oid, a.attnum, p.privilege)
    UNION ALL
    SELECT c.relname, '*', p.privilege FROM pg_class c
    CROSS JOIN unnest(ARRAY['DELETE', 'TRUNCATE', 'TRIGGER']) AS p (privilege)
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
      AND has_table_privilege('fanal_intake', c.oid, p.privilege)
"""
CALLS = """
    SELECT p.proname, coalesce(
        (SELECT array_agg(n.name) FROM unnest(p.proargnames, p.proargmodes) AS n (name, mode)
         WHERE n.mode = 't'), ARRAY[p.prorettype::regtype::text]), p.prosecdef, p.proconfig
    FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace
      AND has_function_privilege('fanal_intake', p.oid, 'EXECUTE')
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
"""


def test_a_public_node_has_the_rights_of_the_list_and_no_other(database_urls):
    """Walk every table, every column, every function of the catalogue."""
    reads: dict[str, set[str]] = {}
    writes: dict[str, set[str]] = {}
    with psycopg.connect(database_urls["owner"]) as owner:
        columns = dict(
            owner.execute(
                "SELECT c.relname, count(*) FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
                " WHERE a.attnum > 0 AND NOT a.attisdropped GROUP BY 1"
            ).fetchall()
        )
        granted = owner.execute(RIGHTS).fetchall()
        called = owner.execute(CALLS).fetchall()
    for table in {row[0] for row in granted}:
        for privilege in {row[2] for row in granted if row[0] == table}:
            held = {row[1] for row in granted if (row[0], row[2]) == (table, privilege)}
            whole = len(held) == columns[table] or held == {"*"}
            if privilege == "SELECT":
                reads[table] = {"*"} if whole else held
            else:
                names = {privilege} if whole else {f"{privilege} {name}" for name in held}
                writes[table] = writes.get(table, set()) | names
    assert reads == PUBLIC_NODE_READS
    assert writes == PUBLIC_NODE_WRITES
    assert {name: set(tells) for name, tells, _, _ in called} == PUBLIC_NODE_CALLS
    assert all(settings == ["search_path=public, pg_temp"] for *_, settings in called)
    caller = {name for name, _, secure, _ in called if not secure}
    assert caller == {"accounts_has_come"}, "it asks the clock alone, for the bounds of every table"


def test_a_public_node_is_refused_what_the_list_does_not_name(database_urls, as_role):
    intake = as_role("intake")
    assert intake.execute("SELECT current_user").fetchone() == ("fanal_intake",)
    with psycopg.connect(database_urls["owner"]) as owner:
        columns = owner.execute(
            "SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
            " WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')"
            " AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped"
        ).fetchall()
    read = set()
    for table, column in columns:
        query = sql.SQL("SELECT {} FROM {} LIMIT 1").format(*map(sql.Identifier, (column, table)))
        try:
            intake.execute(query)
        except errors.InsufficientPrivilege:
            continue
        read.add((table, column))
    assert {table for table, _ in read} == PUBLIC_NODE_READS.keys()
    with pytest.raises(errors.InsufficientPrivilege, match="moves no report"):
        intake.execute("SELECT intake_move(%s, NULL, 'OPEN', 'EXPIRED', now())", [uuid4()])


@pytest.mark.parametrize("role", ["app", "worker", "intake", "auditor"])
def test_partitions_are_reached_through_their_parent_only(database_urls, as_role, role):
    session = as_role(role)
    for table in names(database_urls, "c.relispartition"):
        with pytest.raises(errors.InsufficientPrivilege):
            session.execute(sql.SQL("SELECT 1 FROM {} LIMIT 1").format(sql.Identifier(table)))


def test_the_desk_deletes_what_is_named_only(as_role, database_urls):
    """Evidence, receipts, decisions and wrapped keys end by expiry, which the worker runs."""
    ours = ("accounts", "analyse", "crosscheck", "deconfliction", "distribution", "exchange")
    ours += (
        "harmonise",
        "intake",
        "judicial",
        "ledger",
        "measures",
        "orient",
        "statistics",
        "vault",
    )
    app = as_role("app")
    found = {
        table
        for table in names(database_urls, "NOT c.relispartition")
        if table.startswith(tuple(f"{package}_" for package in ours))
        and app.execute("SELECT has_table_privilege(%s, 'DELETE')", [table]).fetchone() == (True,)
    }
    assert found == set(APP_DELETES)
    for table in (
        "intake_report",
        "intake_receipt",
        "vault_object",
        "harmonise_record",
        "orient_case",
    ):
        with pytest.raises(errors.InsufficientPrivilege):
            app.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
    with pytest.raises(errors.InsufficientPrivilege):
        app.execute("UPDATE intake_receipt SET report_id = report_id")


@pytest.mark.django_db(transaction=True)
def test_the_desk_takes_no_wrapped_key_away(as_role):
    app = as_role("app")
    for kind in ("report", "identity", "deconfliction_key"):
        app.execute(
            "INSERT INTO vault_object (id, owner_id, kind, sha256, size, length, wrapped_key,"
            " wrap_key_id, created_at) VALUES (%s, %s, %s, %s, 1, 1, %s, %s, now())",
            [uuid4(), uuid4(), kind, bytes(32), b"k", b"i"],
        )
    for change in ("wrapped_key = NULL, erased_at = now()", "wrapped_key = 'x'", "sha256 = sha256"):
        with pytest.raises(errors.InsufficientPrivilege, match="expiry does"):
            app.execute(f"UPDATE vault_object SET {change} WHERE kind = 'report'")
    erase = "UPDATE vault_object SET wrapped_key = NULL, erased_at = now() WHERE kind = %s"
    assert app.execute(erase, ["deconfliction_key"]).rowcount == 1
    assert as_role("worker").execute(erase, ["report"]).rowcount == 1


@pytest.mark.django_db(transaction=True)
def test_the_desk_puts_no_evidence_on_the_list_of_erasures(as_role):
    """A restored backup erases whatever the list names."""
    app = as_role("app")
    listed = "INSERT INTO vault_erasure (owner_id, kind, erased_at) VALUES (%s, %s, now())"
    for kind in ("", "report", "identity", "message", "file"):
        with pytest.raises(errors.InsufficientPrivilege, match="expiry does"):
            app.execute(listed, [uuid4(), kind])
    for kind in ("deconfliction_key", "deconfliction_round"):
        app.execute(listed, [uuid4(), kind])
    as_role("worker").execute(listed, [uuid4(), ""])


@pytest.mark.parametrize("role", ["app", "worker"])
def test_words_of_an_act_are_written_once(database_urls, role):
    """They stand in tables of their own, so that expiry deletes them."""
    tables = names(
        database_urls,
        r"NOT c.relispartition AND c.relname ~ '(_words|_reason|_motive)$'"
        f" AND has_any_column_privilege('fanal_{role}', c.oid, 'UPDATE')",
    )
    assert tables == []
