"""The unprivileged account under which `fanal run` starts its processes if root calls it, and its folders."""

import functools
import hashlib
import os
import stat
import sys
from dataclasses import dataclass
from pathlib import Path

from fanal.cli.supervisor import say
from fanal.postgres.place import SHELTER, AccountMissing, SystemAccount

_FOLDERS = ("vault", "log", "mail", "cache", "index", "drafts")
"""Folders in `FANAL_HOME` that the serving processes write to."""
_ROOTS_OWN = frozenset({"owner.json", "receipt-root.key"})
"""Key files that no serving process may read."""
_LOWEST_FREE_PORT = 1024
_PACKAGE = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lowered:
    """The unprivileged account of the web, worker and alarm-call processes, when root starts `fanal run`.

    `cache` is its folder for compiled functions.
    """

    account: SystemAccount
    cache: Path

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables of this account's processes, without any of root's own folders."""
        return {"HOME": str(self.cache), "NUMBA_CACHE_DIR": str(self.cache)}


def lower(*, home: Path, vault: Path, port: int, at_once: bool = False) -> Lowered | None:
    """Return the account for the serving processes, after making it the owner of their folders.

    None if they must run under the caller's account: the caller is not root, or the account is missing, has
    no access to data folder (`home`), `vault` or program, or cannot use `port`; then a message says so.
    `at_once` skips the trial start of the program under the account, which takes seconds on a busy machine;
    that the account reaches its files is still checked.
    """
    if os.geteuid() != 0:
        return None
    try:
        account = SystemAccount.current()
    except AccountMissing as missing:
        _say_once(f"web and worker run as root: {missing}")
        return None
    obstacle = _obstacle(account, home=home, vault=vault, port=port, runs=not at_once)
    if obstacle:
        _say_once(f"web and worker run as root: the account '{account.name}' cannot {obstacle}")
        return None
    cache = SHELTER / "cache" / hashlib.sha256(os.fsencode(_PACKAGE)).hexdigest()[:12]
    cache.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
    account.own_folder(cache)
    for folder in (*(home / name for name in _FOLDERS), vault):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _hand_over(folder, account)
    _share_keys(home / "keys", account)
    return Lowered(account=account, cache=cache)


def look_at_account(*, home: Path, vault: Path) -> str:
    """Return a sentence about the account that `fanal run` would use when root calls it.

    Raises:
        AccountMissing: there is no such account.
    """
    account = SystemAccount.current()
    obstacle = _obstacle(account, home=home, vault=vault, port=_LOWEST_FREE_PORT)
    if obstacle:
        return f"web and worker run as root: the account '{account.name}' cannot {obstacle}"
    return f"web and worker run as '{account.name}', not as root"


def _obstacle(
    account: SystemAccount, *, home: Path, vault: Path, port: int, runs: bool = True
) -> str:
    """Return what the account cannot do to run the serving processes (`reach /srv`), or "" if nothing.

    `runs`: also start the program as a trial.
    """
    if port < _LOWEST_FREE_PORT:
        return f"serve port {port}"
    for folder in (home, vault.parent):
        if folder.exists() and not account.reaches(folder):
            return f"reach {folder}"
    program = (Path(sys.executable), Path(sys.base_prefix), _PACKAGE)
    can = all(map(account.reaches, program))
    if can and runs:
        can = account.run([sys.executable, "-c", "import fanal, granian, psycopg"])[0] == 0
    return "" if can else f"run {sys.executable} with {_PACKAGE}"


@functools.cache
def _say_once(sentence: str) -> None:
    say(sentence)  # the calls' process is lowered before the others


def _hand_over(folder: Path, account: SystemAccount) -> None:
    """Make the account the owner of `folder` and all in it that is root's: folders, and plain files.

    Links are neither followed nor changed; a file with several hard links stays root's.
    """
    if folder.stat().st_uid == 0:
        os.chown(folder, account.uid, account.gid)
    for _, folders, files, descriptor in os.fwalk(folder):
        for name in (*folders, *files):
            found = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
            plain = stat.S_ISREG(found.st_mode) and found.st_nlink == 1
            if found.st_uid == 0 and (plain or stat.S_ISDIR(found.st_mode)):
                os.chown(name, account.uid, account.gid, dir_fd=descriptor, follow_symlinks=False)


def _share_keys(folder: Path, account: SystemAccount) -> None:
    """Let the account's group enter the key folder, and the account own the keys of the serving processes.

    The database owner's password and the root's receipt key stay root's.
    """
    if folder.stat().st_uid != 0:
        return
    os.chown(folder, 0, account.gid)
    folder.chmod(0o750)
    for path in folder.iterdir():
        if path.name not in _ROOTS_OWN and path.is_file() and not path.is_symlink():
            os.chown(path, account.uid, account.gid, follow_symlinks=False)
