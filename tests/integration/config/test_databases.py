"""Provisioning: roles, passwords and durability on the embedded and on a real server."""

import contextlib
import json
import os
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from psycopg import errors

from fanal.config.databases import DatabaseRefused, open_databases, provision
from fanal.config.environment import SettingRefused, read_environment
from fanal.postgres import DatabaseRole, PasswordFile
from tests.live import wait_for

pytestmark = pytest.mark.serial


def opened(home, url):
    environ = {k: v for k, v in os.environ.items() if k not in {"DATABASE_URL", "FANAL_DB_ROLE"}}
    return open_databases(home=home, environ=environ | ({"DATABASE_URL": url} if url else {}))


def provisioned(home, url, **more):
    """Provision the server at `url`, then open it as every other command does."""
    provision(admin_url=url, passwords=PasswordFile(home / "keys" / "database.json"), **more)
    return opened(home, url)


def verifiers(url):
    with psycopg.connect(url) as connection:
        return connection.execute(
            "SELECT rolname, rolpassword FROM pg_authid ORDER BY 1"
        ).fetchall()


def run(url, query):
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(query)
        return cursor.fetchone() if cursor.description else None


def test_each_role_signs_in_with_a_password_of_its_own(open_folder):
    with opened(open_folder / "var", "") as databases:
        for role in DatabaseRole:
            answer = run(databases.url(role), "SELECT current_user, current_database()")
            assert answer == (role.login, "fanal")
    keys = open_folder / "var/keys"
    served, owners = (json.loads((keys / f"{n}.json").read_text()) for n in ("database", "owner"))
    assert set(served) == {"app", "worker", "auditor", "intake"}
    assert set(owners) == {"admin", "owner"}
    assert len({*served.values(), *owners.values()}) == 6


def test_an_earlier_password_file_is_parted_and_a_node_works_without_the_owners(
    open_folder, server
):
    url = server.replace("/postgres?", "/fanal?")
    home, keys = open_folder / "var", open_folder / "var/keys"
    with provisioned(home, url):
        pass
    together = {
        k: v
        for n in ("database", "owner")
        for k, v in json.loads((keys / f"{n}.json").read_text()).items()
    }
    (keys / "owner.json").unlink()
    (keys / "database.json").write_text(json.dumps(together))
    provision(admin_url=url, passwords=PasswordFile(keys / "database.json"))
    assert set(json.loads((keys / "owner.json").read_text())) == {"admin", "owner"}
    assert "owner" not in json.loads((keys / "database.json").read_text())
    (keys / "owner.json").unlink()
    with opened(home, url) as databases:
        assert run(databases.url(DatabaseRole.WORKER), "SELECT current_user") == ("fanal_worker",)
        with pytest.raises(DatabaseRefused, match="needs the role 'owner'"):
            databases.url(DatabaseRole.OWNER)


def test_a_real_server_is_provisioned_by_a_role_that_may_create_roles(
    open_folder, modest_administrator
):
    for _ in range(2):
        with provisioned(open_folder / "var", modest_administrator) as databases:
            assert databases.cluster is None
            assert run(databases.url(DatabaseRole.APP), "SELECT current_user") == ("fanal_app",)
            owner = databases.url(DatabaseRole.OWNER)
            run(owner, "CREATE TABLE IF NOT EXISTS mine (x integer)")
            assert run(owner, "SELECT similarity('abc', 'abd') > 0") == (True,)


def test_lost_passwords_are_renewed_when_asked_only(open_folder, server):
    url = server.replace("/postgres?", "/fanal?")
    with provisioned(open_folder / "var", url):
        pass
    before = verifiers(server)
    for name in ("database", "owner"):
        (open_folder / f"var/keys/{name}.json").unlink()
    with (
        pytest.raises(DatabaseRefused, match="holds no password"),
        opened(open_folder / "var", url),
    ):
        pass
    assert not (open_folder / "var/keys/database.json").exists()
    with pytest.raises(DatabaseRefused, match="have other passwords"):
        provisioned(open_folder / "var", url)
    assert verifiers(server) == before
    with provisioned(open_folder / "var", url, renew=True) as databases:
        assert run(databases.url(DatabaseRole.WORKER), "SELECT 1") == (1,)


def test_the_roles_of_another_installation_are_left_alone(open_folder, server):
    with provisioned(open_folder / "first", server.replace("/postgres?", "/first?")):
        pass
    second = server.replace("/postgres?", "/second?")
    for renew in (False, True):
        with pytest.raises(DatabaseRefused, match="another installation"):
            provisioned(open_folder / "second", second, renew=renew)
    with opened(open_folder / "first", server.replace("/postgres?", "/first?")) as databases:
        assert run(databases.url(DatabaseRole.APP), "SELECT 1") == (1,)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ("ALTER SYSTEM SET fsync = off", "fsync"),
        ("ALTER SYSTEM SET full_page_writes = off", "full_page_writes"),
        ("ALTER SYSTEM SET synchronous_commit = off", "synchronous_commit"),
        ("ALTER ROLE fanal_worker SET synchronous_commit = off", "synchronous_commit"),
        ("ALTER DATABASE fanal SET synchronous_commit = off", "synchronous_commit"),
        ("ALTER ROLE fanal_app SET synchronous_commit = local", "synchronous_commit"),
        ("ALTER ROLE fanal_intake SET synchronous_commit = remote_write", "synchronous_commit"),
    ],
)
def test_a_server_that_could_lose_commits_is_refused(open_folder, server, change, name):
    url = server.replace("/postgres?", "/fanal?")
    with provisioned(open_folder / "var", url):
        pass
    run(url, change)
    if change.startswith("ALTER SYSTEM"):
        run(url, "SELECT pg_reload_conf()")
        assert wait_for(lambda: run(url, f"SHOW {name}") == ("off",)), "the server did not reload"
    with (
        pytest.raises(DatabaseRefused, match=f"{name} = "),
        opened(open_folder / "var", url),
    ):
        pass


def test_a_child_knows_its_own_role_only(open_folder, server):
    with provisioned(open_folder / "var", server.replace("/postgres?", "/fanal?")) as databases:
        environ = {"DATABASE_URL": databases.url(DatabaseRole.INTAKE), "FANAL_DB_ROLE": "intake"}
    with open_databases(home=open_folder, environ=environ) as own:
        assert run(own.url(DatabaseRole.INTAKE), "SELECT current_user") == ("fanal_intake",)
        with pytest.raises(DatabaseRefused, match="needs the role 'app'"):
            own.url(DatabaseRole.APP)


def test_public_nodes_see_nothing_of_each_other_and_of_the_server(open_folder, server):
    """Their role is one: a node that is taken over is every session of it."""
    url = server.replace("/postgres?", "/fanal?")
    run(server, "CREATE ROLE somebody LOGIN")
    with provisioned(open_folder / "var", url) as databases:
        address = databases.url(DatabaseRole.INTAKE)
    with psycopg.connect(address, autocommit=True) as node, psycopg.connect(address) as other:
        node.execute("SELECT 'the digest of a secret'")
        seen = other.execute(
            "SELECT query FROM pg_stat_activity WHERE pid = %s", [node.info.backend_pid]
        )
        assert seen.fetchone() == ("",)
        for change in ("SET track_activities = on", "ALTER ROLE fanal_intake RESET ALL"):
            with contextlib.suppress(errors.InsufficientPrivilege):
                node.execute(change)
        for call in ("pg_terminate_backend", "pg_cancel_backend", "pg_advisory_lock"):
            with pytest.raises(
                errors.InsufficientPrivilege, match="permission denied for function"
            ):
                node.execute(f"SELECT {call}({other.info.backend_pid})")
    with psycopg.connect(address) as node, psycopg.connect(address) as other:
        node.execute("SELECT 'the digest of a secret'")
        seen = other.execute(
            "SELECT query FROM pg_stat_activity WHERE pid = %s", [node.info.backend_pid]
        )
        assert seen.fetchone() == ("",)
    for database in ("postgres", "template1"):
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(address.replace("/fanal?", f"/{database}?"))
        asked = f"SELECT has_database_privilege('somebody', '{database}', 'CONNECT')"
        assert run(server, asked) == (True,)


def test_commands_that_start_together_bring_the_bounds_once(open_folder, server):
    """An upgrade's first commands would change one row of the catalogue at once."""
    url, passwords = server.replace("/postgres?", "/fanal?"), open_folder / "var/keys/database.json"
    with provisioned(open_folder / "var", url):
        pass
    run(server, "ALTER ROLE fanal_intake RESET track_activities")
    run(server, "ALTER ROLE fanal_intake CONNECTION LIMIT -1")
    run(server, "REVOKE pg_signal_backend FROM fanal_owner")
    run(server, "REVOKE pg_checkpoint FROM fanal_worker")
    with ThreadPoolExecutor(12) as pool:
        started = [
            pool.submit(provision, admin_url=url, passwords=PasswordFile(passwords))
            for _ in range(24)
        ]
        assert all(made.result().urls for made in started)
    bound = "SELECT rolconnlimit > 0, rolconfig FROM pg_roles WHERE rolname = 'fanal_intake'"
    assert run(server, bound) == (True, ["track_activities=off"])
    assert run(server, "SELECT pg_has_role('fanal_owner', 'pg_signal_backend', 'USAGE')") == (True,)
    assert run(server, "SELECT pg_has_role('fanal_worker', 'pg_checkpoint', 'USAGE')") == (True,)


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://edge:word@/fanal",
        "postgresql:///fanal?user=edge",
        "postgresql:///fanal",
        "postgresql://fanal_app:word@/fanal",
    ],
)
def test_a_login_of_another_name_is_refused(tmp_path, address):
    """The guards of the database go by the login: `edge` would be asked for no partner's secret."""
    environ = {"DATABASE_URL": address, "FANAL_DB_ROLE": "intake"}
    with (
        pytest.raises(DatabaseRefused, match="signs in as fanal_intake"),
        open_databases(home=tmp_path, environ=environ),
    ):
        pass
    with pytest.raises(SettingRefused, match="signs in as fanal_intake"):
        read_environment(environ)


def test_an_unreachable_server_is_told_in_a_sentence(open_folder):
    url = "postgresql://nobody@127.0.0.1:9/fanal"
    with pytest.raises(DatabaseRefused, match="cannot be prepared"):
        provisioned(open_folder, url)
    with pytest.raises(DatabaseRefused, match="cannot be opened"), opened(open_folder, url):
        pass
