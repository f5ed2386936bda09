"""Sessions of a PostgreSQL server on this machine, read from `/proc` without Django or a connection."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path


def sessions_of(postmaster: int, logins: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Yield (process id, login) of the sessions of `logins` on a local server; none for postmaster 0.

    `postmaster` is the process id of the server's main process.
    """
    for entry in Path("/proc").iterdir() if postmaster else ():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            login = login_of(int(entry.name), logins)
            if login and _parent(int(entry.name)) == postmaster:
                yield int(entry.name), login


def login_of(pid: int, logins: Sequence[str]) -> str:
    """Return the one of `logins` that a server process serves; empty for any other process.

    Raises:
        OSError: the process has ended.
    """
    title = Path(f"/proc/{pid}/cmdline").read_bytes()
    if not title.startswith(b"postgres"):
        return ""
    return next((login for login in logins if f" {login} ".encode() in title), "")


def _parent(pid: int) -> int:
    with contextlib.suppress(OSError, ValueError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return 0
