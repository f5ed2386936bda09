"""How the tests of exchanged lists act at the desk of a running installation."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.live import Live

SCRIPT = Path(__file__).with_name("shared_lists.py")
COUNT = 2300


def change(server: Live, **wanted: Any) -> dict[str, list[str]]:
    """Do at the desk what `shared_lists` offers."""
    done = subprocess.run(
        [sys.executable, str(SCRIPT)],
        input=json.dumps(wanted),
        env=server.environment(PYTHONPATH="src:."),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def row(number: int) -> list[str]:
    return [f"{number:032x}", f"{number:064x}" if number % 2 else ""]
