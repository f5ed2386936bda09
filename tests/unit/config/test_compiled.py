"""Where compiled loops are kept when the package cannot hold them."""

import os
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
