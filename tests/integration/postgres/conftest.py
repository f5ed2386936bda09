"""Folders that the system account can reach, unlike pytest's own."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from fanal.postgres import Cluster
from fanal.postgres.place import make_home


@pytest.fixture
def home(tmp_path_factory):
    """A fresh FANAL_HOME; its cluster is stopped and removed, wherever it lies."""
    folder = Path(tempfile.mkdtemp(prefix="fanal-it-"))
    folder.chmod(0o755)
    home = folder / "var"
    make_home(home)
    yield home
    remove(home)
    shutil.rmtree(folder)


def remove(home):
    pointer = home / "postgres.location"
    sheltered = Path(pointer.read_text().strip()) if pointer.exists() else None
    if (sheltered or home / "postgres").exists():
        Cluster.open(home=home, environ=os.environ).stop()
    if sheltered is not None:
        shutil.rmtree(sheltered, ignore_errors=True)


@pytest.fixture
def cluster(home):
    cluster = Cluster.open(home=home, environ=os.environ)
    cluster.hold()
    yield cluster
    cluster.release()
