"""One installation for the tests that call commands on a database that is up.

Those of one installation are a group: each process of a run would make its own otherwise.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from fanal.config.databases import open_databases
from fanal.postgres import Cluster
from tests.integration.cli.calling import Manner, caller
from tests.integration.cli.installing import Installed
from tests.prepared import prepare
from tests.server import fast_folder


@pytest.fixture(scope="session")
def home() -> Iterator[Path]:
    """A production installation; the database is up while calls are made."""
    folder = Path(tempfile.mkdtemp(prefix="fanal-calls-", dir=fast_folder()))
    folder.chmod(0o755)
    try:
        prepare(folder / "var", demo=False)
        yield folder / "var"
    finally:
        Cluster.open(home=folder / "var", environ=os.environ).stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    folder = Path(tempfile.mkdtemp(prefix="fanal-in-", dir=fast_folder()))
    folder.chmod(0o755)
    home, out = folder / "var", tmp_path_factory.mktemp("out")
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("DATABASE_", "FANAL_"))}
    try:
        prepare(home, demo=False)
        with (
            open_databases(home=home, environ=clean) as databases,
            caller(home=home, folder=out, manner=Manner.STARTED) as kept,
        ):
            assert databases.cluster is not None
            found = Installed(home=home, url=databases.cluster.admin_url("fanal"), caller=kept)
            password = ["--password", "correct horse battery 71"]
            people = found.call(
                ["user", "add", "chief", "--name", "C", *password],
                ["user", "grant", "chief", "SUPERVISOR", "--act", "a", "--desk", "1"],
                ["user", "add", "keeper", "--name", "K", *password],
                ["user", "grant", "keeper", "ADMINISTRATOR", "--act", "a"],
            )
            assert [(p.status, p.err) for p in people] == [(0, "")] * 4
            # Imported here, since the library of the codes needs Django's settings.
            from tests.integration.cli.factors import set_up_codes

            set_up_codes(home, "chief")
            yield found
    finally:
        Cluster.open(home=home, environ=clean).stop()
        shutil.rmtree(folder, ignore_errors=True)
