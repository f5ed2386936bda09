"""Pages of the desk, opened through all middleware by a demo analyst who is signed in, and timed."""

import time
from collections.abc import Mapping, Sequence
from statistics import quantiles
from typing import TYPE_CHECKING

import click

from fanal.kernel import clock
from fanal.kernel.actors import Role, system_actor

if TYPE_CHECKING:
    from django.test import Client

QUEUE = (
    "/en/desk/",
    "/en/desk/?view=DANGER",
    "/en/desk/?view=LATE",
    "/en/desk/?kind=GROOMING",
    "/en/desk/?channel=SOCIAL&level=HIGH",
)


def sign_in() -> tuple["Client", int]:
    """Return a browser signed in as a demo analyst, and the desk the analyst works at."""
    from django.test import Client

    from fanal.accounts import operations, queries

    now = clock.now()
    accounts = operations.ensure_demo_accounts(actor=system_actor("bench"), now=now)
    name = next(account.username for account in accounts if account.role is Role.ANALYST)
    user = queries.find_user(username=name)
    if user is None:
        raise click.ClickException("the demo has no analyst")
    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client, min(queries.actor_for(user=user, now=now).desk_ids)


def time_pages(
    analyst: "Client", pages: Mapping[str, Sequence[str]], views: int
) -> dict[str, float]:
    """Open the pages of each name `views` times; return median, p95, slowest and Python's CPU of each name.

    `p95_ms` is that of the slowest name.

    Raises:
        click.ClickException: a page does not answer 200.
    """
    result: dict[str, float] = {}
    for name, paths in pages.items():
        cpu = time.process_time()
        times = _open(analyst, paths, views)
        cpu = time.process_time() - cpu
        result |= _figures(name, times)
        result[f"{name}_python_cpu_ms"] = round(cpu * 1000 / (views + len(paths)), 1)
    return result | {"p95_ms": max(result[f"{name}_p95_ms"] for name in pages)}


def _open(analyst: "Client", paths: Sequence[str], views: int) -> list[float]:
    """Return the milliseconds of each view, the pages by turns; the first round warms up unmeasured."""
    times = []
    for number in range(views + len(paths)):
        path = paths[number % len(paths)]
        started = time.perf_counter()
        answer = analyst.get(path)
        elapsed = (time.perf_counter() - started) * 1000
        if answer.status_code != 200:
            raise click.ClickException(f"{path} answered {answer.status_code}")
        if number >= len(paths):
            times.append(elapsed)
    return times


def _figures(name: str, times: Sequence[float]) -> dict[str, float]:
    cuts = quantiles(times, n=100, method="inclusive")
    return {
        f"{name}_p50_ms": round(cuts[49], 1),
        f"{name}_p95_ms": round(cuts[94], 1),
        f"{name}_slowest_ms": round(max(times), 1),
    }
