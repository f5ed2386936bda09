"""A real server of its own: what DATABASE_URL names in production, reached as a plain superuser or less."""

import os
import shutil
import tempfile
from pathlib import Path

import psycopg
import pytest

from fanal.postgres import Cluster
from fanal.postgres.place import make_home


@pytest.fixture
def open_folder():
    """A temporary folder that the system account can reach, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="fanal-it-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def server(open_folder):
    """Return the administrator's address of an empty server."""
    home = open_folder / "server"
    make_home(home)
    cluster = Cluster.open(home=home, environ=os.environ)
    cluster.hold()
    yield cluster.admin_url()
    cluster.release()


@pytest.fixture
def modest_administrator(server):
    """Return the address of a role that may create roles and databases, but is no superuser."""
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute("CREATE ROLE dba LOGIN CREATEROLE CREATEDB PASSWORD 'only-for-tests'")
    head, _, tail = server.partition("@")
    return f"{head.partition('//')[0]}//dba:only-for-tests@{tail.replace('/postgres', '/fanal', 1)}"
