"""`fanal run` says the accounts of a demo itself where nothing is left to make, and asks the command elsewhere."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from fanal.accounts.domain.demo import DEMO_ACCOUNTS, RENEWED_BEFORE
from fanal.accounts.models import User
from fanal.accounts.operations.demo import ensure_demo_accounts
from fanal.accounts.operations.habilitations import LONGEST
from fanal.cli.announcing import known_accounts
from fanal.kernel.actors import system_actor

SYSTEM = system_actor("test")
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def a_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that says it is a demo."""
    monkeypatch.setattr("fanal.accounts.operations.demo.has_demo_mark", lambda: True)


@pytest.fixture(params=["app", "worker", "owner"])
def url(request: pytest.FixtureRequest, database_urls: Mapping[str, str]) -> str:
    return database_urls[request.param]


def test_they_are_known_once_all_are_there_and_last(url: str) -> None:
    now = datetime.now(UTC)
    assert known_accounts(url) == ""
    ensure_demo_accounts(actor=SYSTEM, now=now - LONGEST + RENEWED_BEFORE - timedelta(days=1))
    assert known_accounts(url) == ""
    ensure_demo_accounts(actor=SYSTEM, now=now)
    words = known_accounts(url)
    assert words.startswith("  demo accounts: ana / fanal-demo-ana (Analyste · Ana Lemoine), ")
    assert all(f"{a.username} / {a.password} (" in words for a in DEMO_ACCOUNTS)


def test_one_that_is_not_played_yet_is_to_be_made(url: str) -> None:
    ensure_demo_accounts(actor=SYSTEM, now=datetime.now(UTC))
    assert known_accounts(url)
    User.objects.filter(username="helene").update(is_demo=False)
    assert known_accounts(url) == ""
