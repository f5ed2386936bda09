"""`fanal bench` where the source tree is, and where the package alone is installed."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from fanal.cli import bench
from fanal.cli.failures import CommandRefused


def test_benches_are_found_in_the_source_tree() -> None:
    assert isinstance(bench.bench, click.Group)
    assert "match" in bench.bench.list_commands(click.Context(bench.bench))


def test_the_package_alone_says_where_benches_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "_ROOT", tmp_path)
    result = CliRunner().invoke(bench._group(), ["match", "--size", "3"], standalone_mode=False)
    assert isinstance(result.exception, CommandRefused)
    assert result.exception.code == "NO_BENCHES"
