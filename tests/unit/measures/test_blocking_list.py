"""The list and its zone: what is blocked, until when, and that a resolver reads exactly that."""

import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import example, given, strategies as st

from fanal.measures.blocking.blocklist import (
    LIFE,
    BlockList,
    Entry,
    ListWrong,
    closed,
    is_later,
    make_list,
    next_serial,
)
from fanal.measures.blocking.formats import check_zone, read_zone, write_zone
from fanal.measures.blocking.names import ZONE, HostName, covers, names_above

NOW = datetime(2026, 11, 30, 21, 0, tzinfo=UTC)
STOP = "stop.fanal.test"


def entry(name: str, *, days: float = 60, since: datetime = NOW) -> Entry:
    return Entry(name=HostName(name), since=since, expires=NOW + timedelta(days=days))


def block(*names: str, known: tuple[int, ...] = ()) -> BlockList:
    return make_list([entry(n) for n in names], made_at=NOW, known=known, stop_host=STOP)


def answer(zone: set[str], asked: str) -> bool:
    """Return whether a resolver finds a record for a name in the zone, by RFC 4592 (closest encloser)."""
    nodes = {up for owner in zone for up in (owner, *names_above(owner))}
    if asked in nodes:
        return asked in zone
    encloser = next((up for up in names_above(asked) if up in nodes), "")
    return (f"*.{encloser}" if encloser else "*") in zone


def owners(names: list[str]) -> set[str]:
    return {owner for name in names for owner in (name, f"*.{name}")}


def test_an_entry_that_ended_is_in_no_list() -> None:
    ended, last = entry("ended.example", days=0), entry("last.example", days=1 / 86_400)
    made = make_list([ended, last], made_at=NOW, known=(), stop_host=STOP)
    assert made.names == ("last.example",)


def test_the_list_ends_after_a_day_or_with_its_first_entry() -> None:
    assert block("a.example").expires_at == NOW + LIFE
    assert block().expires_at == NOW + LIFE
    made = make_list(
        [entry("a.example", days=0.5), entry("b.example")], made_at=NOW, known=(), stop_host=STOP
    )
    assert made.expires_at == NOW + timedelta(hours=12)


def test_two_measures_on_a_name_are_one_entry_until_the_later_end() -> None:
    earlier = NOW - timedelta(days=3)
    two = [entry("a.example", days=1, since=NOW), entry("a.example", days=9, since=earlier)]
    (one,) = make_list(two, made_at=NOW, known=(), stop_host=STOP).entries
    assert (one.since, one.expires) == (earlier, NOW + timedelta(days=9))


def test_an_instant_is_cut_never_rounded_up() -> None:
    late = Entry(name=HostName("a.example"), since=NOW, expires=NOW + timedelta(seconds=9.9))
    made = make_list([late], made_at=NOW + timedelta(seconds=0.5), known=(), stop_host=STOP)
    assert (made.made_at, made.expires_at) == (NOW, NOW + timedelta(seconds=9))


@pytest.mark.parametrize("name", ["stop.fanal.test", "fanal.test"])
def test_no_list_blocks_the_stop_page(name: str) -> None:
    with pytest.raises(ListWrong, match="covers the stop page"):
        block("a.example", name)


INJECTIONS = [
    "a.example CNAME evil.example.\n*", "a.example\nevil.example", "a.example ; x", "$INCLUDE /etc/passwd",
    "a.example\t60 IN A 203.0.113.7", "*.example", "a.example.", '"a".example', "a\\.example", "a.exa(mple",
    "@", "", "rpz-drop.example", "é.example", "A.example", "a.example,2026", "a.example^$all",
]  # fmt: skip


@pytest.mark.parametrize("name", INJECTIONS)
def test_nothing_but_a_written_name_reaches_a_file(name: str) -> None:
    with pytest.raises(ValueError, match="no written host name"):
        block("b.example", name)
    with pytest.raises(ValueError, match="no written host name"):
        make_list([], made_at=NOW, known=(), stop_host=name)
    made = block("b.example")
    forged = BlockList(
        serial=made.serial, made_at=made.made_at, expires_at=made.expires_at,
        stop_host=made.stop_host, entries=(entry(name),),
    )  # fmt: skip
    with pytest.raises(ValueError, match="no written host name"):
        write_zone(forged)


def test_the_zone_has_each_name_and_its_wildcard() -> None:
    made = block("pictures.example", "xn--bcher-kva.example")
    lines = write_zone(made).decode().splitlines()
    assert "pictures.example CNAME stop.fanal.test." in lines
    assert "*.pictures.example CNAME stop.fanal.test." in lines
    assert lines[:2] == [
        f"; Fanal blocking list {made.serial}, made 2026-11-30T21:00:00Z",
        "; not to be used after 2026-12-01T21:00:00Z",
    ]
    found = read_zone(write_zone(made))
    assert (found.serial, found.expire, found.target) == (made.serial, 86_400, STOP)
    assert found.names == {"pictures.example", "xn--bcher-kva.example"}


def test_an_empty_list_is_a_zone_that_blocks_nothing() -> None:
    made = block()
    check_zone(write_zone(made), made)
    assert read_zone(write_zone(made)).names == set()


def test_a_name_between_two_blocked_ones_stays_blocked() -> None:
    names = ["pictures.example", "x.y.z.pictures.example"]
    alone, whole = owners(names), owners(closed(block(*names).names))
    asked = ("z.pictures.example", "y.z.pictures.example", "new.z.pictures.example")
    assert [answer(alone, name) for name in asked] == [False, False, False]
    assert [answer(whole, name) for name in asked] == [True, True, True]


LABEL = st.sampled_from(["a", "b", "c", "1", "xn--bcher-kva"])
NAME = st.lists(LABEL, min_size=0, max_size=4).map(lambda labels: ".".join([*labels, "d.example"]))


@given(st.sets(NAME, max_size=8), st.lists(NAME, max_size=8))
@example({"d.example", "a.b.c.d.example"}, ["c.d.example"])
def test_a_resolver_blocks_what_a_listed_name_covers_and_nothing_else(
    names: set[str], asked: list[str]
) -> None:
    made = block(*names)
    content = write_zone(made)
    check_zone(content, made)
    zone = owners(list(read_zone(content).names))
    for name in (*asked, *names, "example", "other.example"):
        assert answer(zone, name) == any(covers(listed, name) for listed in names), name


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"a.example CNAME stop.fanal.test.\n*.a", b"*.a"),
        (b"*.a.example CNAME stop.fanal.test.\n", b""),
        (b"a.example CNAME stop.fanal.test.\n*.a.example CNAME stop.fanal.test.\n", b""),
        (b"\na.example CNAME stop.fanal.test.", b"\na.example CNAME ."),
        (b"\na.example CNAME stop.fanal.test.", b"\na.example CNAME stop.fanal.test"),
        (b"\na.example CNAME stop.fanal.test.", b"\na.example A 203.0.113.7"),
        (b"\na.example ", b"\na.example TXT x\na.example "),
        (b"\na.example ", b"\nc.example CNAME stop.fanal.test.\n*.c.example CNAME stop.fanal.test.\na.example "),
        (b"\na.example ", b"\n32.7.113.0.203.rpz-ip CNAME stop.fanal.test.\na.example "),
        (b"\na.example ", b"\n@ TXT x\na.example "),
        (b"\na.example ", b"\n$INCLUDE /etc/hostname\na.example "),
        (b"\na.example ", b"\n$GENERATE 1-9 x$ CNAME stop.fanal.test.\na.example "),
        (b" 86400 60\n", b" 86401 60\n"),
        (b"@ SOA", b"x SOA"),
        (b"@ NS localhost.\n", b""),
        (b"$TTL", b"\xff"),
    ],
)  # fmt: skip
def test_a_zone_that_differs_in_anything_is_refused(old: bytes, new: bytes) -> None:
    made = block("a.example", "b.example")
    content = write_zone(made)
    check_zone(content, made)
    assert old in content
    with pytest.raises(ListWrong):
        check_zone(content.replace(old, new, 1), made)


def test_a_zone_with_another_serial_is_refused() -> None:
    made = block("a.example")
    with pytest.raises(ListWrong, match="serial"):
        check_zone(write_zone(block("a.example", known=(made.serial,))), made)


LAST = 2**32 - 1


@pytest.mark.parametrize(
    ("one", "other", "later"),
    [(1, 0, True), (0, 1, False), (0, 0, False), (0, LAST, True), (LAST, 0, False), (44, 0, True),
     (2**31 - 1, 0, True), (2**31, 0, False), (0, 2**31, False), (2**31 + 1, 0, False), (0, 2**31 + 1, True)],
)  # fmt: skip
def test_serials_are_compared_by_rfc_1982(one: int, other: int, later: bool) -> None:
    assert is_later(one, other) is later


def test_a_serial_is_the_time_or_one_more_than_the_last() -> None:
    seconds = int(NOW.timestamp())
    assert next_serial((), made_at=NOW) == seconds
    assert next_serial((5, 17), made_at=NOW) == seconds
    assert next_serial((seconds,), made_at=NOW) == seconds + 1
    assert next_serial((seconds + 7, seconds), made_at=NOW) == seconds + 8
    assert next_serial((LAST,), made_at=datetime(2026, 1, 1, tzinfo=UTC)) != 0
    wrapped = datetime.fromtimestamp(2**32, tz=UTC)
    assert next_serial((), made_at=wrapped) == 1
    assert next_serial((LAST - 3,), made_at=wrapped) == 1
    with pytest.raises(ListWrong, match="no serial is later"):
        next_serial((0, 2**31), made_at=NOW)


def test_a_list_after_a_restore_is_later_than_those_that_the_backup_lacks() -> None:
    lists, known = [], ()
    for minutes in range(30):
        lists.append(next_serial(known, made_at=NOW + timedelta(minutes=minutes)))
        known = (lists[-1],)
    restored = next_serial((lists[3],), made_at=NOW + timedelta(minutes=31))
    assert all(is_later(restored, serial) for serial in lists)


@given(st.lists(st.integers(0, 3000), max_size=60), st.integers(0, LAST))
def test_a_serial_never_goes_down(seconds: list[int], first: int) -> None:
    serial, at = first, NOW
    for passed in seconds:
        at += timedelta(seconds=passed - 100)  # a clock that also steps back
        following = next_serial((serial,), made_at=at)
        assert is_later(following, serial)
        assert following != 0
        serial = following


NASTY = ("a.example", "x.y.z.a.example", "1.2.3.4.example", "xn--bcher-kva.example", "a-b--c.example",
         "in.example", "cname.example", "soa.ns.example", "a" * 63 + ".example")  # fmt: skip


@pytest.mark.skipif(not shutil.which("named-checkzone"), reason="needs BIND's named-checkzone")
def test_bind_loads_the_zone(tmp_path: Path) -> None:
    made = block(*NASTY)
    (tmp_path / "zone").write_bytes(write_zone(made))
    command = ["named-checkzone", "-i", "none", "-s", "full", "-D", ZONE, str(tmp_path / "zone")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    loaded = {line[0] for line in lines if line[3:] == ["CNAME", f"{STOP}."]}
    assert loaded == {f"{owner}.{ZONE}." for owner in owners(closed(made.names))}


@pytest.mark.skipif(not shutil.which("unbound-checkconf"), reason="needs unbound-checkconf")
def test_unbound_takes_the_zone(tmp_path: Path) -> None:
    (tmp_path / "zone").write_bytes(write_zone(block(*NASTY)))
    settings = f'server:\n module-config: "respip iterator"\n chroot: ""\n username: ""\n directory: "{tmp_path}"\n'
    settings += f"rpz:\n name: {ZONE}\n zonefile: {tmp_path / 'zone'}\n"
    (tmp_path / "conf").write_text(settings)
    done = subprocess.run(
        ["unbound-checkconf", str(tmp_path / "conf")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
