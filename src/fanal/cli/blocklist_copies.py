"""The copies of the blocking list at access providers' name servers: updated, compared with ours, tested."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fanal.cli.failures import CommandRefused
from fanal.connectors import nameservers
from fanal.connectors.nameservers import ServerFailed
from fanal.measures.blocking.blocklist import BlockList, is_later
from fanal.measures.blocking.formats import soa_of
from fanal.measures.blocking.names import ZONE
from fanal.measures.blocking.publication.copies import (
    CopiesRefused,
    Copy,
    key_files,
    read_copies,
)

SETTINGS = "blocklist.toml"
LATE = timedelta(minutes=10)
"""Age of a version from which a provider that does not serve it is late."""
_AT_ONCE = 8
CENSORED = 16
"""Extended DNS error of a name that an authority has blocked (RFC 8914)."""


def load_copies(home: Path) -> tuple[tuple[Copy, ...], dict[str, str]]:
    """Return the providers' copies of the blocking list in `blocklist.toml` of the data folder `home`.

    The second result says, by provider, why its settings cannot be used. Both are empty without that file.

    Raises:
        CommandRefused: the file as a whole cannot be read.
    """
    copies, faults, unread = CopiesKept(home).read()
    if unread:
        raise CommandRefused("BLOCKLIST_SETTINGS", path=home / SETTINGS, detail=unread)
    return copies, faults


class CopiesKept:
    """The providers' copies of the blocking list, by the settings in `blocklist.toml` of the folder `home`.

    A fault in one provider's settings affects no other: its last valid settings stay in use.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._known: tuple[Copy, ...] = ()

    def read(self) -> tuple[tuple[Copy, ...], dict[str, str], str]:
        """Read the settings again; return the copies, the faults by provider, and the fault of the file.

        The last is "" if the file could be read.
        """
        path = self._home / SETTINGS
        try:
            if not self._known and not path.exists() and not path.is_symlink():
                return (), {}, ""
            content = path.read_bytes()
            keys = self._keys(content)
            self._known, faults = read_copies(content, keys=keys, used=self._known)
        except (CopiesRefused, OSError) as error:
            return self._known, {}, str(error)
        return self._known, faults, ""

    def _keys(self, content: bytes) -> dict[str, str]:
        found = {}
        for name in key_files(content):
            with suppress(OSError, ValueError):  # no ASCII, or a path with a NUL
                found[name] = (self._home / name).read_text(encoding="ascii")
        return found


def bring(
    copy: Copy, block: BlockList, *, before: BlockList | None, whole: bool
) -> dict[str, object]:
    """Update a provider's copy of the blocking list to the version `block`, by dynamic DNS updates.

    If the copy holds the version `before`, only the changes since are sent. With `whole`, or if it holds
    anything else, its content is read and compared first.

    Returns:
        what was done, as printed: `isp` (provider), `serial`, number of `messages`, of names `added` and
        `removed`; or `ahead`, the serial of a copy that holds a later version.

    Raises:
        ServerFailed: the primary name server does not answer or refuses.
    """
    serial = nameservers.ask_serial(copy.primary, ZONE, key=copy.update_key)
    wanted = _owners(copy.names(block))
    at_before = before is not None and (serial, block.stop_host) == (
        before.serial,
        before.stop_host,
    )
    told: dict[str, object] = {"isp": copy.isp, "serial": block.serial}
    if serial == block.serial:
        return {**told, "messages": 0, "added": 0, "removed": 0}
    if not is_later(block.serial, serial):
        return {**told, "ahead": serial}
    if before is not None and at_before and not whole:
        present = _owners(copy.names(before))
        gone = [name for name in present if name not in wanted]
    else:
        held = nameservers.read_owners(copy.primary, ZONE, key=copy.update_key)[1]
        present = dict.fromkeys(name for name, target in held if target == block.stop_host)
        gone = sorted({name for name, _ in held if name not in wanted})
    added = [name for name in wanted if name not in present]
    messages = nameservers.update_zone(
        copy.primary,
        ZONE,
        key=copy.update_key,
        removed=gone,
        added=added,
        target=block.stop_host,
        soa=soa_of(block),
    )
    return {**told, "messages": messages, "added": len(added), "removed": len(gone)}


def bring_all(
    copies: tuple[Copy, ...], block: BlockList, *, before: BlockList | None, whole: bool
) -> Iterator[dict[str, object]]:
    """Update every provider's copy to the version `block`, several at once; yield a dict for each.

    It is the result of `bring` (with `before` and `whole`), or has `isp` (provider), `serial` and `failed`
    (the reason). In the order of `copies`.
    """

    def one(copy: Copy) -> dict[str, object]:
        try:
            return bring(copy, block, before=before, whole=whole)
        except ServerFailed as error:
            return {"isp": copy.isp, "serial": block.serial, "failed": str(error)}

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        yield from pool.map(one, copies)


def served(
    copies: tuple[Copy, ...], block: BlockList, *, now: datetime
) -> Iterator[dict[str, object]]:
    """Yield for each provider which version of the blocking list it serves, as a dict.

    Keys: `isp` (provider), `server` (the `secondary`, else the primary), `serial` (None without an answer),
    `age` of that version in seconds, `late`, or `failed` (the reason).

    `copies` are the providers' name servers, `block` is our present version. In the order of `copies`.
    """

    def one(copy: Copy) -> dict[str, object]:
        server = copy.secondary or copy.primary
        key = copy.transfer_key if copy.secondary else copy.update_key
        line: dict[str, object] = {"isp": copy.isp, "server": str(server)}
        try:
            serial = nameservers.ask_serial(server, ZONE, key=key)
        except ServerFailed as error:
            return {**line, "serial": None, "late": True, "failed": str(error)}
        age = now - datetime.fromtimestamp(serial, UTC)
        late = serial != block.serial and now - block.made_at > LATE
        return {**line, "serial": serial, "age": round(age.total_seconds()), "late": late}

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        yield from pool.map(one, copies)


def probed(copy: Copy, *, stop_host: str) -> Iterator[dict[str, object]]:
    """Yield the results of the tests of a provider's name servers, a dict for each test.

    `copy` are the provider's name servers. `check` is "outside" (a server that strangers can reach must not
    answer about the list) or "canary" (its resolver must block a test name, by the address of `stop_host`).
    Other keys: `isp` (provider), `server`, `ok`, `said` (the answer) and, for the canary, `explained`: the
    answer says that the name is censored (RFC 8914).
    """
    for server in copy.outside:
        told = nameservers.who_may_read(server, ZONE)
        yield {
            "isp": copy.isp,
            "check": "outside",
            "server": str(server),
            "ok": not told,
            "said": told,
        }
    if copy.resolver is None:
        return
    line: dict[str, object] = {"isp": copy.isp, "check": "canary", "server": str(copy.resolver)}
    try:
        code, target, errors = nameservers.look_up(copy.resolver, copy.canary)
    except ServerFailed as error:
        yield {**line, "ok": False, "said": str(error)}
        return
    said = target or code
    yield {**line, "ok": target == stop_host, "said": said, "explained": CENSORED in errors}


def _owners(names: list[str]) -> dict[str, None]:
    """Return the owners of a copy's names, each with its wildcard, in order."""
    return dict.fromkeys(owner for name in names for owner in (name, f"*.{name}"))
