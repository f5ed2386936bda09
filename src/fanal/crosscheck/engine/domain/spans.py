"""Parallel execution of work in spans on threads; the compiled loops release the interpreter lock."""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Work = TypeVar("Work")
Found = TypeVar("Found")
Also = TypeVar("Also")
_ENOUGH = 50_000
"""Number of reports from which a second thread pays off."""


def processors_for(size: int) -> int:
    """Return the number of threads for work on `size` reports: a power of two, at most eight."""
    if size < _ENOUGH:
        return 1
    return min(8, 1 << (len(os.sched_getaffinity(0)).bit_length() - 1))


def together(size: int, one: Callable[[], Found], other: Callable[[], Also]) -> tuple[Found, Also]:
    """Return the results of two functions; they run in parallel if the number of reports justifies a thread.

    `size` is that number. An exception of either is raised here. The two functions are `one` and `other`.
    """
    if processors_for(size) == 1:
        return one(), other()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(one)
        second = other()
        return first.result(), second


def in_turn(act: Callable[[Work], Found], works: Sequence[Work]) -> Iterator[Found]:
    """Yield `act(work)` for each work, in the order of `works`.

    Later works run ahead, on as many threads as processors.
    """
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
