"""Calls of the `fanal` command, all of a list in one interpreter.

What only reads its arguments runs there, one call after the other. What opens the database gets a fork of
its own, as a user makes it; where the installation is whole, Django is started once for all of them. The
interpreter makes no call itself then: what it is kept for does not change it.
"""

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
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
from fanal.reference import label

manner, folder = sys.argv[1], Path(sys.argv[2])
orders, told = os.fdopen(os.dup(0)), sys.stdout
os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # whatever a call reads is at its end
main.speaking(main.fanal)  # every command's module and every word, once for all calls
label("cli", "UNEXPECTED", "en")

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

def forked(arguments, more):
    files = [folder / name for name in ("out", "err")]
    child = os.fork()
    if not child:
        os.environ.update(more)
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
    from fanal.config.wiring import wire_keys

    def sign_in(*, role, **more):
        start(role=role, **more)
        vault = read_environment(os.environ).vault
        wire_keys(home, public_node=False, vault=vault, signs=role is DatabaseRole.WORKER)
        connection.settings_dict.update(database_settings(read_environment(os.environ)))

    boot.enter_django = sign_in
    os.environ.clear()
    os.environ.update(before)

with contextlib.ExitStack() as stack:
    if manner in ("HELD", "STARTED"):
        databases = stack.enter_context(open_databases(home=boot.find_home(), environ=os.environ))
        if manner == "STARTED":
            start_django(databases)
    for order in orders:
        calls, more = json.loads(order)
        answers = [here(a) if manner == "HERE" else forked(a, more) for a in calls]
        print(json.dumps(answers), file=told, flush=True)
"""
Word = str | Callable[[], str]
"""A word of a call, or what tells it when the call is made: a code lives half a minute."""
_SECONDS = 280
_WORDS = "driver"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """An interpreter that makes calls as long as it is kept."""

    folder: Path
    process: subprocess.Popen[str]

    def call(
        self, calls: Sequence[Sequence[Word]], *, lang: str | None = "en", **more: str
    ) -> list[Answer]:
        """Make calls one after the other and return their answers; without `lang` in the program's own."""
        asked = ("--lang", lang) if lang else ()
        answers = [self._make(call, asked=asked, more=more) for call in calls]
        with contextlib.suppress(OSError):
            for file in self.folder.iterdir():
                if file.name != _WORDS:
                    file.unlink()
        return answers

    def _make(
        self, call: Sequence[Word], *, asked: tuple[str, ...], more: dict[str, str]
    ) -> Answer:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        said = [word if isinstance(word, str) else word() for word in call]
        end = threading.Timer(_SECONDS, self.process.kill)
        end.start()
        try:
            order = [[os.fsencode(word).hex() for word in (*asked, *said)]]
            self.process.stdin.write(json.dumps([order, more]) + "\n")
            self.process.stdin.flush()
            found = self.process.stdout.readline()
        finally:
            end.cancel()
        assert found, (self.folder / _WORDS).read_text()
        [[status, out, err]] = json.loads(found)
        return Answer(call=" ".join(said), status=status, out=out, err=err)


@contextlib.contextmanager
def caller(*, home: Path, folder: Path, manner: Manner = Manner.FORKED) -> Iterator[Caller]:
    """Keep one interpreter for many calls on `home`; what commands print goes through `folder`."""
    folder.mkdir(exist_ok=True)
    ours = ("FANAL_", "DATABASE_", "DJANGO_", "PYTEST_", "PG")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
    with (
        (folder / _WORDS).open("w") as words,
        subprocess.Popen(
            [sys.executable, "-c", _DRIVER, manner, str(folder)],
            env=environment | {"FANAL_HOME": str(home)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=words,
            text=True,
        ) as process,
    ):
        yield Caller(folder=folder, process=process)
    assert process.returncode == 0, (folder / _WORDS).read_text()


def call_all(
    calls: Sequence[Sequence[Word]],
    *,
    home: Path,
    folder: Path,
    manner: Manner = Manner.FORKED,
    lang: str = "en",
    **more: str,
) -> list[Answer]:
    """Make calls in an interpreter of their own, which ends with the last."""
    with caller(home=home, folder=folder, manner=manner) as one:
        return one.call(calls, lang=lang, **more)
