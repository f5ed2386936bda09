"""How long a page took, and for how much of it somebody else had the core: two figures of the benches of pages."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import cast

import pytest
from django.http import HttpResponse
from django.test import Client

from benchmarks.processes import waited_for_core
from benchmarks.views import time_pages

pytestmark = pytest.mark.django_db
SECONDS = 0.1


class Browser:
    """Opens two pages: one computes, one waits for nobody's core."""

    def get(self, path: str) -> HttpResponse:
        end = time.process_time() + SECONDS
        while path == "/computes/" and time.process_time() < end:
            pass
        if path == "/sleeps/":
            time.sleep(SECONDS)
        return HttpResponse()


@pytest.fixture
def one_core_for_two() -> Iterator[None]:
    """Leave this test one core, which another process wants all the time."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    other = subprocess.Popen([sys.executable, "-S", "-c", "while True: pass"])
    try:
        yield
    finally:
        other.kill()
        other.wait()
        os.sched_setaffinity(0, cores)


@pytest.mark.usefixtures("one_core_for_two")
def test_a_view_tells_how_long_it_had_no_core() -> None:
    pages = {"computes": ["/computes/"], "sleeps": ["/sleeps/"]}
    told = time_pages(cast(Client, Browser()), pages, views=1)
    took, waited = (float(told[f"computes_slowest_{part}ms"]) for part in ("", "waited_"))
    assert took > SECONDS * 1000
    assert waited == pytest.approx(took - SECONDS * 1000, rel=0.2)
    assert float(told["sleeps_slowest_waited_ms"]) < waited / 2


def test_a_process_that_is_gone_adds_nothing() -> None:
    gone = subprocess.Popen([sys.executable, "-S", "-c", ""])
    gone.wait()
    assert waited_for_core(gone.pid) == 0
