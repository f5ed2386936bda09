"""Work cut into spans that every processor takes a part of; the compiled loops let go of the interpreter."""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Work = TypeVar("Work")
Found = TypeVar("Found")
Also = TypeVar("Also")
_ENOUGH = 50_000
"""Reports from which on a second processor is worth its thread."""


def processors_for(size: int) -> int:
    """Return how many processors share the work on so many reports: a power of two, at most eight."""
    if size < _ENOUGH:
        return 1
    return min(8, 1 << (len(os.sched_getaffinity(0)).bit_length() - 1))


def together(size: int, one: Callable[[], Found], other: Callable[[], Also]) -> tuple[Found, Also]:
    """Return what two acts on so many reports give, side by side where that is worth a thread."""
    if processors_for(size) == 1:
        return one(), other()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(one)
        second = other()
        return first.result(), second


def in_turn(act: Callable[[Work], Found], works: Sequence[Work]) -> Iterator[Found]:
    """Yield what `act` makes of each work, in order; where there are several, each processor is one ahead."""
    if len(works) < 2:
        yield from map(act, works)
        return
    threads = len(os.sched_getaffinity(0))
    with ThreadPoolExecutor(threads) as pool:
        ahead = deque(pool.submit(act, work) for work in works[:threads])
        for place in range(len(works)):
            found = ahead.popleft().result()
            if place + threads < len(works):
                ahead.append(pool.submit(act, works[place + threads]))
            yield found
