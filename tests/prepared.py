"""Installations as `fanal migrate` makes them, made once for a whole run and copied where one is needed.

For tests of what an installation does: how it is made has tests of its own. A copy has the keys of the one
that was made: two that must know each other's apart are made each for itself.
"""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

from fanal.postgres import Cluster
from tests.server import SHARED


def prepare(home: Path, *, demo: bool) -> None:
    """Make `home`, which is not there yet, an installation without reports, whose server is stopped; a demo has its accounts."""
    folder = Path(os.environ[SHARED]) / ("prepared-demo" if demo else "prepared")
    folder.mkdir(mode=0o755, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "var").exists():
            _migrate(folder / "new", demo=demo)
            if demo:
                _call(folder / "new", "demo", "accounts")  # else each `fanal run` makes them
            (folder / "new").rename(folder / "var")
    made = Cluster.open(home=folder / "var", environ=os.environ)
    if made.place.sheltered:
        _migrate(home, demo=demo)  # its tables lie elsewhere
    else:
        subprocess.run(["cp", "-a", str(folder / "var"), str(home)], check=True)


def _migrate(home: Path, *, demo: bool) -> None:
    _call(home, "migrate", *(["--demo"] if demo else []))


def _call(home: Path, *arguments: str) -> None:
    ours = ("FANAL_", "DATABASE_", "DJANGO_", "PYTEST_", "PG")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
    answer = subprocess.run(
        [sys.executable, "-m", "fanal", *arguments],
        env=environment | {"FANAL_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert answer.returncode == 0, answer.stderr
