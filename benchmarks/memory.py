"""Memory of processes over time: the peak, and the growth with each report."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from benchmarks.processes import memory_of

WARM_UP = 15_000
"""Reports processed before a process's growth is measured: until then its bounded caches fill."""
FLAT = 100.0
"""Growth (bytes per report) below which memory is flat: a million reports then add less than 100 MB."""


@dataclass(slots=True, kw_only=True)
class Series:
    """Memory samples of one process, or of a server with its children, after its warm-up (`WARM_UP`).

    `part` is the kind of process, `begun` the number of reports processed at its start. `reports` and `own`
    are parallel: reports processed so far, and private bytes.
    """

    part: str
    begun: int
    reports: list[int] = field(default_factory=list)
    own: list[int] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class MemoryWatch:
    """Collects memory samples by kind of process (`worker`, `importer`, …), across restarts.

    `series` is by (kind, id of the first process), `peaks` the most bytes by kind.
    """

    series: dict[tuple[str, int], Series] = field(default_factory=dict)
    peaks: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def sample(self, lives: Mapping[tuple[str, int], Iterable[int]], *, reports: int) -> None:
        """Record the present memory of each process group.

        `lives` maps (kind, id of the first process) to the ids of its processes; `reports` is the number
        processed so far.
        """
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
        """Return by kind of process its peak in bytes and its growth in bytes per report.

        The growth is None if no process lived long enough.
        """
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
    """Return whether no kind of process grows by `FLAT` bytes per report; None if none could be measured.

    `told` is the result of `MemoryWatch.told`.
    """
    measured = [g for part in told.values() if (g := part["grows_bytes_per_report"]) is not None]
    return all(grows < FLAT for grows in measured) if measured else None


def growth(lives: Sequence[Series]) -> float | None:
    """Return the growth of memory in bytes per report, by least squares over all series; None if too short.

    Each series has an intercept of its own, since a restarted process begins at another level.
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
