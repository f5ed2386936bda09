"""One installation for the tests that call commands on a database that is up."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from fanal.postgres import Cluster
from tests.integration.cli.calling import call_all
from tests.server import fast_folder


@pytest.fixture(scope="session")
def home() -> Iterator[Path]:
    """A production installation; the database is up while calls are made."""
    folder = Path(tempfile.mkdtemp(prefix="fanal-calls-", dir=fast_folder()))
    folder.chmod(0o755)
    try:
        done = call_all([["migrate"]], home=folder / "var", folder=folder / "out")
        assert done[0].status == 0, done[0].err
        yield folder / "var"
    finally:
        Cluster.open(home=folder / "var", environ=os.environ).stop()
        shutil.rmtree(folder, ignore_errors=True)
