"""What a role may say of itself, and of what is not its own: nothing that the others would notice."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from psycopg import errors, sql

from fanal.cli.doctor import look_at_nodes
from fanal.cli.finding import FindingLevel
from fanal.config.databases import open_databases, provision
from fanal.db.row_security import BOUNDED, are_definitions_closed, faults_in_row_security
from fanal.postgres import DatabaseRole, PasswordFile
from tests.integration.config.test_migration import environments, migrate

pytestmark = pytest.mark.django_db(transaction=True)
Connect = Callable[[str], psycopg.Connection[tuple[object, ...]]]
OF_ITSELF = (
    "DROP OWNED BY {0}",
    "DROP OWNED BY {0} CASCADE",
    "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC",
    "ALTER DEFAULT PRIVILEGES FOR ROLE {0} REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC",
    "COMMENT ON ROLE {0} IS 'theirs'",
    "GRANT {0} TO fanal_auditor, fanal_app",
)
OF_OTHERS = (
    "CREATE RULE theirs AS ON INSERT TO intake_report DO INSTEAD NOTHING",
    "CREATE STATISTICS theirs ON id, desk_id FROM intake_report",
    "CREATE TRIGGER theirs BEFORE INSERT ON intake_report EXECUTE FUNCTION fanal_instance_is_final()",
    "CREATE POLICY theirs ON intake_report USING (true)",
    "DROP POLICY app_rows ON intake_report",
    "COMMENT ON POLICY app_rows ON intake_report IS 'theirs'",
    "COMMENT ON TABLE intake_report IS 'theirs'",
    "ALTER TABLE intake_report DISABLE ROW LEVEL SECURITY",
    "GRANT INSERT ON intake_report TO PUBLIC",
    "DROP OWNED BY fanal_owner",
    "CREATE SCHEMA theirs",
    "DROP EVENT TRIGGER fanal_definitions",
    "ALTER EVENT TRIGGER fanal_definitions DISABLE",
    "DROP SCHEMA fanal_definitions CASCADE",
    "SET event_triggers = off",
    "SET session_replication_role = replica",
    "SELECT lo_create(0)",
    "SELECT lo_creat(-1)",
    "SELECT lo_from_bytea(0, 'theirs')",
    "SELECT pg_logical_emit_message(false, 'theirs', 'text')",
    "SELECT pg_logical_emit_message(true, 'theirs', 'bytes'::bytea)",
)
REFUSED = (errors.InsufficientPrivilege, errors.UndefinedObject, errors.CantChangeRuntimeParam)


@pytest.mark.parametrize("role", ["intake", "auditor", "app", "worker"])
def test_a_role_defines_nothing(as_role: Connect, role: str) -> None:
    owner, session, other = (as_role(name) for name in ("owner", role, "app"))
    other.execute("SET lock_timeout = '2s'")
    taken = []
    for text in (*OF_ITSELF, *OF_OTHERS):
        statement = sql.SQL(text).format(sql.Identifier(f"fanal_{role}"))
        session.execute("BEGIN")
        session.execute("SAVEPOINT before")
        try:
            session.execute(statement)
            taken.append(text)
        except REFUSED:
            pass
        session.execute("ROLLBACK TO before")
        other.execute("SELECT count(*) FROM intake_report")
        session.execute("COMMIT")
    assert taken == []
    # Calls no event trigger: gives what is the role's, which is nothing, to itself.
    session.execute("REASSIGN OWNED BY CURRENT_USER TO CURRENT_USER")
    assert faults_in_row_security(owner) == []
    left = owner.execute(
        "SELECT (SELECT count(*) FROM pg_default_acl), (SELECT count(*) FROM pg_largeobject_metadata)"
    ).fetchone()
    assert left == (0, 0)


def test_no_lock_is_waited_for_by_whoever_is_refused(as_role: Connect) -> None:
    """Everybody who comes later would wait behind them."""
    reader, node = as_role("app"), as_role("intake")
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM intake_report")
    node.execute("SET lock_timeout = '2s'")
    for text in OF_OTHERS[:4]:
        with pytest.raises(errors.InsufficientPrivilege):
            node.execute(text)


def test_the_desk_keeps_its_temporary_tables(as_role: Connect) -> None:
    for role in ("app", "worker"):
        session = as_role(role)
        session.execute("CREATE TEMPORARY TABLE theirs AS SELECT 1 AS x")
        session.execute("CREATE INDEX ON theirs (x)")
        session.execute("DROP TABLE theirs")


@pytest.fixture
def plain(open_folder: Path, modest_administrator: str) -> Iterator[Sequence[str]]:
    """Return the addresses of app, intake and auditor on a server whose administrator is no superuser."""
    home = open_folder / "var"
    passwords = PasswordFile(home / "keys" / "database.json")
    provision(admin_url=modest_administrator, passwords=passwords)
    environ = environments(home) | {"DATABASE_URL": modest_administrator}
    answer = migrate(environ)
    assert (answer.returncode, answer.stderr) == (0, "")
    with open_databases(home=home, environ=environ) as databases:
        yield [
            databases.url(role)
            for role in (DatabaseRole.APP, DatabaseRole.INTAKE, DatabaseRole.AUDITOR)
        ]


def connected(url: str) -> closing[psycopg.Connection[tuple[object, ...]]]:
    return closing(psycopg.connect(url, autocommit=True))


@pytest.mark.serial
def test_where_nobody_is_a_superuser_nodes_and_auditor_stand_in_no_policy(
    plain: Sequence[str],
) -> None:
    """Nothing refuses the statement there, and it takes nothing away."""
    with connected(plain[0]) as app:
        assert not are_definitions_closed(app)
        for url in plain[1:]:
            with connected(url) as session:
                for _ in range(2):
                    try:
                        session.execute("DROP OWNED BY CURRENT_USER")
                    except errors.InsufficientPrivilege:  # of its rights on columns
                        continue
        assert faults_in_row_security(app) == []
        told = [f.text for f in look_at_nodes(app) if f.level is FindingLevel.PROBLEM]
        assert any("DROP OWNED" in text for text in told)
        assert not any("rules on rows of" in text for text in told)


def test_the_doctor_tells_of_a_policy_that_is_gone(as_role: Connect) -> None:
    owner = as_role("owner")
    assert faults_in_row_security(owner) == []
    gone = sorted(BOUNDED)[:2]
    with owner.transaction(force_rollback=True):
        owner.execute(f"DROP POLICY worker_rows ON {gone[0]}")
        owner.execute(f"ALTER POLICY app_rows ON {gone[1]} TO fanal_app, fanal_intake")
        assert faults_in_row_security(owner) == gone
        [told] = [
            f for f in look_at_nodes(owner) if "rules on rows" in f.text and "2 tables" in f.text
        ]
        assert told.level is FindingLevel.PROBLEM
