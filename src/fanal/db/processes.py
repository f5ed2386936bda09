"""Sessions of a PostgreSQL server on this machine, read from `/proc` without Django or a connection."""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path


def sessions_of(postmaster: int, logins: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Yield (process id, login) of the sessions of `logins` on a local server; none for postmaster 0.

    `postmaster` is the process id of the server's main process. The results are in no particular order; a
    process that ends meanwhile is left out.
    """
    for pid in children_of(postmaster) if postmaster else ():
        with contextlib.suppress(OSError):
            login = login_of(pid, logins)
            if login:
                yield pid, login


def children_of(parent: int) -> Iterable[int]:
    """Return the ids of the child processes of the process `parent`, which has a single thread.

    They are read from one file of Linux; if the kernel does not offer it, from the parent id of every
    process.
    """
    try:
        listed = Path(f"/proc/{parent}/task/{parent}/children").read_text()
    except OSError:
        return all_with_parent(parent)
    return map(int, listed.split())


def all_with_parent(parent: int) -> Iterator[int]:
    """Yield the ids of the child processes of `parent`; the cost grows with all processes of the machine."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and _parent(int(entry.name)) == parent:
            yield int(entry.name)


def login_of(pid: int, logins: Sequence[str]) -> str:
    """Return which of `logins` (database roles) the server process `pid` serves; "" for any other process.

    It is read from the title that PostgreSQL gives its processes.

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
