"""The watch: a separate process that kills a worker when a report takes too much CPU time, or when it hangs.

A regular expression or a library may hold the interpreter lock (GIL) for minutes. No thread of the worker
runs meanwhile, so that only another process can end it. The worker records in shared memory the claim of the
current step, and the CPU time of its main thread at the start of the step. After a kill the watch returns the
claim: its reports are retried one by one, and a report that exceeds the limit alone, after an earlier
attempt, is quarantined (`DEADLINE`).

The search for similar reports and the reading of texts have the same limits. A report that exceeds the limit
alone is left out of the search; a text that exceeds it twice stays unread. The engine that embeds texts is
another process with limits of its own: a text that makes it end is left out (`analyse.signals.reading`).

The worker starts this file by its path. On a system without /proc there is no watch.
"""

import contextlib
import logging
import mmap
import os
import select
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

TOGETHER = 25.0
"""Seconds of CPU time for a step with several reports: shorter than the lease."""
ALONE = 10.0
"""Seconds of CPU time for a step with a single report."""
SILENT = 300.0
"""Seconds of wall-clock time without a sign of life after which a worker counts as hung: ten leases."""
NEAR = UUID(int=0x4E454152)
"""Pseudo-claim recorded during the search for similar reports."""
_BEAT_MS = 500
_LAYOUT = struct.Struct("=Qd16sId")
_NOBODY = bytes(16)
_PROC = Path("/proc")
log = logging.getLogger("fanal.worker")


class WorkInHand(NamedTuple):
    """The worker's current work, as the watching process reads it from shared memory.

    `turn`: number of the record; `cpu`: CPU seconds of the main thread at the start of the step; `token`
    and `reports`: the claim and its number of reports; `at`: time of the record (monotonic clock).
    """

    turn: int
    cpu: float
    token: bytes
    reports: int
    at: float


class Board:
    """A record of the worker's current work (`WorkInHand`) in shared memory.

    The worker writes it and the watching process reads it.
    """

    def __init__(self, descriptor: int) -> None:
        self._memory = mmap.mmap(descriptor, _LAYOUT.size)
        self._turn, self._noted = 0, (_NOBODY, 0)

    def touch(self) -> None:
        """Record the present lease on reports (token, number) again with the time, as a sign of life."""
        self.write(*self._noted)

    def write(self, token: bytes, reports: int) -> None:
        """Record the worker's lease on reports: its `token`, and their number; 0 reports: no lease."""
        self._turn, self._noted = self._turn + 1, (token, reports)
        self._memory[:] = _LAYOUT.pack(
            self._turn, time.thread_time(), token, reports, time.monotonic()
        )

    def read(self) -> WorkInHand:
        """Return the record of the worker's present work.

        A simultaneous write may have torn it: only two equal readings are valid.
        """
        return WorkInHand(*_LAYOUT.unpack(self._memory[:]))


class Watch:
    """The worker's side of its watch: it starts the watching process and records the current work.

    The watching process kills the worker when a limit is exceeded. Limits, in seconds: `together`, CPU time
    for a batch of several reports; `alone`, for a single one; `silent`, wall-clock time without a sign of
    life.
    """

    def __init__(
        self, *, together: float = TOGETHER, alone: float = ALONE, silent: float = SILENT
    ) -> None:
        self._limits = (str(together), str(alone), str(silent))
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the worker lives
        self._file.truncate(_LAYOUT.size)
        self._board = Board(self._file.fileno())
        self._process: subprocess.Popen[bytes] | None = None
        self._compiling, self._at = 0, (_NOBODY, 0)

    def keep(self) -> None:
        """Show a sign of life; start the watching process if there is none (not on a system without /proc).

        Call this in the thread to be watched.
        """
        self._board.touch()
        if not (_PROC / "self/stat").exists():
            return
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(  # noqa: S603 - our own file
                [
                    *(sys.executable, "-P", __file__),
                    *(str(self._file.fileno()), str(os.getpid()), *self._limits),
                ],
                stdin=subprocess.DEVNULL,
                pass_fds=(self._file.fileno(),),
                start_new_session=True,  # it outlives the worker, to return the claim of a killed one
            )

    @contextlib.contextmanager
    def step(self, token: UUID, reports: int) -> Iterator[None]:
        """Context manager: record that the worker processes a batch under a claim (`token`).

        `reports` is the number of its reports. Inside the block the limit on CPU time applies: over it, the
        watching process kills the worker and returns the claim to the queue.
        """
        self._note(token.bytes, reports)
        try:
            yield
        finally:
            self._note(_NOBODY, 0)

    def spare_compiler(self) -> None:
        """Suspend the time limit while Numba compiles a function: compilation is no report's fault."""
        from numba.core import event  # noqa: PLC0415 - only in the worker

        class Compiler(event.Listener):
            """Numba's listener to start and end of a compilation, during which no limit applies."""

            def on_start(self, _event: object) -> None:
                watch._compile(1)

            def on_end(self, _event: object) -> None:
                watch._compile(-1)

        watch = self
        event.register("numba:compile", Compiler())  # type: ignore[no-untyped-call]

    def _note(self, token: bytes, reports: int) -> None:
        self._at = (token, reports)
        if not self._compiling:
            self._board.write(token, reports)

    def _compile(self, more: int) -> None:
        self._compiling += more
        self._board.write(*((_NOBODY, 0) if self._compiling else self._at))


def main(descriptor: int, pid: int, limits: tuple[float, float, float]) -> None:
    """Watch process `pid`, our parent, until it ends; kill it when it exceeds a limit.

    `descriptor`: of the shared memory in which the parent records its work (`Board`). `limits`: seconds of
    CPU time for several reports, for a single one; wall-clock seconds without a sign of life.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    worker = os.pidfd_open(pid)
    if os.getppid() != pid:
        return
    board, ended = Board(descriptor), select.poll()
    ended.register(worker, select.POLLIN)
    while not ended.poll(_BEAT_MS):
        work = board.read()
        limit = limits[work.reports == 1]
        busy = work.reports and _cpu_seconds(pid) - work.cpu >= limit
        hangs = work.turn and time.monotonic() - work.at > limits[2]
        if (busy or hangs) and board.read() == work:
            signal.pidfd_send_signal(worker, signal.SIGKILL)
            if busy:
                _give_back(work, limit)
            else:  # the lease returns its claim; a disk may hang: no report is at fault
                log.error("the worker gave no sign of life for %.0f s: ended", limits[2])
            return


def _cpu_seconds(pid: int) -> float:
    """Return the CPU seconds of the main thread of process `pid` (proc(5), stat, fields 14 and 15).

    0 if the process has ended.
    """
    try:
        text = (_PROC / str(pid) / "task" / str(pid) / "stat").read_text()
    except OSError:
        return 0.0
    fields = text.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _give_back(work: WorkInHand, limit: float) -> None:
    """Return the killed worker's claim to the queue; without a database the lease expires instead.

    `work`: the record read before the kill; `limit`: the exceeded CPU seconds, for the log.
    """
    import django  # noqa: PLC0415 - only here: the watch is small as long as nothing happens

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fanal.config.settings")
    django.setup()
    from fanal.intake.operations.queue import stop_claims  # noqa: PLC0415 - needs Django
    from fanal.kernel.actors import system_actor  # noqa: PLC0415

    if work.token == NEAR.bytes:
        _put_off_near(work.reports, limit)
        return
    stopped = stop_claims(actor=system_actor("watch"), token=UUID(bytes=work.token))
    if not stopped:
        _put_off_text(UUID(bytes=work.token), limit)
    for report_id, stage, quarantined in stopped if len(stopped) == 1 else ():
        log.error(
            "%s at %s took over %.0f s of CPU: %s",
            report_id,
            stage,
            limit,
            "quarantined" if quarantined else "tried again alone",
        )
    if len(stopped) > 1:
        log.error(
            "%d reports at %s took over %.0f s of CPU: each is tried alone",
            len(stopped),
            stopped[0][1],
            limit,
        )


def _put_off_near(most: int, limit: float) -> None:
    from fanal.crosscheck.similar.operations.near import stop_near  # noqa: PLC0415 - needs Django
    from fanal.kernel.actors import system_actor  # noqa: PLC0415

    stopped, dropped = stop_near(actor=system_actor("watch"), most=most)
    log.error(
        "what is similar to %s took over %.0f s of CPU: %s",
        stopped[0] if len(stopped) == 1 else f"{len(stopped)} reports",
        limit,
        "not looked for until the next rebuild" if dropped else "each is tried alone, later",
    )


def _put_off_text(token: UUID, limit: float) -> None:
    from fanal.analyse.signals.operations.unread import stop_reading  # noqa: PLC0415 - needs Django
    from fanal.kernel.actors import system_actor  # noqa: PLC0415

    if stopped := stop_reading(actor=system_actor("watch"), token=token):
        report_id, aside = stopped
        log.error(
            "the text of %s took over %.0f s of CPU: %s",
            report_id,
            limit,
            "left unread until a replay" if aside else "read again, later",
        )


if __name__ == "__main__":
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(name)s %(levelname)s %(message)s",
        datefmt="%Y-%m-%d %H:%M:%S%z",
    )
    together, alone, silent = map(float, sys.argv[3:6])
    main(int(sys.argv[1]), int(sys.argv[2]), (together, alone, silent))
