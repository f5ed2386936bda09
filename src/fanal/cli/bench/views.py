"""Pages of the desk, opened through all middleware by a demo analyst who is signed in, and timed."""

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import quantiles
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import click

from fanal.kernel import clock
from fanal.kernel.actors import Role, system_actor

if TYPE_CHECKING:
    from django.test import Client

_MIDDLE = "after=48~00000000-0000-7000-8000-000000000000"
QUEUE = (
    "/en/desk/",
    "/en/desk/?view=DANGER",
    "/en/desk/?view=LATE",
    "/en/desk/?kind=GROOMING",
    "/en/desk/?channel=SOCIAL&level=HIGH",
    # What a plan that reads on until it finds pays for: rare values, values that go with low scores, time.
    "/en/desk/?kind=TRAFFICKING",
    "/en/desk/?level=LOW",
    "/en/desk/?country=FR",
    "/en/desk/?channel=METAVERSE&country=BE",
    "/en/desk/?kind=SEXTORTION&level=DANGER",
    "/en/desk/?view=LATE&kind=TRAFFICKING",
    "/en/desk/?view=LATE&channel=SOCIAL&level=HIGH",
    "/en/desk/?view=LATE&country=FR",
    "/en/desk/?view=TO_SECOND&kind=GROOMING",
    "/en/desk/?view=HANDED_OVER&channel=METAVERSE",
    "/en/desk/?view=DECIDED&kind=TRAFFICKING",
    f"/en/desk/?{_MIDDLE}",
    f"/en/desk/?view=LATE&level=LOW&{_MIDDLE}",
    "/en/desk/views/counted/",
)
_KEPT = ("view=LATE&kind=TRAFFICKING", "view=OPEN&country=FR", "view=OPEN&level=LOW")


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


def keep_views(analyst: "Client") -> None:
    """Keep some views of the queue, so that their counts are asked for."""
    for number, query in enumerate(_KEPT):
        asked = dict(parse_qsl(query)) | {"name": f"view {number}"}
        if analyst.post("/en/desk/views/", asked).status_code != 302:
            raise click.ClickException(f"the view {query} is not kept")


def time_pages(
    analyst: "Client", pages: Mapping[str, Sequence[str]], views: int
) -> dict[str, float | str]:
    """Open the pages of each name `views` times; return median, p95, slowest and Python's CPU of each name.

    `p95_ms` is that of the slowest name; of each name, the path whose own p95 is the highest is told.

    Raises:
        click.ClickException: a page does not answer 200.
    """
    result: dict[str, float | str] = {}
    p95 = []
    for name, paths in pages.items():
        cpu = time.process_time()
        times = _open(analyst, paths, views)
        cpu = time.process_time() - cpu
        result |= (figures := _figures(name, [each for path in times.values() for each in path]))
        p95.append(figures[f"{name}_p95_ms"])
        own = {path: _cuts(each)[94] for path, each in times.items()}
        slowest = max(own, key=own.__getitem__)
        result[f"{name}_slowest_path"] = slowest
        result[f"{name}_slowest_path_p95_ms"] = round(own[slowest], 1)
        result[f"{name}_python_cpu_ms"] = round(cpu * 1000 / (views + len(paths)), 1)
    return result | {"p95_ms": max(p95)}


def _open(analyst: "Client", paths: Sequence[str], views: int) -> dict[str, list[float]]:
    """Return the milliseconds of each view by path, by turns; the first round warms up unmeasured."""
    times: dict[str, list[float]] = defaultdict(list)
    for number in range(views + len(paths)):
        path = paths[number % len(paths)]
        started = time.perf_counter()
        answer = analyst.get(path)
        elapsed = (time.perf_counter() - started) * 1000
        if answer.status_code != 200:
            raise click.ClickException(f"{path} answered {answer.status_code}")
        if number >= len(paths):
            times[path].append(elapsed)
    return times


def _figures(name: str, times: Sequence[float]) -> dict[str, float]:
    cuts = _cuts(times)
    return {
        f"{name}_p50_ms": round(cuts[49], 1),
        f"{name}_p95_ms": round(cuts[94], 1),
        f"{name}_slowest_ms": round(max(times), 1),
    }


def _cuts(times: Sequence[float]) -> list[float]:
    return quantiles(times, n=100, method="inclusive") if len(times) > 1 else [*times] * 99
