"""Failpoints: silent without the variable, deadly at the count, and every name is placed once."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fanal.kernel import failpoints

SOURCES = Path(failpoints.__file__).parents[1]


def test_without_the_variable_nothing_happens() -> None:
    mark = failpoints.hook({})
    for name in failpoints.POINTS:
        mark(name)


@pytest.mark.parametrize(
    "text", ["nowhere:1:kill", "receive.begin", "receive.begin:0:kill", "receive.begin:1:stop", ":"]
)
def test_what_is_no_failpoint_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="FANAL_FAILPOINT"):
        failpoints.read_failpoint({"FANAL_FAILPOINT": text})


def test_is_read_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "point").write_text("worker.claimed:7:kill\n")
    found = failpoints.read_failpoint({"FANAL_FAILPOINT": f"@{tmp_path / 'point'}"})
    assert found == ("worker.claimed", 7)


def test_kills_at_the_count() -> None:
    script = (
        "from fanal.kernel.failpoints import hook\n"
        "mark = hook({'FANAL_FAILPOINT': 'send.begin:3:kill'})\n"
        "for number in range(9):\n"
        "    print(number, flush=True); mark('send.sent'); mark('send.begin')\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert answer.returncode == -signal.SIGKILL
    assert answer.stdout.split() == ["0", "1", "2"]


def test_every_name_is_placed() -> None:
    placed: set[str] = set()
    for path in SOURCES.rglob("*.py"):
        placed |= set(re.findall(r'failpoint\("([a-z.]+)"\)', path.read_text()))
    assert placed == failpoints.POINTS
