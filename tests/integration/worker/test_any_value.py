"""No value that a partner may send stops a report at a stage, whatever the field."""

import copy
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from django.db import connection

from fanal.formats import report
from fanal.formats.refusal import FormatRefused
from fanal.formats.report.read import canonical_bytes, read_report
from fanal.intake.domain.records import Arrival, Format, Submission
from fanal.intake.operations.receive import receive_reports
from fanal.kernel.actors import system_actor
from fanal.worker.stages import StageLoop

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.role("worker")]
SYSTEM = system_actor("test")
FULL = json.loads((Path(report.__path__[0]) / "samples" / "full.json").read_bytes())
ODD: dict[type, list[object]] = {
    str: [
        "", "-1", "2026-02-30", "20/11/2026 21:14", "0001-01-01", "9999-12-31T23:59:59Z",
        "0001-01-01T00:00:00+14:00", "\u202e\ufdfa=1+1", "\x1b[31m", "x" * 3000,
    ],
    int: [0, -1, 150, 10**9, 10**30],
    float: [0.0, -1.0, 1e300],
    bool: [None],
}  # fmt: skip


def leaves(tree: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield the place of each value in a report that is neither object nor list."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from leaves(value, (*path, key))
    elif isinstance(tree, list):
        for place, value in enumerate(tree):
            yield from leaves(value, (*path, place))
    else:
        yield path


def altered() -> Iterator[dict[str, object]]:
    """Yield the full sample with one value replaced, for each value and each odd one of its type."""
    for path in leaves(FULL):
        value = FULL
        for key in path:
            value = value[key]
        for odd in ODD[type(value)]:
            changed = copy.deepcopy(FULL)
            parent = changed
            for key in path[:-1]:
                parent = parent[key]
            parent[path[-1]] = odd
            yield changed


def submission(tree: dict[str, object]) -> Submission:
    """Return a submission of the report.

    Raises:
        FormatRefused: it is no report.
    """
    reference = str(uuid4())
    body = json.dumps(tree | {"reference": reference}).encode()
    return Submission(
        arrival=Arrival.API, format=Format.REPORT, body=body,
        canonical=canonical_bytes(read_report(body)), sender_id=uuid4(), reference=reference,
        urgent=False,
    )  # fmt: skip


def test_no_value_stops_a_report(installed_keys: None) -> None:
    accepted: list[Submission] = []
    for tree in altered():
        try:
            accepted.append(submission(tree))
        except FormatRefused:
            continue
    assert len(accepted) > 200
    for start in range(0, len(accepted), 100):
        receive_reports(
            actor=SYSTEM, submissions=accepted[start : start + 100], now=datetime.now(UTC)
        )
    loop = StageLoop(actor=SYSTEM, clock=lambda: datetime.now(UTC))
    while loop.run_once():
        pass
    with connection.cursor() as cursor:
        cursor.execute("SELECT stage, count(*) FROM intake_work WHERE stage <> 'DONE' GROUP BY 1")
        assert cursor.fetchall() == []
