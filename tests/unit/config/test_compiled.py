"""Where compiled loops are kept when the package cannot hold them, and which processes load none."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fanal.config.wiring import keep_compiled


@pytest.mark.parametrize(
    ("writable", "stated", "kept"),
    [(True, "", ""), (False, "", "home/cache"), (False, "/srv/other", "/srv/other")],
)
def test_the_data_folder_keeps_them_where_the_package_cannot(
    monkeypatch: pytest.MonkeyPatch, writable: bool, stated: str, kept: str
) -> None:
    monkeypatch.setattr(os, "environ", {"NUMBA_CACHE_DIR": stated} if stated else {})
    asked = []

    def access(path: Path, mode: int) -> bool:
        asked.append((path.name, mode))
        return writable

    monkeypatch.setattr(os, "access", access)
    keep_compiled(Path("home/cache"))
    assert os.environ.get("NUMBA_CACHE_DIR", "") == kept
    assert asked == [("fanal", os.W_OK)]


def test_pages_calls_and_commands_load_no_compiler(tmp_path: Path) -> None:
    """It would cost each of them a seventh of its start, and its memory."""
    code = (
        "import fanal.config.wsgi, fanal.calls.loop, fanal.cli.report, sys;"
        "print(sorted({'numba', 'llvmlite'} & set(sys.modules)))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"FANAL_HOME": str(tmp_path), "DATABASE_URL": "postgresql://none@127.0.0.1:1/none"},
        check=True,
        capture_output=True,
        text=True,
    )  # fmt: skip
    assert answer.stdout == "[]\n"
