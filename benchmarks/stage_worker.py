"""A worker that measures the time of each stage; run by the pipeline benchmarks."""

import json
import resource
import signal
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import django

from fanal.kernel import clock
from fanal.kernel.actors import system_actor


def main(output: Path) -> None:
    """Run the stages until SIGTERM, then write the measurements to `output` as JSON.

    Keys: `seconds` (by stage), `cpu` (seconds), `memory` (peak bytes). The file exists once the worker is
    ready.
    """
    django.setup()
    from fanal.ledger import operations as ledger
    from fanal.worker.__main__ import tune_memory
    from fanal.worker.stages import StageLoop

    tune_memory()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    seconds: Counter[str] = Counter()

    def observe(stage: str, elapsed: float) -> None:
        seconds[stage] += elapsed  # type: ignore[assignment]

    loop = StageLoop(actor=system_actor("bench"), clock=clock.now, observe=observe)
    loop.run_once()
    _load_index()
    cpu = time.process_time()
    output.write_text("{}")
    while not stop.is_set():
        if not loop.run_once():
            time.sleep(0.01)
        ledger.sequence_pending(now=clock.now())
    told = {
        "seconds": seconds,
        "cpu": time.process_time() - cpu,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }
    output.write_text(json.dumps(told))


def _load_index() -> None:
    """Look up one hash, so that the hash index is loaded before the measurement."""
    from uuid import UUID

    from fanal.analyse.material.operations.index import MATERIAL
    from fanal.formats.report.records import File, ReportKind
    from fanal.harmonise.domain.records import HarmonisedReport

    MATERIAL.look_up(
        [
            HarmonisedReport(
                report_id=UUID(int=0),
                reference="",
                kind=ReportKind.OTHER,
                files=(File(name=None, pdq="0" * 64),),
            )
        ]
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
