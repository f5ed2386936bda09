"""When nothing more is taken: bounds, what comes first, and waits that grow and end."""

import pytest

from fanal.intake.domain.pressure import Limits, PressureCode, judge

LIMITS = Limits(backlog=100, reserve=1000, largest_file=50)


@pytest.mark.parametrize(
    ("waiting", "free", "needed", "code"),
    [
        (0, 1000, 0, None),
        (99, 1000, 0, None),
        (100, 1000, 0, PressureCode.BACKLOG),
        (0, 999, 0, PressureCode.DISK),
        (0, 1050, 51, PressureCode.DISK),
        (0, 1050, 50, None),
        (100, 0, 0, PressureCode.DISK),
    ],
)
def test_what_presses(waiting: int, free: int, needed: int, code: PressureCode | None) -> None:
    found = judge(waiting=waiting, free=free, needed=needed, limits=LIMITS)
    assert (found.code if found else None) is code


def test_no_bound_of_the_backlog_means_never() -> None:
    limits = Limits(backlog=0, reserve=0, largest_file=1)
    assert judge(waiting=10**9, free=0, needed=0, limits=limits) is None


def test_the_wait_grows_with_what_waits_and_has_an_end() -> None:
    waits = [
        judge(waiting=100 * n, free=1000, needed=0, limits=LIMITS).wait  # type: ignore[union-attr]
        for n in range(1, 30)
    ]
    assert waits[0] == 30
    assert waits == sorted(waits)
    assert waits[-1] == 300
