"""Calls of the `fanal` command, all of a list in one interpreter.

What only reads its arguments runs there, one call after the other. What opens the database gets a fork of
its own, as a user makes it; where the installation is whole, Django is started once for all of them.
"""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

_DRIVER = """
import contextlib, io, json, os, sys, traceback
from pathlib import Path
from fanal.cli import boot, main
from fanal.config.databases import open_databases
from fanal.config.environment import database_settings, read_environment
from fanal.config.migration import read_mark
from fanal.postgres import DatabaseRole

todo = json.loads(sys.stdin.read())
folder, manner, answers = Path(todo["folder"]), todo["manner"], []
main.speaking(main.fanal)  # every command's module, once for all calls

def call(arguments):
    sys.argv = ["fanal", *map(os.fsdecode, map(bytes.fromhex, arguments))]
    try:
        main.main()
    except SystemExit as end:
        return end.code or 0
    except BaseException:
        traceback.print_exc()
        return 1

def here(arguments):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        return [call(arguments), out.getvalue(), err.getvalue()]

def forked(arguments):
    files = [folder / name for name in ("out", "err")]
    child = os.fork()
    if not child:
        os.environ.update(todo["more"])
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for target, file in zip((1, 2), files):
            os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), target)
        status = call(arguments)
        sys.stdout.flush(); sys.stderr.flush()
        os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return [status, *(file.read_text(errors="replace") for file in files)]

def start_django(databases):
    home, start = boot.find_home(), boot.enter_django
    mark = read_mark(databases.url(DatabaseRole.APP))
    before = dict(os.environ)
    start(databases=databases, role=DatabaseRole.APP, home=home, mark=mark)
    from django.db import connection

    def sign_in(*, role, **more):
        start(role=role, **more)
        connection.settings_dict.update(database_settings(read_environment(os.environ)))

    boot.enter_django = sign_in
    os.environ.clear()
    os.environ.update(before)

with contextlib.ExitStack() as stack:
    if manner in ("HELD", "STARTED"):
        databases = stack.enter_context(open_databases(home=boot.find_home(), environ=os.environ))
        if manner == "STARTED":
            start_django(databases)
    for arguments in todo["calls"]:
        answers.append((here if manner == "HERE" else forked)(arguments))
print(json.dumps(answers))
"""


class Manner(StrEnum):
    """How calls are made."""

    HERE = "HERE"
    """In the interpreter itself: for what ends before anything is opened."""
    FORKED = "FORKED"
    """Each in a fork."""
    HELD = "HELD"
    """Each in a fork, the database up meanwhile."""
    STARTED = "STARTED"
    """The same with Django started before the forks; each signs in as its own role."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How a call ended."""

    call: str
    status: int
    out: str
    err: str

    def complaint(self, *statuses: int) -> str | None:
        """Return what is wrong with this as a refusal; None: one sentence, and a status that is meant."""
        if self.status not in statuses:
            return f"{self.call}: exit {self.status}, {self.err}{self.out[-300:]}"
        if "Traceback" in self.err + self.out:
            return f"{self.call}: traceback"
        lines = self.err.splitlines()
        if len(lines) != 1 or not lines[0].startswith("fanal: ") or "UNEXPECTED" in lines[0]:
            return f"{self.call}: {self.err!r}"
        unexpected = ("unexpected happened", "erreur inattendue")
        return f"{self.call}: {self.err!r}" if any(u in self.err for u in unexpected) else None


def call_all(
    calls: Sequence[Sequence[str]],
    *,
    home: Path,
    folder: Path,
    manner: Manner = Manner.FORKED,
    lang: str = "en",
    **more: str,
) -> list[Answer]:
    """Make calls one after the other and return their answers."""
    folder.mkdir(exist_ok=True)
    ours = ("FANAL_", "DATABASE_", "DJANGO_", "PYTEST_", "PG")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
    coded = [[os.fsencode(a).hex() for a in ("--lang", lang, *call)] for call in calls]
    todo = {"manner": manner, "folder": str(folder), "calls": coded, "more": more}
    done = subprocess.run(
        [sys.executable, "-c", _DRIVER],
        input=json.dumps(todo),
        env=environment | {"FANAL_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    with contextlib.suppress(OSError):
        for file in folder.iterdir():
            file.unlink()
    return [
        Answer(call=" ".join(call), status=status, out=out, err=err)
        for call, (status, out, err) in zip(calls, found, strict=True)
    ]
