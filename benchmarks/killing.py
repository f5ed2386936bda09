"""Kills of importer, workers and database (SIGKILL) at random moments, which follow from a seed."""

import contextlib
import os
import signal
import time
from collections import Counter
from dataclasses import dataclass
from random import Random  # noqa: TID251 - seeded: the same seed kills at the same reports

from benchmarks.service import Service

PARTS = ("importer", "worker", "postgresql")
_FROM, _TO = 0.03, 0.85


@dataclass(frozen=True, slots=True, kw_only=True)
class Blow:
    """A planned kill of a process.

    `part` is the kind of process (`PARTS`), `reports` the number of reports at which it is due, `pause` the
    time before it in seconds.
    """

    part: str
    reports: int
    pause: float


class Killer:
    """Executes planned kills (SIGKILL) while reports are processed: `kills` of each kind of process.

    The kinds are `PARTS`. `dealt` counts the kills so far, by kind.
    """

    def __init__(self, *, kills: int, size: int, seed: int) -> None:
        chance = Random(seed)  # noqa: S311 - no secret
        plan = [
            Blow(
                part=part,
                reports=round(size * chance.uniform(_FROM, _TO)),
                pause=chance.random(),
            )
            for part in PARTS
            for _ in range(kills)
        ]
        self._chance, self._plan = chance, sorted(plan, key=lambda blow: blow.reports)
        self.dealt: Counter[str] = Counter(dict.fromkeys(PARTS, 0))
        self._last: dict[str, Blow] = {}

    @property
    def done(self) -> bool:
        """Whether all planned kills were executed."""
        return not self._plan

    def strike(
        self, service: Service, *, importer: int | None, received: int, carried: int
    ) -> str | None:
        """Execute the next due kill whose process is alive; return the kind of process, None without any.

        A kill of the importer is due by the number of reports received, any other by those processed.
        `importer` is its process id, None if it is not running; `carried` reports are fully processed.
        """
        for blow in self._plan:
            due = received if blow.part == "importer" else carried
            targets = self._targets(service, blow.part, importer) if due >= blow.reports else []
            if targets:
                time.sleep(blow.pause)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self._chance.choice(targets), signal.SIGKILL)
                    self.dealt[blow.part] += 1
                    self._plan.remove(blow)
                    self._last[blow.part] = blow
                    return blow.part
        return None

    def missed(self, part: str) -> None:
        """Plan the last kill of this kind of process again, because that process had ended by itself."""
        self.dealt[part] -= 1
        self._plan.insert(0, self._last[part])

    @staticmethod
    def _targets(service: Service, part: str, importer: int | None) -> list[int]:
        if part == "importer":
            return [] if importer is None else [importer]
        if part == "worker":
            return service.workers()
        postmaster = service.postmaster()
        return [] if postmaster is None else [postmaster]
