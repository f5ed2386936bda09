"""A production installation with a supervisor, for the commands that read and write content."""

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg

from tests.integration.cli.calling import Answer, Caller, Word
from tests.live import FANAL, wait_for

DESK_ADDRESS = "desk-31@desk.example"
CHIEF = ["--as", "chief"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """A production installation with a supervisor, its database held up."""

    home: Path
    url: str
    caller: Caller

    def call(self, *calls: Sequence[Word]) -> list[Answer]:
        """Make calls in the interpreter that is kept for all."""
        return self.caller.call(calls, FANAL_MAIL_FROM=DESK_ADDRESS)

    def chief_code(self) -> str:
        """Return a code of `chief`, and forget that it was used: a test is faster than the next half minute."""
        # Imported here, since the library of the codes needs Django's settings.
        from tests.integration.cli.factors import code

        with psycopg.connect(self.url, autocommit=True) as admin:
            admin.execute("DELETE FROM accounts_counter")
        return code()

    def start(self, *arguments: str, told: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        """Start a command in a process of its own; `told` is where its standard error goes."""
        ours = ("FANAL_", "DATABASE_", "DJANGO_", "PYTEST_", "PG")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
        return subprocess.Popen(
            [*FANAL, *arguments],
            env=kept | {"FANAL_HOME": str(self.home)},
            stdout=subprocess.DEVNULL,
            stderr=told,
        )

    def count(self, query: str, *parameters: object) -> int:
        """Return one number of the database."""
        with psycopg.connect(self.url) as admin:
            row = admin.execute(query, parameters).fetchone()
        return int(row[0]) if row else 0

    def rows(self) -> dict[str, int]:
        """Return how many rows every table holds."""
        with psycopg.connect(self.url) as admin:
            names = admin.execute(
                "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables"
                " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
            ).fetchall()
            union = " UNION ALL ".join(f"SELECT '{n}', count(*) FROM {n}" for (n,) in names)
            return dict(admin.execute(union).fetchall())  # type: ignore[arg-type]

    def write(self, name: str, *reports: dict[str, object]) -> str:
        """Write reports as JSON lines and return the path."""
        path = self.home.parent / name
        path.write_text("".join(json.dumps(report) + "\n" for report in reports))
        return str(path)


@contextlib.contextmanager
def working(installed: Installed) -> Iterator[None]:
    """The stages run meanwhile."""
    worker = installed.start("worker")
    try:
        yield
    finally:
        worker.terminate()
        worker.wait(60)


def all_done(installed: Installed) -> None:
    left = "SELECT count(*) FROM intake_work WHERE stage <> 'DONE'"
    assert wait_for(lambda: installed.count(left) == 0, seconds=90)
