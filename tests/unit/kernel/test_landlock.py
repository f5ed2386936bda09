"""What a supervised child may not read, it cannot: asked of real processes."""

import json
import os
import sys
from pathlib import Path

import pytest

from fanal.cli.supervisor import Child
from fanal.kernel import landlock

pytestmark = pytest.mark.skipif(not landlock.is_there(), reason="this kernel has no Landlock")
TRIES = """
import json, sys
found = {}
for path in json.loads(sys.argv[1]):
    try:
        found[path] = len(open(path, "rb").read(3))
    except OSError as error:
        found[path] = error.strerror
open(sys.argv[2], "w").write("later")
print(json.dumps(found))
"""


def tried(tmp_path: Path, paths: list[Path], *, shut: list[Path]) -> dict[str, object]:
    """Return what a child read of each path: three octets, or why not."""
    log, later = tmp_path / "child.log", tmp_path / "keys" / "later"
    log.unlink(missing_ok=True)
    child = Child(
        name="child",
        arguments=[sys.executable, "-c", TRIES, json.dumps([str(p) for p in paths]), str(later)],
        environment={},
        log=log,
        shut=shut,
    )
    child.start()
    assert child.process is not None
    assert child.process.wait(timeout=60) == 0, log.read_text()
    assert later.read_text() == "later"
    found: dict[str, object] = json.loads(log.read_text())
    return found


def test_a_child_reads_what_lies_beside_and_not_what_is_shut(tmp_path: Path) -> None:
    keys, other = tmp_path / "keys", tmp_path / "other"
    for folder in (keys, other / "deep"):
        folder.mkdir(parents=True)
    secret, open_key, further = keys / "ledger.key", keys / "digest.key", other / "deep" / "file"
    for path in (secret, open_key, further):
        path.write_text("key")
    by_link = other / "link"
    by_link.symlink_to(secret)
    parent = Path(f"/proc/{os.getpid()}/environ")
    asked = [
        secret,
        by_link,
        open_key,
        further,
        parent,
        Path("/etc/hostname"),
        Path("/dev/urandom"),
    ]
    free = tried(tmp_path, asked, shut=[])
    assert set(free.values()) == {3}
    shut = tried(tmp_path, asked, shut=[secret])
    refused = {path for path, answer in shut.items() if answer == "Permission denied"}
    assert refused == {str(path) for path in (secret, by_link, parent)}
    assert {answer for path, answer in shut.items() if path not in refused} == {3}


def test_what_is_not_there_yet_is_shut_too(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    there = tmp_path / "keys" / "a"
    there.write_text("key")
    found = tried(
        tmp_path, [there, tmp_path / "keys" / "later"], shut=[tmp_path / "keys" / "later"]
    )
    assert found[str(there)] == 3
    again = tried(tmp_path, [tmp_path / "keys" / "later"], shut=[tmp_path / "keys" / "later"])
    assert again == {str(tmp_path / "keys" / "later"): "Permission denied"}
