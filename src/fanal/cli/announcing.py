"""What `fanal run` prints once the web server answers: its address, and the accounts of a demo."""

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping

import psycopg

from fanal.accounts.domain.demo import DEMO_ACCOUNTS, RENEWED_BEFORE
from fanal.cli.demo import account_line
from fanal.cli.supervisor import Supervisor, announce, say
from fanal.config.migration import DatabaseMark
from fanal.kernel import clock
from fanal.kernel.process import die_with_parent

_LASTING = """
SELECT count(*) FROM accounts_user AS held WHERE is_demo AND username = ANY (%s) AND EXISTS
    (SELECT FROM accounts_habilitation AS one WHERE one.person_id = held.person_id AND valid_until > %s)
"""


def announce_at(
    supervisor: Supervisor,
    *,
    address: str,
    mark: DatabaseMark | None,
    patience: float,
    known: str = "",
) -> None:
    """Print the address of the started web server; in a demo also the demo accounts.

    `mark` says whether the database is a demo. `known` is the text of the demo accounts, if already known
    (`known_accounts`); else it waits up to `patience` seconds until they are loaded, while `supervisor` goes
    on checking its processes.
    """
    answers: list[subprocess.CompletedProcess[str]] = []

    def listed() -> bool:
        answers.append(_list_accounts())
        return answers[-1].returncode == 0

    if mark is not DatabaseMark.DEMO:
        announce(f"Fanal: {address}")
    elif known:
        announce(f"Fanal: {address}{known}")
    elif supervisor.wait_until(listed, seconds=patience):
        lines = map(json.loads, answers[-1].stdout.splitlines())
        announce(f"Fanal: {address}{_in_words(lines)}")
    elif not supervisor.stopping:
        announce(f"Fanal: {address}")
        why = answers[-1].stderr.strip().removeprefix("fanal: ") if answers else "no time"
        say(f"the demo accounts could not be read ({why}); 'fanal demo accounts' prints them")


def known_accounts(url: str) -> str:
    """Return the demo accounts as text, if the database at `url` has all of them and none is to be renewed.

    Else "": the command `fanal demo accounts`, which starts Django, must create or renew some, or the role in
    `url` is that of a public node (a server on the internet that takes reports), which reads no accounts.

    Raises:
        psycopg.Error: the database does not answer.
    """
    names = [account.username for account in DEMO_ACCOUNTS]
    try:
        with psycopg.connect(url, connect_timeout=10) as connection:
            row = connection.execute(_LASTING, [names, clock.now() + RENEWED_BEFORE]).fetchone()
    except psycopg.errors.InsufficientPrivilege:
        return ""
    return _in_words(map(account_line, DEMO_ACCOUNTS)) if row == (len(names),) else ""


def _list_accounts() -> subprocess.CompletedProcess[str]:
    """Run the command that lists the demo accounts as JSON; it may fail on a lock while the demo loads."""
    return subprocess.run(
        [sys.executable, "-m", "fanal", "demo", "accounts", "--json"],
        check=False,
        capture_output=True,
        text=True,
        preexec_fn=die_with_parent,
    )


def _in_words(accounts: Iterable[Mapping[str, str]]) -> str:
    words = ", ".join(f"{a['username']} / {a['password']} ({a['label']})" for a in accounts)
    return f"  demo accounts: {words}" if words else ""
