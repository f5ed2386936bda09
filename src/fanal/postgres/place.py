"""The folders of the embedded cluster, and the system account that owns them when Fanal runs as root.

PostgreSQL refuses to run as root. The permissions of an existing data folder never change: where the account
has no access, the launcher uses a folder of its own.
"""

import hashlib
import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from fanal.postgres.roles import write_private

NAME = "fanal"
SHELTER = Path("/var/lib/fanal")
"""Folder of cluster and binaries if the account has no access to the data folder."""


class AccountMissing(Exception):
    """Error: there is no system account for PostgreSQL: it cannot be created, or is root itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemAccount:
    """The account that runs PostgreSQL: the caller's, or the account `fanal` (`switched`) if that is root.

    `uid` and `gid` are its user and group ids, `name` its login.
    """

    uid: int
    gid: int
    name: str
    switched: bool
    """True if the caller is root and child processes change to this account."""

    @classmethod
    def current(cls) -> "SystemAccount":
        """Return the account that runs PostgreSQL: the caller's, or the account `fanal` if that is root.

        As root, the account is created if it is missing.

        Raises:
            AccountMissing: it cannot be created, or it is root itself (user id 0).
        """
        if os.geteuid() != 0:
            return cls(uid=os.geteuid(), gid=os.getegid(), name=_name_of_caller(), switched=False)
        entry = _find() or _create()
        return cls(uid=entry.pw_uid, gid=entry.pw_gid, name=entry.pw_name, switched=True)

    def popen(
        self, arguments: list[str], *, output: int, new_session: bool = False
    ) -> subprocess.Popen[bytes]:
        """Start a command (program, arguments) as this account, without input, in a minimal environment.

        `output`, for standard output and errors, is a file descriptor or `subprocess.PIPE`; `new_session`
        detaches the command from the terminal's signals.

        Raises:
            OSError: the command cannot start.
        """
        return subprocess.Popen(  # noqa: S603 - binaries found by the launcher
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            env=_environment(),
            start_new_session=new_session,
            user=self.uid if self.switched else None,
            group=self.gid if self.switched else None,
            extra_groups=[] if self.switched else None,
            umask=0o077,
        )

    def run(self, arguments: list[str]) -> tuple[int, str]:
        """Run a command (program and arguments) as this account; return its exit status and all its output.

        The status is 126 if it cannot start.
        """
        try:
            process = self.popen(arguments, output=subprocess.PIPE)
        except OSError as error:
            return 126, str(error)
        output, _ = process.communicate()
        return process.returncode, output.decode(errors="replace")

    def reaches(self, path: Path) -> bool:
        """Return whether the account may enter the folder, or execute the file, at `path`.

        Always true if it is the caller's own account.
        """
        return not self.switched or self.run(["/usr/bin/test", "-x", str(path)])[0] == 0

    def own_folder(self, path: Path) -> None:
        """Create the folder `path` if missing, and reserve it for this account (mode 0700).

        Raises:
            PermissionError: the folder belongs to another account, or is a symbolic link.
            OSError: the folder cannot be created.
        """
        path.mkdir(mode=0o700, exist_ok=True)
        if self.switched:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)
        status = path.lstat()
        if path.is_symlink() or status.st_uid != self.uid:
            raise PermissionError(f"{path} belongs to another account")
        path.chmod(0o700)

    def own_file(self, path: Path) -> None:
        """Give the existing file `path` to this account, with mode 0600.

        Raises:
            OSError: the file is missing, or its mode or owner cannot be set.
        """
        path.chmod(0o600)
        if self.switched:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)


def _environment() -> dict[str, str]:
    """Return the environment variables of the server: a minimum, without any PG* variable of the caller."""
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


def _name_of_caller() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:  # a container may run under a user id without a name
        return str(os.geteuid())


def _find() -> pwd.struct_passwd | None:
    try:
        entry = pwd.getpwnam(NAME)
    except KeyError:
        return None
    if entry.pw_uid == 0:
        raise AccountMissing(f"the account '{NAME}' is root itself; PostgreSQL refuses to run so")
    return entry


def _create() -> pwd.struct_passwd:
    tool = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    command = [
        *(tool or "useradd", "--system", "--user-group", "--no-create-home"),
        *("--home-dir", str(SHELTER), "--shell", "/usr/sbin/nologin", NAME),
    ]
    if tool is not None:
        subprocess.run(command, check=False, capture_output=True)  # noqa: S603
    entry = _find()  # another process may have created it meanwhile
    if entry is None:
        raise AccountMissing(
            f"PostgreSQL refuses to run as root and the account '{NAME}' could not be created. "
            f"Create it (for example: {' '.join(command)}), or start Fanal as a plain user."
        )
    return entry


_LONGEST_SOCKET_FOLDER = 85  # sun_path holds 107 bytes; PostgreSQL appends its file name


class PlaceRefused(Exception):
    """Error: the folder of the embedded PostgreSQL cluster is missing, or belongs to another account."""


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

    Raises:
        OSError: it cannot be created.
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
        PermissionError, OSError: the reserved folder is another account's, or it and the file cannot be
            written.
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
