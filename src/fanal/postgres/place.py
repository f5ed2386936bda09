"""The folders of the embedded cluster, and the account that owns them."""

import hashlib
import os
import pwd
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path

from fanal.postgres.account import SHELTER, SystemAccount
from fanal.postgres.passwords import write_private

_LONGEST_SOCKET_FOLDER = 85  # sun_path holds 107 bytes; PostgreSQL appends its file name


class PlaceRefused(Exception):
    """Error: the folder of the embedded PostgreSQL cluster is gone, or belongs to another account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterPlace:
    """The folders of one cluster under `root`, which belongs to `account`, mode 0700.

    `sheltered`: they are under `/var/lib/fanal`, since the account has no access to the data folder.
    """

    root: Path
    account: SystemAccount
    sheltered: bool
    """True if the cluster lies under `/var/lib/fanal`, because the account cannot enter the data folder."""

    @property
    def data(self) -> Path:
        """PostgreSQL's data folder."""
        return self.root / "data"

    @property
    def log(self) -> Path:
        """The server's log file; it never contains statements or their values."""
        return self.root / "server.log"

    @property
    def socket(self) -> Path:
        """The folder of the Unix socket: inside the cluster if the path is short enough, else temporary."""
        inside = self.root / "run"
        if len(os.fsencode(inside)) <= _LONGEST_SOCKET_FOLDER:
            return inside
        name = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"fanal-{self.account.uid}-{name}"


def make_home(home: Path) -> None:
    """Create Fanal's data folder if it is missing, readable by the caller only.

    If the caller is root, others may search it (mode 0711): PostgreSQL's account must enter it.
    """
    if not home.is_dir():
        home.mkdir(mode=0o700, parents=True)
        home.chmod(0o711 if os.geteuid() == 0 else 0o700)


def find_place(home: Path) -> ClusterPlace:
    """Return the folders and account of the cluster in the data folder `home`; it may not be created yet.

    Where PostgreSQL's account cannot enter `home`, a folder under `/var/lib/fanal` is reserved; the file
    `postgres.location` in `home` names it.

    Raises:
        PlaceRefused: the cluster's folder is gone, or belongs to another account.
        AccountMissing: root has no account for PostgreSQL.
    """
    home = home.resolve()
    pointer = home / "postgres.location"
    inside = home / "postgres"
    if pointer.exists():
        return _known(Path(pointer.read_text().strip()), sheltered=True)
    if (inside / "data").exists():
        return _known(inside, sheltered=False)
    account = SystemAccount.current()
    if account.reaches(home):
        return ClusterPlace(root=inside, account=account, sheltered=False)
    root = SHELTER / "clusters" / secrets.token_hex(6)
    root.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
    write_private(pointer, f"{root}\n")
    account.own_folder(root)
    return ClusterPlace(root=root, account=account, sheltered=True)


def _known(root: Path, *, sheltered: bool) -> ClusterPlace:
    try:
        owner = root.stat().st_uid
    except FileNotFoundError:
        raise PlaceRefused(
            f"the database of this data folder was in {root}, which is gone. Bring that folder "
            "back or restore a backup; to start anew, remove the file postgres.location."
        ) from None
    if os.geteuid() == 0 and owner != 0:
        entry = pwd.getpwuid(owner)
        account = SystemAccount(uid=owner, gid=entry.pw_gid, name=entry.pw_name, switched=True)
    else:
        account = SystemAccount.current()
    if owner != account.uid:
        raise PlaceRefused(
            f"{root} belongs to the account number {owner}: start Fanal as that account, as root, "
            "or choose another FANAL_HOME."
        )
    return ClusterPlace(root=root, account=account, sheltered=sheltered)
