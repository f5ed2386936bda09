"""The account under which `fanal run`, started as root, runs what serves, and the folders it is given."""

import hashlib
import os
import stat
import sys
from dataclasses import dataclass
from pathlib import Path

from fanal.cli.supervisor import say
from fanal.postgres.account import SHELTER, AccountMissing, SystemAccount

_FOLDERS = ("vault", "log", "mail", "cache", "index", "drafts")
"""What the processes that serve write under `FANAL_HOME`."""
_ROOTS_OWN = frozenset({"owner.json", "receipt-root.key"})
"""Key files that nothing that serves may read."""
_LOWEST_FREE_PORT = 1024
_PACKAGE = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lowered:
    """The account of web, worker and calls, and where they keep compiled loops."""

    account: SystemAccount
    cache: Path

    @property
    def environment(self) -> dict[str, str]:
        """Variables of a process of this account: nothing leads into root's own folders."""
        return {"HOME": str(self.cache), "NUMBA_CACHE_DIR": str(self.cache)}


def lower(*, home: Path, vault: Path, port: int) -> Lowered | None:
    """Return the account for what serves, its folders handed over; None where the caller's own stays.

    Root stays root, and says so, where the account reaches neither data folder nor program.
    """
    if os.geteuid() != 0:
        return None
    try:
        account = SystemAccount.current()
    except AccountMissing as missing:
        say(f"web and worker run as root: {missing}")
        return None
    obstacle = _obstacle(account, home=home, vault=vault, port=port)
    if obstacle:
        say(f"web and worker run as root: the account '{account.name}' cannot {obstacle}")
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
    """Return what `fanal run` as root would do, in words."""
    account = SystemAccount.current()
    obstacle = _obstacle(account, home=home, vault=vault, port=_LOWEST_FREE_PORT)
    if obstacle:
        return f"web and worker run as root: the account '{account.name}' cannot {obstacle}"
    return f"web and worker run as '{account.name}', not as root"


def _obstacle(account: SystemAccount, *, home: Path, vault: Path, port: int) -> str:
    """Return what the account cannot do, empty when nothing stands in its way."""
    if port < _LOWEST_FREE_PORT:
        return f"serve port {port}"
    for folder in (home, vault.parent):
        if folder.exists() and not account.reaches(folder):
            return f"reach {folder}"
    status, _ = account.run([sys.executable, "-c", "import fanal, granian, psycopg"])
    return "" if status == 0 else f"run {sys.executable} with {_PACKAGE}"


def _hand_over(folder: Path, account: SystemAccount) -> None:
    """Give what root owns under `folder` to the account; links are never followed."""
    if folder.stat().st_uid == 0:
        os.chown(folder, account.uid, account.gid)
    for _, folders, files, descriptor in os.fwalk(folder):
        for name in (*folders, *files):
            found = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
            plain = stat.S_ISREG(found.st_mode) and found.st_nlink == 1
            if found.st_uid == 0 and (plain or stat.S_ISDIR(found.st_mode)):
                os.chown(name, account.uid, account.gid, dir_fd=descriptor, follow_symlinks=False)


def _share_keys(folder: Path, account: SystemAccount) -> None:
    """Let the account read the keys that serve; root's own stay root's, and so does the folder."""
    if folder.stat().st_uid != 0:
        return
    os.chown(folder, 0, account.gid)
    folder.chmod(0o750)
    for path in folder.iterdir():
        if path.name not in _ROOTS_OWN and path.is_file() and not path.is_symlink():
            os.chown(path, account.uid, account.gid, follow_symlinks=False)
