"""`fanal blocklist`: from a lawful story to what real BIND and Unbound answer, and back within seconds."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks import nameservers as real
from fanal.cli.blocklist_copies import load_copies
from fanal.config.keys import load_keys
from fanal.connectors import nameservers
from fanal.connectors.nameservers import ServerFailed
from fanal.postgres import Cluster
from tests import witnesses
from tests.integration.cli.calling import Answer, Manner, caller
from tests.integration.cli.test_transparency import witness
from tests.prepared import prepare
from tests.server import fast_folder

pytestmark = [
    pytest.mark.usefixtures("first"),
    pytest.mark.xdist_group("blocking"),
    pytest.mark.serial,
    pytest.mark.skipif(
        not all(map(real.program, ("named", "unbound"))), reason="needs BIND and Unbound"
    ),
]
Call = Callable[..., Answer]
SOON, LIFT = 30, 5
"""Seconds until a change must be seen; those of an emergency lift are a promise (ADR 0075)."""
BLOCKED = (real.STOP_ADDRESS,)
NORMAL = (real.OTHER_ADDRESS,)
CENSORED = (real.STOP_ADDRESS, "EDE 16")


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A demo installation without reports."""
    folder = Path(tempfile.mkdtemp(prefix="fanal-blocklist-", dir=fast_folder()))
    folder.chmod(0o755)
    try:
        prepare(folder / "var", demo=True)
        yield folder / "var"
    finally:
        Cluster.open(home=folder / "var", environ=os.environ).stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def call(home: Path) -> Iterator[Call]:
    """Return a function that calls `fanal` with its arguments."""
    with caller(home=home, folder=home.parent / "out", manner=Manner.STARTED) as kept:
        yield lambda *arguments: kept.call([list(arguments)])[0]


@dataclass(frozen=True)
class Servers:
    """The ports of the servers: two providers, north with BIND, south with Unbound beside a BIND."""

    folder: Path
    primary: int
    north: int
    south: int
    beside: int


@pytest.fixture(scope="module")
def servers(home: Path) -> Iterator[Servers]:
    """Real name servers, and the settings by which `fanal blocklist` knows them."""
    outside, primary, north, south, beside = (real.free_port() for _ in range(5))
    folder = home.parent / "dns"
    folder.mkdir()
    with ExitStack() as stack:
        for server in (
            real.world(folder / "world", outside),
            real.hidden_primary(
                folder / "primary", primary, notify={"north": north, "south": beside}
            ),
            real.bind_resolver(
                folder / "north", north, isp="north", primary=primary, outside=outside
            ),
            real.distributor(folder / "beside", beside, isp="south", primary=primary, notify=south),
            real.unbound(folder / "south", south, primary=beside, outside=outside),
        ):
            stack.enter_context(server)
        _settings(home, primary=primary, ports={"north": (north, north), "south": (beside, south)})
        yield Servers(folder, primary, north, south, beside)


def _settings(home: Path, *, primary: int, ports: dict[str, tuple[int, int]]) -> None:
    text = 'canary = "canary.example"\n'
    for isp, (secondary, resolver) in ports.items():
        for name in (isp, f"publish-{isp}"):
            (home / "keys" / f"tsig-{name}.key").write_text(real.key_text(name))
        text += (
            f'[[copy]]\nisp = "{isp}"\nprimary = "127.0.0.1:{primary}"\n'
            f'update_key = "keys/tsig-publish-{isp}.key"\ntransfer_key = "keys/tsig-{isp}.key"\n'
            f'secondary = "127.0.0.1:{secondary}"\nresolver = "127.0.0.1:{resolver}"\n'
            f'outside = ["127.0.0.1:{resolver}"]\n'
        )
    (home / "blocklist.toml").write_text(text)


def lines(answer: Answer) -> list[dict[str, object]]:
    assert answer.status == 0, answer.err
    return [json.loads(line) for line in answer.out.splitlines()]


def until(expected: dict[tuple[int, str], tuple[str, ...]], *, seconds: float) -> float:
    """Wait until each resolver answers as expected for a name; return the seconds that it took."""
    start = time.monotonic()
    while True:
        found = {key: real.resolve(*key) for key in expected}
        passed = time.monotonic() - start
        if found == expected:
            return passed
        assert passed < seconds, found
        time.sleep(0.05)


@pytest.fixture(scope="module")
def first(call: Call, servers: Servers) -> list[dict[str, object]]:
    """Two names blocked and published: what the command said."""
    assert call("demo", "block", "pages.one.example", "two.example").status == 0
    return lines(call("blocklist", "publish", "--json"))


def test_names_are_blocked_in_bind_and_unbound_and_their_neighbours_answer(
    call: Call, home: Path, servers: Servers, first: list[dict[str, object]]
) -> None:
    version, *copies = first
    assert (version["entries"], version["published"], version["held"]) == (2, True, 0)
    assert {(one["isp"], one["messages"]) for one in copies} == {("north", 1), ("south", 1)}
    names = ("pages.one.example", "x.pages.one.example", "two.example", "y.z.two.example")
    expected = {(servers.north, name): CENSORED for name in names}
    expected |= {(servers.south, name): BLOCKED for name in names}
    for neighbour in ("one.example", "www.one.example", "xtwo.example", "example"):
        answer = () if neighbour == "example" else NORMAL
        expected |= {(port, neighbour): answer for port in (servers.north, servers.south)}
    until(expected, seconds=SOON)
    (verified,) = lines(call("blocklist", "verify", "--json"))
    assert verified["serial"] >= version["serial"]
    (key,) = load_keys(home, public_node=True).ledger_known
    for words in (["--key", key.encode()], ["--after", str(verified["serial"])]):
        assert call("blocklist", "verify", str(home / "blocklist"), *words).status == 0
    later = call("blocklist", "verify", "--after", str(int(str(verified["serial"])) + 1))
    assert later.complaint(1) is None
    assert "a later list" in later.err


def test_a_change_is_taken_by_ixfr_and_no_zone_is_read_anew(call: Call, servers: Servers) -> None:
    log = servers.folder / "primary/log"
    before = log.read_text().count("AXFR started")
    assert call("demo", "block", "three.example").status == 0
    assert lines(call("blocklist", "publish", "--json"))[0]["published"] is True
    until(
        {(servers.north, "three.example"): CENSORED, (servers.south, "three.example"): BLOCKED},
        seconds=SOON,
    )
    after = log.read_text()
    assert after.count("AXFR started") == before
    assert after.count("IXFR started") >= 2
    beside = (servers.folder / "beside/log").read_text()
    assert "IXFR started" in beside


def test_each_provider_has_a_canary_of_its_own(call: Call, home: Path, servers: Servers) -> None:
    canaries = {one.isp: one.canary for one in load_copies(home)[0]}
    assert len(set(canaries.values())) == 2
    assert real.resolve(servers.north, canaries["north"]) == CENSORED
    assert real.resolve(servers.north, canaries["south"]) == NORMAL
    text = "".join(p.read_text() for p in (home / "blocklist").glob("[0-9]*/*.json"))
    assert not any(name in text for name in canaries.values())
    for isp, explained in (("north", True), ("south", False)):
        outside, inside = lines(call("blocklist", "probe", isp, "--json"))
        assert (outside["check"], outside["ok"], outside["said"]) == ("outside", True, "")
        assert (inside["ok"], inside["said"]) == (True, "stop.fanal.test")
        assert inside["explained"] is explained


def test_a_zone_that_answers_everybody_is_found(call: Call, home: Path, servers: Servers) -> None:
    settings = home / "blocklist.toml"
    text = settings.read_text()
    settings.write_text(
        text.replace(
            f'outside = ["127.0.0.1:{servers.south}"]', f'outside = ["127.0.0.1:{servers.beside}"]'
        )
    )
    try:
        answer = call("blocklist", "probe", "south", "--json")
    finally:
        settings.write_text(text)
    assert answer.status == 1
    found = json.loads(answer.out.splitlines()[0])
    assert (found["ok"], found["said"]) == (False, "SOA AXFR")


def test_status_tells_what_each_provider_serves(call: Call, home: Path, servers: Servers) -> None:
    version, *providers = lines(call("blocklist", "status", "--json"))
    assert (version["waiting"], version["expired"]) == (0, False)
    assert {one["isp"]: (one["serial"], one["late"]) for one in providers} == dict.fromkeys(
        ("north", "south"), (version["serial"], False)
    )
    settings = home / "blocklist.toml"
    text = settings.read_text()
    silent = f'secondary = "127.0.0.1:{real.free_port()}"'
    settings.write_text(text.replace(f'secondary = "127.0.0.1:{servers.north}"', silent))
    try:
        answer = call("blocklist", "status", "--json")
    finally:
        settings.write_text(text)
    assert answer.status == 1
    late = [one for one in map(json.loads, answer.out.splitlines()) if one.get("late")]
    assert [(one["isp"], one["serial"]) for one in late] == [("north", None)]


def test_a_server_that_is_further_on_is_overtaken(call: Call, home: Path, servers: Servers) -> None:
    """As after a restore: neither database nor folder know the list that the server has."""
    north = next(one for one in load_copies(home)[0] if one.isp == "north")
    serial = nameservers.ask_serial(north.primary, real.ZONE, key=north.update_key)
    ahead = f"localhost. root.localhost. {serial + 100_000} 60 10 86400 60"
    nameservers.update_zone(
        north.primary, real.ZONE, key=north.update_key, removed=["two.example", "*.two.example"],
        added=["stray.example"], target="stop.fanal.test", soa=ahead,
    )  # fmt: skip
    until(
        {(servers.north, "two.example"): NORMAL, (servers.north, "stray.example"): CENSORED},
        seconds=SOON,
    )
    told = lines(call("blocklist", "publish", "--json"))
    assert told[-1]["serial"] == max(int(str(one["serial"])) for one in told)
    assert int(str(told[-1]["serial"])) > serial + 100_000
    until(
        {(servers.north, "two.example"): CENSORED, (servers.north, "stray.example"): NORMAL},
        seconds=SOON,
    )


def test_only_the_publisher_changes_a_copy(home: Path, servers: Servers) -> None:
    (north, south), _ = load_copies(home)
    change = {
        "removed": ["two.example"],
        "added": [],
        "target": "x.example",
        "soa": "a. b. 1 1 1 1 1",
    }
    for key in (north.transfer_key, south.transfer_key):
        with pytest.raises(ServerFailed, match="REFUSED"):
            nameservers.update_zone(north.primary, real.ZONE, key=key, **change)
    for key, canary in ((north.update_key, north.canary), (south.update_key, south.canary)):
        _, owners = nameservers.read_owners(north.primary, real.ZONE, key=key)
        assert {name for name, _ in owners if "canary" in name} == {canary, f"*.{canary}"}
    stranger = real.free_port()
    with pytest.raises(ServerFailed):
        nameservers.ask_serial(
            type(north.primary)(address="127.0.0.1", port=stranger), real.ZONE, key=north.update_key
        )


@contextmanager
def following(home: Path) -> Iterator[Path]:
    """Run `fanal blocklist publish --follow` until the block ends; yield its output."""
    out = home.parent / "followed"
    ours = ("FANAL_", "DATABASE_URL", "DJANGO_")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
    with out.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "fanal", "blocklist", "publish", "--follow", "--json"],
            env={**environment, "FANAL_HOME": str(home)},
            stdout=stream,
            stderr=stream,
        )
        try:
            yield out
        finally:
            process.terminate()
            process.wait(20)


def test_a_listing_and_an_emergency_lift_are_effective_within_seconds(
    call: Call, home: Path, servers: Servers
) -> None:
    both = (servers.north, servers.south)
    with following(home) as out:
        until({(port, "four.example"): NORMAL for port in both}, seconds=SOON)
        assert call("demo", "block", "four.example").status == 0
        listed = until(
            {(servers.north, "four.example"): CENSORED, (servers.south, "four.example"): BLOCKED},
            seconds=SOON,
        )
        assert call("demo", "lift", "four.example").status == 0
        lifted = until({(port, "four.example"): NORMAL for port in both}, seconds=LIFT)
        rest = {(servers.north, "two.example"): CENSORED, (servers.south, "two.example"): BLOCKED}
        until(rest, seconds=1)
        print(f"listed after {listed:.2f} s, lifted after {lifted:.2f} s: {out.read_text()}")


def test_a_fault_in_one_provider_s_settings_keeps_no_change_from_the_others(
    call: Call, home: Path, servers: Servers
) -> None:
    """A key file moved away, then settings that cannot be read: at a start, and while it follows."""
    key, settings = home / "keys/tsig-publish-north.key", home / "blocklist.toml"
    kept, text = key.read_text(), settings.read_text()
    try:
        with following(home) as out:
            for _ in range(20 * SOON):  # until it knows the copies
                if out.read_text():
                    break
                time.sleep(0.05)
            key.unlink()
            assert call("demo", "block", "five.example").status == 0
            until({(servers.north, "five.example"): CENSORED, (servers.south, "five.example"): BLOCKED},
                  seconds=SOON)  # fmt: skip
            settings.write_text("[[copy")
            assert call("demo", "lift", "five.example").status == 0
            until(
                {(port, "five.example"): NORMAL for port in (servers.north, servers.south)},
                seconds=SOON,
            )
            assert "north" in out.read_text()
        settings.write_text(text)
        assert call("demo", "block", "six.example").status == 0
        answer = call("blocklist", "publish", "--json")
        assert answer.status == 1
        assert "north" in answer.err
        until({(servers.south, "six.example"): BLOCKED}, seconds=SOON)
        assert real.resolve(servers.north, "six.example") == NORMAL
    finally:
        key.write_text(kept)
        settings.write_text(text)
    assert call("blocklist", "publish").status == 0
    until({(servers.north, "six.example"): CENSORED}, seconds=SOON)


def test_status_and_probe_use_what_can_be_read_and_tell_of_the_rest(
    call: Call, home: Path, servers: Servers
) -> None:
    key = home / "keys/tsig-publish-north.key"
    kept = key.read_text()
    key.unlink()
    try:
        status = call("blocklist", "status", "--json")
        south, north = (call("blocklist", "probe", isp, "--json") for isp in ("south", "north"))
    finally:
        key.write_text(kept)
    assert [one.get("isp") for one in map(json.loads, status.out.splitlines())] == [None, "south"]
    assert (status.status, south.status, north.status) == (1, 0, 1)
    assert all("north" in one.err for one in (status, south, north))
    assert north.out == ""


def _waits(call: Call, names: int) -> dict[str, object]:
    """Wait until `status` says that so many names wait for a cosignature; return what it says."""
    for _ in range(SOON):
        found: dict[str, object] = json.loads(
            call("blocklist", "status", "--json").out.splitlines()[0]
        )
        if found["unsigned"] == names:
            return found
        time.sleep(0.2)
    raise AssertionError(found)


@pytest.mark.parametrize("serve", [witnesses.hang, witnesses.drip], ids=["hangs", "drips"])
def test_a_lift_waits_for_no_witness_and_no_name_goes_past_one(
    call: Call, home: Path, servers: Servers, tmp_path: Path, serve: witnesses.Serve
) -> None:
    """One is lifted while another waits; then the witness answers."""
    kind = serve.__name__.replace("_", "-")
    old, new = f"old-{kind}.example", f"new-{kind}.example"
    settings, log = home / "witness.toml", (home / "keys/transparency-0001.vkey").read_text()
    port = real.free_port()
    with (
        witnesses.listening(serve) as silent,
        witness(home.parent / f"witness-{kind}", log.strip(), port) as key,
    ):
        settings.write_text(f'url = "http://127.0.0.1:{port}"\nkey = "{key}"\n')
        try:
            assert call("demo", "block", old).status == 0
            assert call("blocklist", "publish").status == 0
            blocked = {(servers.north, old): CENSORED, (servers.south, old): BLOCKED}
            until(blocked, seconds=SOON)
            settings.write_text(f'wait = 60\nurl = "{silent}"\nkey = "{key}"\n')
            with following(home) as out:
                assert call("demo", "block", new).status == 0
                assert _waits(call, 1)["unsigned_why"] == "ASKED"
                assert call("demo", "lift", old).status == 0
                lifted = until(
                    {(port, old): NORMAL for port in (servers.north, servers.south)}, seconds=LIFT
                )
                print(f"lifted after {lifted:.2f} s: {out.read_text()}")
                assert real.resolve(servers.north, new) == NORMAL
            settings.write_text(f'wait = 1\nurl = "{silent}"\nkey = "{key}"\n')
            assert call("blocklist", "publish").complaint(1) is None
            assert call("export", "rpz", "--out", str(tmp_path)).status == 0
            zone = (tmp_path / "rpz.fanal.zone").read_text()
            assert old not in zone
            assert new not in zone
            assert "two.example" in zone
            settings.write_text(f'url = "http://127.0.0.1:{port}"\nkey = "{key}"\n')
            assert call("export", "rpz", "--out", str(tmp_path)).status == 0
            assert new in (tmp_path / "rpz.fanal.zone").read_text()
            with following(home):
                until({(servers.north, new): CENSORED, (servers.south, new): BLOCKED}, seconds=SOON)
                assert _waits(call, 0)["cosigned"] is not None
        finally:
            settings.unlink()
