"""What kills: SIGKILL at random instants and at named places, to web, worker and database."""

import contextlib
import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from fanal.kernel.failpoints import POINTS
from tests.faults.filing import History
from tests.live import Live, wait_for

WEB, WORKER, CALLS = "granian", "fanal.worker", "fanal.calls"
_OF_THE_WORKER = ("worker.", "hash.", "checkpoint.", "near.")
_SERVED_BY = {
    name: CALLS if name.startswith("send.") else WORKER if name.startswith(_OF_THE_WORKER) else WEB
    for name in sorted(POINTS)
}
_ELSEWHERE = ("fetch.", "deconflict.", "trial.", "rerank.", "restore.", "witness.")
"""Passed by nobody here: lists fetched, rounds held, rules tried, backups restored, logs witnessed: tests apart."""
_PASSED_ONCE = ("send.", "checkpoint.", "near.", "vault.chunk", "vault.renamed")
_NAMED_DEATH = 60.0
_SERVING = 60.0


@dataclass(slots=True, kw_only=True)
class Breaker:
    """Kills in pairs: a random SIGKILL arms the next named place, which then kills by itself."""

    server: Live
    history: History
    random: Random
    point_file: Path
    kills: int = 0
    named: int = 0
    database_kills: int = 0
    missed: list[str] = field(default_factory=list)
    slowest_return: float = 0.0

    def plan(self, pairs: int) -> list[str]:
        """Return the named places in a seeded order, each as often as the others."""
        names: list[str] = []
        while len(names) < pairs:
            some = sorted(name for name in POINTS if not name.startswith(_ELSEWHERE))
            self.random.shuffle(some)
            names += some
        return names[:pairs]

    def pair(self, name: str) -> None:
        """Kill the process that passes `name` at a random instant, then let the place kill it."""
        target = _SERVED_BY[name]
        count = 1 if name.startswith(_PASSED_ONCE) else 0
        count = count or self.random.randint(1, 6)
        self.point_file.write_text(f"{name}:{count}:kill")
        time.sleep(self.random.random())  # a random instant, not a wait for anything
        back = time.monotonic()
        dying = self._kill(target)
        wait_for(lambda: not dying & set(self._living(target)), seconds=_SERVING, beat=0.05)
        wait_for(lambda: self._living(target), seconds=_SERVING, beat=0.05)
        armed = set(self._living(target))
        if wait_for(lambda: self._died(target, armed), seconds=_NAMED_DEATH):
            self.named += 1
            self.kills += 1
            self.history.note(kill=target, why=name, count=count)
        else:
            # The machine was too slow to pass there: one at random instead.
            self.missed.append(name)
            self._kill(target)
        self.point_file.write_text("")
        assert wait_for(self.server.ready, seconds=_SERVING), self.server.told()
        self.slowest_return = max(self.slowest_return, time.monotonic() - back)

    def kill_database(self) -> None:
        """Kill PostgreSQL's first process; return when the site is ready again."""
        pid = self.server.database_pid()
        if pid is None:
            return
        time.sleep(self.random.random())
        os.kill(pid, signal.SIGKILL)
        self.database_kills += 1
        self.history.note(kill="postgres", why="random")
        assert wait_for(self.server.ready, seconds=_SERVING), self.server.told()

    def _living(self, target: str) -> list[int]:
        """Return whom to kill: of a worker the stages, of the calls their loop, which pass the named places."""
        return self.server.children(target) if target == WEB else self.server.leaders(target)

    def _kill(self, target: str) -> set[int]:
        """Kill one process; return those that go with it."""
        pids: list[int] = []

        def found() -> bool:
            pids[:] = self._living(target)
            return bool(pids)

        # Taken from the look that found some: the next one may fall between a death and a new start.
        assert wait_for(found, seconds=_SERVING, beat=0.05), self.server.told()
        # The first process of the web takes its workers with it; workers of the stages stand alone.
        first = target == WEB and self.random.random() < 0.5
        pid = pids[0] if first else self.random.choice(pids[target == WEB :] or pids)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            self.kills += 1
            self.history.note(kill=target, why="random")
        return set(pids) if first else {pid}

    def _died(self, target: str, armed: set[int]) -> bool:
        """Whether an armed process is gone; one that comes later is armed too."""
        alive = set(self._living(target))
        if armed - alive:
            return True
        armed |= alive
        return False
