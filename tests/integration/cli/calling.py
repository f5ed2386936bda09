"""Calls of the `fanal` command, many in one interpreter: each in a fork of its own, as a user makes it."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_DRIVER = """
import contextlib, json, os, sys
from pathlib import Path
from fanal.cli import main
from fanal.cli.boot import find_home
from fanal.config.databases import open_databases

todo = json.loads(sys.stdin.read())
hold = open_databases(home=find_home(), environ=os.environ) if todo["hold"] else contextlib.nullcontext()
answers = []
main.speaking(main.fanal)  # every command's module, once for all forks
with hold:
    for number, (arguments, more) in enumerate(todo["calls"]):
        files = [Path(todo["folder"]) / f"{number}.{name}" for name in ("out", "err")]
        child = os.fork()
        if not child:
            os.environ.update(more)
            nothing = os.open(os.devnull, os.O_RDONLY)
            os.dup2(nothing, 0)
            for target, file in zip((1, 2), files):
                os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), target)
            sys.argv = ["fanal", *map(os.fsdecode, map(bytes.fromhex, arguments))]
            status = 1
            try:
                main.main()
            except SystemExit as end:
                status = end.code or 0
            except BaseException:
                import traceback
                traceback.print_exc()
            sys.stdout.flush(); sys.stderr.flush()
            os._exit(status)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        answers.append([status, *(file.read_text(errors="replace") for file in files)])
print(json.dumps(answers))
"""


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
    hold: bool = False,
    lang: str = "en",
    **more: str,
) -> list[Answer]:
    """Make calls one after the other and return their answers; `hold` keeps the database up meanwhile."""
    folder.mkdir(exist_ok=True)
    ours = ("FANAL_", "DATABASE_", "DJANGO_", "PYTEST_", "PG")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
    coded = [[os.fsencode(a).hex() for a in ("--lang", lang, *call)] for call in calls]
    todo = {"hold": hold, "folder": str(folder), "calls": [[call, more] for call in coded]}
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
