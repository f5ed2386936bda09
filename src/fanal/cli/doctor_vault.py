"""`fanal doctor` on the vault: whether its disk answers, and which reports wait for it."""

import os
from collections.abc import Iterator
from pathlib import Path

import psycopg

from fanal.cli.boot import held_keys
from fanal.cli.finding import Finding, fine, problem
from fanal.config.environment import read_environment
from fanal.config.key_fingerprints import KeysElsewhere, check_keys
from fanal.config.keys import KeysMissing
from fanal.config.vault_identity import VaultElsewhere, check_vault
from fanal.vault.packs import VaultAway, is_empty

_WAITING = (
    "SELECT error, count(*) FROM intake_work WHERE quarantined_at IS NULL AND error = ANY(%s)"
    " GROUP BY error ORDER BY error"
)
_REMEDIES = {
    "VAULT_AWAY": "wait because the vault could not be read: see its disk or mount",
    "KEY_MISSING": "wait because an opening key is missing: put it back into keys/ and restart",
}


def look_at_identity(url: str, folder: Path) -> Finding:
    """Return whether `folder` is the vault of the database at `url`."""
    try:
        check_vault(url, folder)
    except VaultElsewhere as elsewhere:
        return problem(str(elsewhere))
    return fine(f"the vault in {folder} is that of this database")


def look_at_fingerprints(url: str, home: Path) -> Finding:
    """Return whether this machine holds the keys of the database at `url`."""
    public_node = read_environment(os.environ).public_node
    try:
        check_keys(url, held_keys(home), home=home, public_node=public_node)
    except (KeysElsewhere, KeysMissing) as elsewhere:
        return problem(str(elsewhere))
    return fine(f"the keys in {home / 'keys'} are those of this database")


def look_at_vault(
    connection: psycopg.Connection[tuple[object, ...]], folder: Path
) -> Iterator[Finding]:
    """Yield what is wrong with the folder of sealed bytes, and how many reports an outage holds up."""
    count = "SELECT count(*) FROM vault_object WHERE wrapped_key IS NOT NULL AND pack_id IS "
    found: list[Finding] = []
    for name, rows in (("packs", count + "NOT NULL"), ("files", count + "NULL")):
        (known,) = connection.execute(rows.encode()).fetchone() or (0,)
        if known:
            found += _look_at_part(folder / name, known)
    yield from found
    waiting = connection.execute(_WAITING, [list(_REMEDIES)]).fetchall()
    for code, reports in waiting:
        yield problem(f"{reports} reports {_REMEDIES[str(code)]}; they go on by themselves")
    if not found and not waiting:
        yield fine("the vault answers")


def _look_at_part(folder: Path, known: object) -> Iterator[Finding]:
    try:
        empty = is_empty(folder)
    except VaultAway as away:
        yield problem(f"{folder} cannot be listed ({os.strerror(away.errno or 0)})")
        return
    if empty:
        yield problem(
            f"{folder} is missing or empty while {known} sealed objects should be there: is the "
            "vault mounted? Else restore it from a backup."
        )
    elif not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        yield problem(f"{folder} cannot be read and written by this account")
