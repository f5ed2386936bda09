"""What a session waits for, by role and kind of process; a lock held elsewhere ends in words, nothing lost."""

from collections.abc import Callable, Iterator, Mapping

import psycopg
import pytest
from django.db import OperationalError, connection
from django.test import Client
from psycopg import sql

from fanal.config.environment import WEB_TIMEOUTS, database_settings, read_environment
from fanal.config.migration import with_lock_timeout
from fanal.crosscheck.dossiers.operations import JUDGEMENT_LOCK, lock_judgements

_ASKED = (
    "SELECT name, setting::int FROM pg_settings WHERE name IN"
    " ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout')"
)


def _signed_in(url: str, role: str, *, web: bool = False) -> dict[str, int]:
    """Return the timeouts, in milliseconds, of a real session with the settings of a process."""
    settings = database_settings(
        read_environment(
            {"DATABASE_URL": url, "FANAL_DB_ROLE": role, "FANAL_WEB": "1" if web else ""}
        )
    )
    options = settings["OPTIONS"]
    assert isinstance(options, dict)
    with psycopg.connect(url, **options) as session:
        return dict(session.execute(_ASKED).fetchall())


@pytest.mark.django_db
@pytest.mark.parametrize("role", ["app", "intake"])
def test_a_web_process_waits_seconds(database_urls: Mapping[str, str], role: str) -> None:
    found = _signed_in(database_urls[role], role, web=True)
    assert found == {
        "statement_timeout": 30_000,
        "lock_timeout": 4_000,
        "idle_in_transaction_session_timeout": 60_000,
    }


@pytest.mark.django_db
@pytest.mark.parametrize("role", ["app", "intake", "auditor", "worker"])
def test_no_other_process_waits_without_end(database_urls: Mapping[str, str], role: str) -> None:
    found = _signed_in(database_urls[role], role)
    assert all(value > 0 for value in found.values())
    assert found["lock_timeout"] == 60_000
    assert found["statement_timeout"] >= 900_000


@pytest.mark.django_db
def test_no_migration_is_cut_off(database_urls: Mapping[str, str]) -> None:
    assert _signed_in(database_urls["owner"], "owner")["statement_timeout"] == 0


@pytest.mark.django_db
def test_an_operator_may_name_others(database_urls: Mapping[str, str]) -> None:
    url = database_urls["app"]
    more = f"{url}{'&' if '?' in url else '?'}options=-c%20lock_timeout%3D9s"
    assert _signed_in(more, "app", web=True)["lock_timeout"] == 9_000


@pytest.mark.django_db
def test_a_migration_keeps_the_options_of_the_operator(database_urls: Mapping[str, str]) -> None:
    """libpq and Django's settings each use the last `options` of an address only."""
    url = database_urls["owner"]
    own = f"{url}{'&' if '?' in url else '?'}options=-c%20statement_timeout%3D9min"
    for address, lock in ((url, 30_000), (own, 30_000), (f"{own}%20-c%20lock_timeout%3D9s", 9_000)):
        limited = with_lock_timeout(address)
        with psycopg.connect(limited) as session:
            by_libpq = dict(session.execute(_ASKED).fetchall())
        for found in (by_libpq, _signed_in(limited, "owner")):
            assert found["lock_timeout"] == lock
            assert found["statement_timeout"] == (0 if address is url else 540_000)


@pytest.fixture
def as_web() -> Iterator[None]:
    """Let Django's session have the timeouts of a web process, the wait for a lock cut to half a second."""
    limits = WEB_TIMEOUTS | {"lock_timeout": "500ms"}
    kept = dict(connection.settings_dict["OPTIONS"])
    connection.close()
    connection.settings_dict["OPTIONS"] = kept | {
        "options": " ".join(f"-c {name}={value}" for name, value in limits.items())
    }
    yield
    connection.close()
    connection.settings_dict["OPTIONS"] = kept


@pytest.mark.django_db(transaction=True)
def test_a_lock_held_elsewhere_ends_the_wait(
    as_web: None, as_role: Callable[[str], psycopg.Connection[tuple[object, ...]]]
) -> None:
    from django.db import transaction

    other = as_role("worker")
    other.execute("SELECT pg_advisory_lock(%s)", [JUDGEMENT_LOCK])
    with pytest.raises(OperationalError) as refused, transaction.atomic():
        lock_judgements()
    assert getattr(refused.value.__cause__, "sqlstate", "") == "55P03"
    other.execute("SELECT pg_advisory_unlock(%s)", [JUDGEMENT_LOCK])
    with transaction.atomic():
        lock_judgements()


@pytest.mark.django_db(transaction=True)
def test_a_page_that_waits_for_a_lock_answers_503_in_words(
    as_web: None, as_role: Callable[[str], psycopg.Connection[tuple[object, ...]]]
) -> None:
    """The sign-in form reads the accounts: another session holds their table."""
    other = as_role("owner")
    client = Client(raise_request_exception=False, headers={"X-Forwarded-Proto": "https"})
    with other.transaction():
        other.execute("LOCK TABLE accounts_user, axes_accessattempt IN ACCESS EXCLUSIVE MODE")
        answer = client.post("/en/login/", {"login": "ana", "password": "what only she knows"})
        assert answer.status_code == 503
        assert answer["Retry-After"] == "5"
        assert b"what only she knows" not in answer.content
    again = client.post("/en/login/", {"login": "ana", "password": "what only she knows"})
    assert again.status_code == 200


@pytest.mark.django_db(transaction=True)
@pytest.mark.role("intake")
def test_a_node_that_is_taken_over_makes_no_later_session_forgetful(as_role) -> None:
    """All nodes have one role, which may change its own defaults; what they acknowledge is on disk."""
    node = as_role("intake")
    database = sql.Identifier(node.info.dbname)
    change = sql.SQL("ALTER ROLE fanal_intake IN DATABASE {} {} synchronous_commit")
    for kind in ("off", "local", "remote_write"):
        node.execute(change.format(database, sql.SQL("SET")) + sql.SQL(" = {}").format(kind))
        try:
            assert as_role("intake").execute("SHOW synchronous_commit").fetchone() == (kind,)
            connection.close()
            with connection.cursor() as cursor:
                cursor.execute("SHOW synchronous_commit")
                assert cursor.fetchone() == ("on",)
        finally:
            node.execute(change.format(database, sql.SQL("RESET")))
            connection.close()
