"""`fanal transparency` and `fanal witness`: a log, its witness as a process of its own, and who verifies both."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.cli import test_blocking

pytestmark = pytest.mark.serial
Call = test_blocking.Call
home, call = test_blocking.home, test_blocking.call  # fixtures: a demo installation of its own
VERIFIER = Path(__file__).parents[3] / "docs/how-to/verify_transparency.py"


@contextmanager
def witness(folder: Path, log: str, port: int) -> Iterator[str]:
    """Run the overseer's witness; yield its public key."""
    command = ["witness", "run", str(folder), "--name", "witness.test", "--log", log]
    with subprocess.Popen(
        [sys.executable, "-m", "fanal", *command, "--port", str(port)],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def test_a_list_a_log_a_witness_and_who_verifies_them(home: Path, call: Call) -> None:
    log, port = home / "transparency", free_port()
    assert call("demo", "block", "one.example").status == 0
    assert call("blocklist", "publish", "--json").status == 0
    assert call("transparency", "publish").status == 0
    vkey = (home / "keys/transparency-0001.vkey").read_text().strip()
    opening, blocking = (home / "blocklist/latest" / f"{n}.json" for n in ("opening", "blocking"))
    opened = ["--opening", str(opening), "--list", str(blocking), "--key", vkey]
    first = log / "first"
    first.write_text((log / "checkpoint").read_text())
    done = call("transparency", "verify", str(log), *opened, "--json")
    assert json.loads(done.out)["opened"] == 1, done.err

    with witness(home.parent / "witness", vkey, port) as public:
        (home / "witness.toml").write_text(f'url = "http://127.0.0.1:{port}"\nkey = "{public}"\n')
        assert call("demo", "lift", "one.example").status == 0
        published = call("transparency", "publish")
        assert published.status == 0, published.err
        assert published.out.count("— ") == 2
        assert call("transparency", "publish").out == published.out  # nothing new: it stays
        both = [*opened, "--witness", public, "--earlier", str(first)]
        assert call("transparency", "verify", str(log), *both).status == 0
        assert call("demo", "block", "two.example").status == 0
        assert call("transparency", "publish").status == 0  # goes on from what the witness knows
        assert call("transparency", "verify", str(log), *both).status == 0
        keys = home.parent / "keys.txt"
        keys.write_text(f"{vkey}\n{public}\n")
        alone = [sys.executable, "-I", VERIFIER, keys, log, opening, blocking]
        assert subprocess.run(alone, check=False).returncode == 0

    assert call("demo", "lift", "two.example").status == 0
    silent = call("transparency", "publish")
    assert silent.status == 1
    assert "127.0.0.1" in silent.err
    assert call("transparency", "verify", str(log), "--key", vkey).status == 0
    refused = call("transparency", "verify", str(log), "--key", vkey, "--witness", public)
    assert refused.status == 1
    assert "no cosignature" in refused.err
