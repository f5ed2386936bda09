"""The database itself keeps the roles apart (decisions 7)."""

import psycopg
import pytest
from django.db import connection
from psycopg import errors, sql

from fanal.config.grants import decide
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


def test_the_auditor_writes_nothing(database_urls, as_role):
    auditor = as_role("auditor")
    for table in names(database_urls, "NOT c.relispartition"):
        with pytest.raises(errors.InsufficientPrivilege):
            auditor.execute(sql.SQL("INSERT INTO {} DEFAULT VALUES").format(sql.Identifier(table)))


def test_a_public_node_reads_no_content_and_no_selector(database_urls, as_role):
    intake = as_role("intake")
    hidden = [
        table
        for table in names(database_urls, "NOT c.relispartition")
        if table.startswith(
            ("harmonise_", "analyse_", "crosscheck_", "orient_", "ledger_", "vault_")
        )
    ]
    assert hidden
    for table in hidden:
        with pytest.raises(errors.InsufficientPrivilege):
            intake.execute(sql.SQL("SELECT * FROM {} LIMIT 1").format(sql.Identifier(table)))
    for column in ("sha256", "md5", "name"):
        with pytest.raises(errors.InsufficientPrivilege):
            intake.execute(sql.SQL("SELECT {} FROM intake_upload").format(sql.Identifier(column)))


@pytest.mark.parametrize("role", ["app", "worker", "intake", "auditor"])
def test_partitions_are_reached_through_their_parent_only(database_urls, as_role, role):
    session = as_role(role)
    for table in names(database_urls, "c.relispartition"):
        with pytest.raises(errors.InsufficientPrivilege):
            session.execute(sql.SQL("SELECT 1 FROM {} LIMIT 1").format(sql.Identifier(table)))
