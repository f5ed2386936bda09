"""A step that becomes slow loses no lease: what it moves on is held from its end, and the next ones are smaller."""

import logging
import time
from dataclasses import replace
from datetime import timedelta

import pytest

from fanal.intake.domain.records import Stage
from fanal.intake.queries.work import count_work
from fanal.kernel import clock
from fanal.kernel.actors import system_actor
from fanal.pipeline import STEPS, Batch
from fanal.worker import stages
from fanal.worker.stages import StageLoop
from tests.integration.worker.test_pipeline import _deposit

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.role("worker")]
REPORTS, COST = 400, 0.02
LEASE = timedelta(seconds=3)


@pytest.fixture(autouse=True)
def keys(installed_keys: None) -> None:
    """The worker opens what was sealed."""


def _many(*, urgent: bool = False, count: int = REPORTS) -> None:
    _deposit(
        *(
            {
                "reference": f"{urgent}-{n}",
                "kind": "GROOMING",
                "occurred_at": "2026-11-20",
                "description": f"Hello {n}.",
                "platform": "Blockharbor",
                **({"emergency": True} if urgent else {}),
            }
            for n in range(count)
        )
    )


def _slow(monkeypatch: pytest.MonkeyPatch, stage: Stage) -> list[int]:
    """Let each report cost time at a stage; return the sizes of its steps, which grow as it works."""
    sizes: list[int] = []
    step = STEPS[stage]

    def run(batch: Batch) -> None:
        sizes.append(len(batch.report_ids))
        time.sleep(COST * len(batch.report_ids))
        step.run(batch)

    monkeypatch.setattr(stages, "STEPS", {**STEPS, stage: replace(step, run=run)})
    return sizes


def _loop() -> StageLoop:
    return StageLoop(actor=system_actor("test"), clock=clock.now, lease=LEASE)


@pytest.mark.parametrize("stage", [Stage.ANALYSE, Stage.PRIORITISE])
def test_steps_that_outlast_the_lease_become_smaller_and_nothing_is_done_twice(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, stage: Stage
) -> None:
    _many()
    sizes, loop = _slow(monkeypatch, stage), _loop()
    while loop.run_once():
        pass
    assert count_work() == {}
    assert sizes[0] == REPORTS  # eight seconds of a lease of three
    _many(urgent=True)
    while loop.run_once():
        pass
    assert count_work() == {}
    assert sum(sizes) == 2 * REPORTS, sizes
    assert max(sizes[1:]) <= REPORTS // 2
    assert sizes[-1] * COST < LEASE.total_seconds() / 2, sizes
    assert not [r for r in caplog.records if r.levelno >= logging.WARNING]


def test_urgent_reports_take_no_lease_from_those_that_wait_in_hand(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _many(count=100)
    sizes, loop, harmonised = _slow(monkeypatch, Stage.ANALYSE), _loop(), []
    between = loop._between

    def more() -> bool:
        """After the first step of the others: urgent ones, carried before they go on."""
        if not harmonised:
            harmonised.append(1)
            _many(urgent=True, count=300)
        return between()

    loop._between = more
    while loop.run_once():
        pass
    assert count_work() == {}
    assert sum(sizes) == 400, sizes
    assert not [r for r in caplog.records if r.levelno >= logging.WARNING]
