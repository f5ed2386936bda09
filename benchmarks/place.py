"""The temporary installation of a benchmark: data folder, PostgreSQL and keys, deleted afterwards."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from fanal.cli.boot import django_as
from fanal.config.databases import Databases
from fanal.postgres import DatabaseRole

OF_ONE_PROCESS = ("DATABASE_URL", "FANAL_DB_ROLE", "FANAL_DEMO", "FANAL_PUBLIC_NODE")
"""Environment variables set for one process, which no other process must inherit."""


@contextmanager
def bench_home(*, need_bytes: int, role: DatabaseRole = DatabaseRole.APP) -> Iterator[Databases]:
    """Yield the databases of a new installation, with this process connected as `role`; delete it afterwards.

    Raises:
        click.ClickException: less than `need_bytes` of free disk space.
    """
    folder = Path(tempfile.mkdtemp(prefix="fanal-bench-"))
    elsewhere = folder / "postgres.location"  # where root's server may not lie in the folder
    try:
        free = shutil.disk_usage(folder).free
        if free < need_bytes:
            raise click.ClickException(
                f"this bench needs {need_bytes >> 20} MB of disk and {free >> 20} MB are free;"
                " ask for a smaller --size"
            )
        for name in OF_ONE_PROCESS:
            os.environ.pop(name, None)
        os.environ["FANAL_HOME"] = str(folder)
        subprocess.run([sys.executable, "-m", "fanal", "migrate", "--demo"], check=True)
        with django_as(role) as databases:
            yield databases
    finally:
        if elsewhere.exists():
            shutil.rmtree(elsewhere.read_text().strip(), ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)
