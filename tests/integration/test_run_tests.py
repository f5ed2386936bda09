"""`scripts/run_tests.py`: what failed by chance passes alone and is named; what fails always, fails."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

_SCRIPT = Path(__file__).parents[2] / "scripts" / "run_tests.py"
_FAILS_ONCE = """
import pathlib, pytest

@pytest.mark.xdist_group("servers")
@pytest.mark.parametrize("value", ["a b", "c@d"])
def test_unsteady(value):
    seen = pathlib.Path(value)
    if not seen.exists():
        seen.touch()
        pytest.fail("the first time")
"""
_SHARED_FAILS_ONCE = """
import pathlib, pytest

@pytest.fixture(scope="module")
def server():
    seen = pathlib.Path("server")
    if not seen.exists():
        seen.touch()
        pytest.fail("the first time")

@pytest.mark.xdist_group("servers")
@pytest.mark.parametrize("value", range(5))
def test_served(server, value):
    pass
"""
_ALWAYS_FAILS = "def test_broken():\n    assert False\n"
_NOT_LOADED = "raise ImportError('missing')\n"


def run(folder: Path, *options: str, **files: str) -> subprocess.CompletedProcess[str]:
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = client\n")
    for name, text in files.items():
        (folder / f"test_{name}.py").write_text(text)
    command = [sys.executable, str(_SCRIPT), "-q", "-p", "xdist", *options]
    lean = os.environ | {
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTHONPATH": str(_SCRIPT.parents[1]),
    }
    return subprocess.run(
        command, check=False, cwd=folder, env=lean, capture_output=True, text=True
    )


def test_what_passes_alone_passes_and_is_named(tmp_path: Path) -> None:
    answer = run(tmp_path, once=_FAILS_ONCE)
    assert answer.returncode == 0
    assert answer.stdout.splitlines()[-3:] == [
        "UNSTEADY, passed alone; each is a fault of test or code:",
        "  test_once.py::test_unsteady[a b]",
        "  test_once.py::test_unsteady[c@d]",
    ]


def test_a_server_that_all_tests_of_a_module_share_fails_once(tmp_path: Path) -> None:
    answer = run(tmp_path, shared=_SHARED_FAILS_ONCE)
    assert answer.returncode == 0
    assert len(answer.stdout.split("UNSTEADY")[1].splitlines()) == 6


@pytest.mark.parametrize("text", [_ALWAYS_FAILS, _NOT_LOADED])
def test_what_fails_alone_fails(tmp_path: Path, text: str) -> None:
    answer = run(tmp_path, once=_FAILS_ONCE, broken=text)
    assert answer.returncode == 1
    assert "UNSTEADY" not in answer.stdout


def test_many_failures_do_not_run_again(tmp_path: Path) -> None:
    answer = run(tmp_path, **{f"broken_{n}": _ALWAYS_FAILS for n in range(4)})
    assert (answer.returncode, "Once more" in answer.stdout) == (1, False)


_SHARES = """
from tests.sharing import ModuleScheduling

def pytest_xdist_make_scheduler(config, log):
    return ModuleScheduling(config, log)
"""
_TELLS = """
import os, pytest

{mark}
@pytest.mark.parametrize("value", range(6))
def test_told(value):
    with open("told", "a") as told:
        told.write(f"{{__name__}} {{os.environ['PYTEST_XDIST_WORKER']}}\\n")
"""


def test_a_module_is_one_process_s_and_the_longest_group_begins(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(_SHARES)
    grouped = _TELLS.format(mark="@pytest.mark.xdist_group('serial')")
    files = {name: _TELLS.format(mark="") for name in "abcdef"} | {"zone": grouped}
    answer = run(tmp_path, "-n", "2", **files)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    told = [line.split() for line in (tmp_path / "told").read_text().splitlines()]
    assert len({tuple(line) for line in told}) == len(files)
    (process,) = {process for module, process in told if module == "test_zone"}
    assert next(module for module, by in told if by == process) == "test_zone"
