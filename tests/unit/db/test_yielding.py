"""Sessions of public nodes get less of the processors than the calls."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from fanal.db.yielding import NICE, NodesYield


@contextmanager
def sleeping() -> Iterator[int]:
    """Yield the number of a process of this account that does nothing."""
    with subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(60)"],
        start_new_session=True,  # the priority of a session is lowered: not that of the tests
    ) as process:
        try:
            yield process.pid
        finally:
            process.kill()


def test_each_process_is_lowered_once_and_the_others_stay_as_they_are() -> None:
    yielding, usual = NodesYield(), os.getpriority(os.PRIO_PROCESS, 0)
    with ExitStack() as stack:
        pids = [stack.enter_context(sleeping()) for _ in range(3)]
        yielding.look(pids[:2])
        assert [os.getpriority(os.PRIO_PROCESS, pid) for pid in pids] == [NICE, NICE, usual]
    yielding.look([])
    assert yielding._lowered == set()


def test_one_that_is_gone_is_passed_over() -> None:
    with sleeping() as pid:
        pass
    NodesYield().look([pid])
