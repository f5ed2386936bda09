"""Run the tests on four processes; if few modules fail, run their failures once more, alone.

Only failures in both runs count. Arguments are pytest's. ADR 0054 gives the reason.
"""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

_MOST = 3
"""Failures in more modules than this are no chance; a server that a module shares fails all its tests."""
_SOME_FAILED = 1
_GROUP = re.compile(r"@[\w-]+$")
"""The group of tests that share a process, which pytest-xdist appends to a test's name."""


def main(arguments: Sequence[str]) -> int:
    """Run pytest with `arguments`; return its exit status, 0 if every test passed at once or alone.

    Tests marked `client` are left out unless the arguments select other marks.
    """
    with tempfile.TemporaryDirectory() as folder:
        cache = ("-o", f"cache_dir={folder}")
        status = _pytest("-m", "not client", "-n", "4", "--dist", "loadgroup", *cache, *arguments)
        failed = _failed(Path(folder)) if status == _SOME_FAILED else []
        if not 0 < len({test.partition("::")[0] for test in failed}) <= _MOST:
            return status
        print(f"\nOnce more, alone: {len(failed)} failed", flush=True)
        status = _pytest(*cache, *failed)
    if status == 0:
        print("UNSTEADY, passed alone; each is a fault of test or code:", *failed, sep="\n  ")
    return status


def _pytest(*arguments: str) -> int:
    return subprocess.run([sys.executable, "-m", "pytest", *arguments], check=False).returncode


def _failed(cache: Path) -> list[str]:
    """Return the names of the failed tests from pytest's cache folder; empty if a file was not loaded."""
    try:
        names = json.loads((cache / "v" / "cache" / "lastfailed").read_bytes())
    except FileNotFoundError:
        return []
    tests = [_GROUP.sub("", name) for name in names]
    return tests if all("::" in name for name in tests) else []


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
