"""A bulk import during which processes are killed (SIGKILL): write, import, process, remove deliveries.

A delivery is a folder of report files. After each kill of the importer, its delivery is imported again.
"""

import json
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass

import click

from benchmarks.deliveries import Delivery, Expected, begin_delivery, end_delivery
from benchmarks.killing import Killer
from benchmarks.memory import MemoryWatch, is_flat
from benchmarks.service import Service, stopped_at_the_end

_BEAT = 0.1
_LOOK_EVERY = 0.4
_SAMPLE_EVERY = 2.0
_TELL_EVERY = 60.0
_AHEAD = 20_000
"""Number of waiting reports from which down the next delivery begins."""
_STUCK = 900.0
"""Seconds without any report processed after which the run ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Plan of a bulk run: reports in all (`size`) and in a delivery, kills of each kind of process, seed.

    After `minutes` no further delivery begins; None: no limit.
    """

    size: int
    delivery: int
    kills: int
    seed: int
    minutes: int | None = None


class Bringing:
    """A bulk run of imports under SIGKILL; it counts the reports delivered, received and processed.

    `tell` receives progress messages; `expected` holds what was delivered, for the comparison afterwards.
    """

    def __init__(self, service: Service, plan: Plan, *, tell: Callable[[str], None]) -> None:
        self._service, self._plan, self._tell = service, plan, tell
        self._killer = Killer(kills=plan.kills, size=plan.size, seed=plan.seed)
        self._memory = MemoryWatch()
        self._totals: Counter[str] = Counter()
        self._started = time.monotonic()
        self._looked = self._sampled = self._told = self._moved = 0.0
        self._received = self._carried = self._resumed = 0
        self.expected = Expected(plan.size)

    def run(self) -> dict[str, object]:
        """Import all deliveries, wait until every report is processed, and return the measurements by name.

        Then the last delivery is imported once more. Keys: `size`, `documents`, `seconds`, `reports_per_s`,
        `kills` (by kind), `imports_run_again`, `imported` and `imported_again` (results of the imports, and
        of the last one), `memory` (`MemoryWatch.told`), `memory_flat`.

        Raises:
            click.ClickException: an import fails without a kill, or nothing is processed any more.
        """
        self._started = self._moved = time.monotonic()
        last: Delivery | None = None
        with closing(self._deliveries()) as deliveries:
            for delivery in deliveries:
                last = delivery
                self._totals.update(self._bring_in(last))
                self._wait_until(lambda: self._waits() <= _AHEAD)
        self._wait_until(lambda: self._waits() == 0 and self._service.unnumbered() == 0)
        seconds = time.monotonic() - self._started
        again: Counter[str] = Counter()
        if last is not None:
            again = self._bring_in(last)
        return self._result(seconds, again)

    def _result(self, seconds: float, again: Counter[str]) -> dict[str, object]:
        memory = self._memory.told()
        return {
            "size": self.expected.reports,
            "documents": self.expected.documents,
            "seconds": round(seconds, 1),
            "reports_per_s": round(self.expected.reports / seconds, 1),
            "kills": dict(self._killer.dealt),
            "imports_run_again": self._resumed,
            "imported": dict(self._totals),
            "imported_again": dict(again),
            "memory": memory,
            "memory_flat": is_flat(memory),
        }

    def _is_late(self) -> bool:
        minutes = self._plan.minutes
        return minutes is not None and time.monotonic() - self._started > minutes * 60

    def _deliveries(self) -> Generator[Delivery]:
        """Yield each delivery once it is written, until the time limit; the next is written meanwhile."""
        planned = [self._planned(n) for n in range(0, self._plan.size, self._plan.delivery)]
        writer = begin_delivery(planned[0], seed=self._plan.seed, done=None)
        try:
            for number, delivery in enumerate(planned, start=1):
                while writer.poll() is None:
                    self._beat(importer=None)
                end_delivery(delivery, writer, self.expected)
                last = number == len(planned) or self._is_late()
                if not last:
                    done = planned[number - 2] if number > 1 else None
                    writer = begin_delivery(planned[number], seed=self._plan.seed, done=done)
                yield delivery
                if last:
                    return
        finally:
            writer.kill()
            writer.wait()

    def _planned(self, first: int) -> Delivery:
        folder = self._service.home / "deliveries" / f"delivery-{first:07}"
        return Delivery(folder, first, min(self._plan.delivery, self._plan.size - first))

    def _bring_in(self, delivery: Delivery) -> Counter[str]:
        """Import a delivery, again after each kill, until the command succeeds; return its counts."""
        while (found := self._import(delivery)) is None:
            self._resumed += 1
        return found

    def _import(self, delivery: Delivery) -> Counter[str] | None:
        """Run `fanal import` once; return its counts, None if a kill ended it or its database.

        `delivery` is imported from its folder.

        Raises:
            click.ClickException: it failed without a kill.
        """
        blows, hits = sum(self._killer.dealt.values()), self._killer.dealt["importer"]
        process = self._service.popen(
            "import", "ncmec-xml", str(delivery.folder), stdout=subprocess.PIPE
        )
        with stopped_at_the_end(process):
            while process.poll() is None:
                self._beat(importer=process.pid)
            output = process.stdout.read() if process.stdout else b""
        if process.returncode == 0:
            if self._killer.dealt["importer"] > hits:
                self._killer.missed("importer")
            return Counter(json.loads(output))
        if sum(self._killer.dealt.values()) == blows:
            raise click.ClickException(
                f"fanal import ended with {process.returncode}; see {self._service.home / 'out.txt'}"
            )
        return None

    def _wait_until(self, done: Callable[[], bool]) -> None:
        while not done():
            self._beat(importer=None)
            time.sleep(_BEAT * 9)

    def _waits(self) -> int:
        """Return the number of reports that wait for a stage; a large number while the database is down."""
        waiting = self._service.waiting()
        return _AHEAD + 1 if waiting is None else waiting

    def _beat(self, *, importer: int | None) -> None:
        """Sample progress and memory if due, kill a process if due, report progress, and sleep briefly.

        `importer` is the process id of the running import, None without one.
        """
        now = time.monotonic()
        if now - self._looked >= (_SAMPLE_EVERY if self._killer.done else _LOOK_EVERY):
            self._looked = now
            self._look(now)
        if now - self._sampled >= _SAMPLE_EVERY:
            self._sampled = now
            self._memory.sample(self._service.lives(), reports=self._carried)
            if importer is not None:
                self._memory.sample({("importer", importer): [importer]}, reports=self._received)
        struck = self._killer.strike(
            self._service, importer=importer, received=self._received, carried=self._carried
        )
        if struck is not None:
            self._tell(f"killed: {struck} at {self._received} received, {self._carried} carried")
        if now - self._told >= _TELL_EVERY:
            self._told = now
            rate = self._carried / (now - self._started)
            self._tell(f"{self._received} received, {self._carried} carried, {rate:.0f} a second")
        time.sleep(_BEAT)

    def _look(self, now: float) -> None:
        reference, waiting = self._service.received(), self._service.waiting()
        if reference is not None and waiting is not None:
            self._received = max(self._received, int(reference) + 1)
            carried = self._received - waiting
            if carried > self._carried:
                self._carried, self._moved = carried, now
        if now - self._moved > _STUCK:
            raise click.ClickException(
                f"nothing moved for {_STUCK:.0f} s at {self._carried} reports"
            )
