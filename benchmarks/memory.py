"""Memory of processes through time: how much at most, and by how much it grows with each report."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from benchmarks.processes import memory_of

WARM_UP = 15_000
"""Reports in a process's life that say nothing of growth: until then its bounded caches fill."""
FLAT = 100.0
"""Bytes a report that count as flat: a million reports then add less than 100 MB."""


@dataclass(slots=True, kw_only=True)
class Series:
    """Samples of one life of a process, or of a server with all of its: reports carried, own bytes."""

    part: str
    begun: int
    reports: list[int] = field(default_factory=list)
    own: list[int] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class MemoryWatch:
    """Collects samples; a part is `worker`, `importer`, …, whose processes come and go."""

    series: dict[tuple[str, int], Series] = field(default_factory=dict)
    peaks: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def sample(self, lives: Mapping[tuple[str, int], Iterable[int]], *, reports: int) -> None:
        """Note the memory of each life, a part and its first process, over all of its processes."""
        for (part, first), pids in lives.items():
            found = [memory for pid in pids if (memory := memory_of(pid)) is not None]
            if not found:
                continue
            own = sum(memory.own for memory in found)
            shared = max(memory.resident - memory.own for memory in found)
            self.peaks[part] = max(self.peaks[part], own + shared)
            series = self.series.setdefault((part, first), Series(part=part, begun=reports))
            if reports - series.begun >= WARM_UP:
                series.reports.append(reports)
                series.own.append(own)

    def told(self) -> dict[str, dict[str, float | int | None]]:
        """Return of each part its most bytes and its growth in bytes a report; None: lives were short."""
        return {
            part: {
                "most_bytes": most,
                "grows_bytes_per_report": growth(
                    [s for s in self.series.values() if s.part == part]
                ),
            }
            for part, most in self.peaks.items()
        }


def is_flat(told: Mapping[str, Mapping[str, float | int | None]]) -> bool | None:
    """Return whether no part grows by more than `FLAT`; None where no life was long enough to say."""
    measured = [g for part in told.values() if (g := part["grows_bytes_per_report"]) is not None]
    return all(grows < FLAT for grows in measured) if measured else None


def growth(lives: Sequence[Series]) -> float | None:
    """Return by how many bytes memory grows with each report, by least squares within each life.

    Each life has a level of its own: a process that is started anew begins where it likes.
    """
    together = spread = 0.0
    for life in lives:
        if len(life.reports) < 3:
            continue
        reports, own = np.array(life.reports, dtype=float), np.array(life.own, dtype=float)
        reports -= reports.mean()
        together += float(reports @ (own - own.mean()))
        spread += float(reports @ reports)
    return round(together / spread, 2) if spread else None
