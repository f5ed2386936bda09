"""`fanal bench blocklist`: a list of SIZE names written, read back, and loaded by real BIND and Unbound.

In the same run: one more name, and its emergency lift, effective through IXFR in both resolvers, against a
reload of the whole zone in each of them.
"""

import json
import signal
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import click
from dns.exception import DNSException

from benchmarks import nameservers as servers
from fanal.cli.failures import CommandRefused
from fanal.connectors.nameservers import update_zone
from fanal.measures.blocking.blocklist import BlockList, Entry, make_list
from fanal.measures.blocking.formats import apply_delta, check_zone, soa_of, write_delta, write_zone
from fanal.measures.blocking.names import ZONE, HostName
from fanal.measures.blocking.publication.copies import NameServer, read_key

T = TypeVar("T")
_ROUNDS = 5
_LONGEST = 900.0
"""Seconds until a resolver must answer as expected."""
_STOP = "stop.fanal.test"
_NEW = "one-more.example"
_NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)


@click.command()
@click.option(
    "--size",
    type=click.IntRange(min=1, max=4_000_000),
    default=100_000,
    show_default=True,
    help="Number of generated items (SIZE).",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def blocklist(size: int, as_json: bool) -> None:
    """Write a list of SIZE names, load it in BIND and Unbound; change a name by IXFR and by a reload."""
    if not all(map(servers.program, ("named", "unbound"))):
        raise CommandRefused("PEER_MISSING", name="named, unbound")
    before, after, lifted = _lists(size)
    result: dict[str, object] = {"bench": "blocklist", "size": size}
    with tempfile.TemporaryDirectory(prefix="fanal-blocklist-") as folder:
        result |= _files(Path(folder), before, after)
        result |= _served(Path(folder), before, after, lifted)
    if as_json:
        click.echo(json.dumps(result))
    else:
        for name, value in result.items():
            click.echo(f"{name}: {value}")


def _lists(size: int) -> tuple[BlockList, BlockList, BlockList]:
    """Return a list of `size` names, the same with one more, and the first again; their serials rise."""
    names = [f"n{number:07}.site{number % 1000:03}.example" for number in range(size)]
    ends = _NOW + timedelta(days=60)
    entries = [Entry(name=HostName(name), since=_NOW, expires=ends) for name in names]
    more = Entry(name=HostName(_NEW), since=_NOW, expires=ends)
    made: list[BlockList] = []
    for minutes, listed in enumerate((entries, [*entries, more], entries)):
        at = _NOW + timedelta(minutes=minutes)
        known = [one.serial for one in made]
        made.append(make_list(listed, made_at=at, known=known, stop_host=_STOP))
    return made[0], made[1], made[2]


def _files(folder: Path, before: BlockList, after: BlockList) -> dict[str, object]:
    """Return the processor time to write and read back zone and delta, against a plain loop of lines."""
    written, content = _best(lambda: write_zone(before))
    checked, _ = _timed(lambda: check_zone(content, before))
    plain, _ = _best(lambda: _plain(folder / "plain", before))
    delta_written, delta = _timed(lambda: write_delta(before, after))
    applied, _ = _timed(lambda: apply_delta(before, delta))
    (folder / "zone").write_bytes(content)
    return {
        "zone_s": round(written, 3),
        "plain_s": round(plain, 3),
        "ratio_zone": round(written / plain, 2),
        "zone_checked_s": round(checked, 2),
        "delta_s": round(delta_written, 2),
        "delta_applied_s": round(applied, 2),
        "delta_bytes": len(delta),
        "zone_bytes": len(content),
    }


def _plain(path: Path, block: BlockList) -> None:
    with path.open("w", encoding="ascii") as file:
        for name in block.names:
            file.write(f"{name} CNAME {_STOP}.\n*.{name} CNAME {_STOP}.\n")


def _served(
    folder: Path, before: BlockList, after: BlockList, lifted: BlockList
) -> dict[str, object]:
    """Return seconds and memory of the two resolvers: load, one name more and less, a reload with one more.

    The same primary serves BIND, and Unbound by a BIND beside it, as two providers.
    """
    outside, primary, bind, unbound, beside = (servers.free_port() for _ in range(5))
    server = NameServer(address="127.0.0.1", port=primary)
    text = (folder / "zone").read_text(encoding="ascii")
    (folder / "zone").unlink()
    found: dict[str, object] = {}
    with ExitStack() as stack:
        run = stack.enter_context
        run(servers.world(folder / "world", outside))
        notify = {"one": bind, "two": beside}
        run(servers.hidden_primary(folder / "primary", primary, notify=notify, zone=text))
        start = time.monotonic()
        process = run(
            servers.bind_resolver(
                folder / "bind", bind, isp="one", primary=primary, outside=outside
            )
        )
        found |= _loaded("bind", process, bind, before, start)
        run(
            servers.distributor(
                folder / "beside", beside, isp="two", primary=primary, notify=unbound
            )
        )
        start = time.monotonic()
        process = run(servers.unbound(folder / "unbound", unbound, primary=beside, outside=outside))
        found |= _loaded("unbound", process, unbound, before, start)
        for name, block in (("listed", after), ("lifted", lifted)):
            start = time.monotonic()
            _change(server, block, added=block is after)
            for resolver, port in (("bind", bind), ("unbound", unbound)):
                _until(port, _NEW, blocked=block is after)
                found[f"{resolver}_{name}_ixfr_s"] = round(time.monotonic() - start, 2)
    return found | _reloaded(folder, before, after)


def _loaded(
    name: str, process: servers.Process, port: int, block: BlockList, start: float
) -> dict[str, object]:
    _until(port, block.names[-1], blocked=True)
    return {
        f"{name}_load_s": round(time.monotonic() - start, 2),
        f"{name}_mb": servers.resident(process),
    }


def _change(server: NameServer, block: BlockList, *, added: bool) -> None:
    """Add the one name to both copies, or remove it."""
    owners = [_NEW, f"*.{_NEW}"]
    for isp in ("one", "two"):
        update_zone(
            server,
            ZONE,
            key=read_key(servers.key_text(f"publish-{isp}")),
            removed=[] if added else owners,
            added=owners if added else [],
            target=_STOP,
            soa=soa_of(block),
        )


def _until(port: int, name: str, *, blocked: bool) -> None:
    """Wait until a resolver blocks a name, or no longer does.

    Raises:
        RuntimeError: it does not in fifteen minutes.
    """
    ends = time.monotonic() + _LONGEST
    while time.monotonic() < ends:
        with suppress(DNSException, OSError):
            if (servers.STOP_ADDRESS in servers.resolve(port, name)) is blocked:
                return
        time.sleep(0.02)
    raise RuntimeError(f"{name} is not {'blocked' if blocked else 'answered'} at port {port}")


def _best(made: Callable[[], T]) -> tuple[float, T]:
    """Return the least processor time of some runs, which others disturb least, and a value."""
    times, value = [], made()
    for _ in range(_ROUNDS):
        start = time.process_time()
        value = made()
        times.append(time.process_time() - start)
    return min(times), value


def _timed(made: Callable[[], T]) -> tuple[float, T]:
    start = time.process_time()
    value = made()
    return time.process_time() - start, value


def _reloaded(folder: Path, before: BlockList, after: BlockList) -> dict[str, object]:
    """Return the seconds until a new name is blocked in each resolver that reads the whole zone file anew."""
    found: dict[str, object] = {}
    outside = servers.free_port()
    with ExitStack() as stack:
        stack.enter_context(servers.world(folder / "world2", outside))
        for name, started in (("bind", servers.bind_of_file), ("unbound", servers.unbound_of_file)):
            port, zone = servers.free_port(), folder / f"{name}.zone"
            zone.write_bytes(write_zone(before))
            with started(folder / f"{name}-file", port, zone=zone, outside=outside) as process:
                _until(port, before.names[-1], blocked=True)
                zone.write_bytes(write_zone(after))
                start = time.monotonic()
                process.send_signal(signal.SIGHUP)
                _until(port, _NEW, blocked=True)
                found[f"{name}_reload_s"] = round(time.monotonic() - start, 2)
    return found
