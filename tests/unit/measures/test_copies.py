"""The settings of the blocking list's copies: a fault in one provider's section takes no other with it."""

from pathlib import Path

import pytest

from fanal.cli.blocklist_copies import CopiesKept, load_copies
from fanal.cli.failures import CommandRefused

KEY = 'key "{name}" {{ algorithm hmac-sha256; secret "{secret}"; }};\n'
SECRETS = {"north": "bm9ydGhub3J0aG5vcnRobm9ydGg=", "south": "c291dGhzb3V0aHNvdXRoc291dGg=",
           "publish-north": "cHVibGlzaG5vcnRocHVibGlzaA==", "publish-south": "cHVibGlzaHNvdXRocHVibGlzaA==",
           "west": "d2VzdHdlc3R3ZXN0d2VzdHdlc3Q=", "publish-west": "cHVibGlzaHdlc3RwdWJsaXNod2VzdA==",
           "common": "Y29tbW9uY29tbW9uY29tbW9uY29tbW9u"}  # fmt: skip
SECTION = (
    '[[copy]]\nisp = "{isp}"\nprimary = "192.0.2.1:53"\n'
    'update_key = "publish-{isp}.key"\ntransfer_key = "{isp}.key"\n'
)
NORTH, SOUTH, WEST = (SECTION.format(isp=name) for name in ("north", "south", "west"))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for name, secret in SECRETS.items():
        (tmp_path / f"{name}.key").write_text(KEY.format(name=name, secret=secret))
    return tmp_path


def write(home: Path, *sections: str) -> None:
    (home / "blocklist.toml").write_text('canary = "canary.example"\n' + "".join(sections))


def test_all_are_read(home: Path) -> None:
    write(home, NORTH, SOUTH)
    copies, faults, unread = CopiesKept(home).read()
    assert ([one.isp for one in copies], faults, unread) == (["north", "south"], {}, "")
    assert load_copies(home) == (copies, {})


@pytest.mark.parametrize(
    "south",
    [
        SOUTH.replace("primary", "primery"),
        SOUTH.replace('primary = "192.0.2.1:53"\n', ""),
        SOUTH.replace('"192.0.2.1:53"', "53"),
        SOUTH.replace("192.0.2.1:53", "192.0.2.1:99999"),
        SOUTH.replace('"publish-south.key"', '"south.key"'),
        SOUTH.replace('"publish-south.key"', '"gone.key"'),
        SOUTH.replace('"publish-south.key"', '"nul\\u0000.key"'),
        SOUTH.replace('"publish-south.key"', '"north.key"'),
        SOUTH.replace('"south.key"', '"common.key"').replace("publish-south", "common"),
        SOUTH + SOUTH,
        SOUTH + SOUTH.replace("primary", "primery"),
    ],
)
def test_a_fault_in_one_section_is_that_provider_s_alone(home: Path, south: str) -> None:
    write(home, NORTH, south)
    copies, faults, unread = CopiesKept(home).read()
    assert ([one.isp for one in copies], list(faults), unread) == (["north"], ["south"], "")
    assert load_copies(home) == (copies, faults)


def test_a_canary_domain_below_which_no_name_fits_is_a_fault_of_the_file(home: Path) -> None:
    write(home, NORTH)
    copies, _, _ = (kept := CopiesKept(home)).read()
    long = ".".join(["a" * 56] * 4)
    (home / "blocklist.toml").write_text(f'canary = "{long}"\n{NORTH}')
    again, faults, unread = kept.read()
    assert (again, faults) == (copies, {})
    assert "canary" in unread
    with pytest.raises(CommandRefused):
        load_copies(home)


def test_two_that_share_a_transfer_key_are_both_left_out(home: Path) -> None:
    write(home, NORTH, SOUTH.replace('"south.key"', '"north.key"'))
    copies, faults, _ = CopiesKept(home).read()
    assert (copies, sorted(faults)) == ((), ["north", "south"])


def test_the_key_that_updates_several_copies_transfers_none(home: Path) -> None:
    common = [one.replace("publish-north", "publish-west") for one in (NORTH, WEST)]
    write(home, *common, SOUTH.replace('"south.key"', '"publish-west.key"'))
    copies, faults, _ = CopiesKept(home).read()
    assert ([one.isp for one in copies], list(faults)) == (["north", "west"], ["south"])


def test_a_section_without_a_name_takes_no_provider_with_it(home: Path) -> None:
    for nameless in ('isp = ""\n', "isp = 1\n", ""):
        bad = SOUTH.replace('isp = "south"\n', nameless)
        for other in ("1", "2"):
            write(home, bad, NORTH.replace('isp = "north"', f'isp = "{other}"'))
            copies, faults, _ = CopiesKept(home).read()
            assert ([one.isp for one in copies], len(faults)) == ([other], 1)


def test_a_copy_kept_from_before_shares_no_canary_with_a_new_one(home: Path) -> None:
    write(home, NORTH, SOUTH)
    kept = CopiesKept(home)
    before = {one.isp: one for one in kept.read()[0]}
    faulty = NORTH.replace("north.key", "gone.key")
    for south in (
        SOUTH.replace('"south.key"', '"north.key"'),
        SOUTH.replace('"publish-south.key"', '"north.key"'),
        SOUTH.replace('"south.key"', '"publish-north.key"'),
    ):
        write(home, faulty, south)
        copies, faults, unread = kept.read()
        assert {one.isp: one for one in copies} == before
        assert (sorted(faults), unread) == (["north", "south"], "")
    write(home, faulty, SOUTH, WEST.replace('"west.key"', '"north.key"'))
    copies, faults, _ = kept.read()
    assert {one.isp: one for one in copies} == before
    assert sorted(faults) == ["north", "west"]


def test_settings_that_are_a_link_to_nothing_are_told(home: Path) -> None:
    (home / "blocklist.toml").symlink_to(home / "unmounted" / "blocklist.toml")
    assert CopiesKept(home).read()[2]
    with pytest.raises(CommandRefused, match="BLOCKLIST_SETTINGS"):
        load_copies(home)


def test_what_was_read_stays_in_use_until_it_can_be_read_again(home: Path) -> None:
    kept = CopiesKept(home)
    assert kept.read() == ((), {}, "")
    write(home, NORTH, SOUTH)
    copies, _, _ = kept.read()
    (home / "publish-south.key").unlink()
    for _ in range(3):
        again, faults, unread = kept.read()
        assert (sorted(one.isp for one in again), list(faults), unread) == (
            ["north", "south"],
            ["south"],
            "",
        )
    (home / "blocklist.toml").unlink()
    gone, _, unread = kept.read()
    assert set(gone) == set(copies)
    assert unread
    (home / "blocklist.toml").write_text("[[copy")
    assert set(kept.read()[0]) == set(copies)
    write(home, NORTH)
    assert [one.isp for one in kept.read()[0]] == ["north"]
