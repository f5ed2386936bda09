"""What `fanal run` says of the demo's accounts when the command that lists them fails at first, or for good."""

from pathlib import Path

import pytest

from fanal.cli import announcing
from fanal.cli.supervisor import Supervisor
from fanal.config.migration import DatabaseMark

FAILING = """
import json, pathlib, sys
assert sys.argv[1:] == ["demo", "accounts", "--json"], sys.argv
tries = pathlib.Path(__file__).with_name("tries")
tries.write_text((tries.read_text() if tries.exists() else "") + "x")
if len(tries.read_text()) <= {failures}:
    sys.exit("fanal: canceling statement due to lock timeout")
print(json.dumps({{"username": "ana", "password": "fanal-demo-ana", "label": "Analyste"}}))
"""


@pytest.fixture
def failing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function that puts a command in front of ours that fails so many times."""

    def put(failures: int) -> None:
        package = tmp_path / "fanal"
        package.mkdir()
        (package / "__init__.py").touch()
        (package / "__main__.py").write_text(FAILING.format(failures=failures))
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    return put


def _announce(mark: DatabaseMark, *, patience: float, known: str = "") -> None:
    with Supervisor(children=[], mend=lambda: None) as supervisor:
        announcing.announce_at(
            supervisor, address="http://127.0.0.1:1/", mark=mark, patience=patience, known=known
        )


def test_accounts_are_asked_for_again(failing, capfd: pytest.CaptureFixture[str]) -> None:
    failing(2)
    _announce(DatabaseMark.DEMO, patience=60)
    out, errors = capfd.readouterr()
    assert out == "Fanal: http://127.0.0.1:1/  demo accounts: ana / fanal-demo-ana (Analyste)\n"
    assert errors == ""


def test_accounts_that_are_known_are_not_asked_for(
    failing, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    failing(0)
    _announce(DatabaseMark.DEMO, patience=60, known="  demo accounts: those")
    assert capfd.readouterr().out == "Fanal: http://127.0.0.1:1/  demo accounts: those\n"
    assert not (tmp_path / "fanal/tries").exists()


def test_what_fails_for_good_is_said_with_the_command(
    failing, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    failing(10**6)
    _announce(DatabaseMark.DEMO, patience=1)
    out, errors = capfd.readouterr()
    assert out == "Fanal: http://127.0.0.1:1/\n"
    assert "lock timeout" in errors
    assert "fanal demo accounts" in errors


def test_no_accounts_are_asked_for_outside_a_demo(
    failing, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    failing(0)
    _announce(DatabaseMark.PRODUCTION, patience=60)
    assert capfd.readouterr().out == "Fanal: http://127.0.0.1:1/\n"
    assert not (tmp_path / "fanal/tries").exists()
