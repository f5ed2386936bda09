"""Timed requests of the desk's pages through all middleware, as a signed-in demo analyst."""

import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import quantiles
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qsl

import click

from benchmarks.place import OF_ONE_PROCESS
from benchmarks.processes import server_process, waited_for_core
from fanal.kernel import clock
from fanal.kernel.actors import Role

if TYPE_CHECKING:
    from django.test import Client

_MIDDLE = "after=48~00000000-0000-7000-8000-000000000000"
QUEUE = (
    "/en/desk/",
    "/en/desk/?view=DANGER",
    "/en/desk/?view=LATE",
    "/en/desk/?kind=GROOMING",
    "/en/desk/?channel=SOCIAL&level=HIGH",
    # Slow if a plan scans until it has found enough: rare values, values of low scores, dates.
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
FILTERS = (
    # Each alone: the first of a pair matches many reports, the second few or none.
    "/en/desk/?language=FR",
    "/en/desk/?language=TH",
    "/en/desk/?sender=8f14e45f-ceea-167a-5a36-dedd4bea2543",
    "/en/desk/?sender=00000000-0000-7000-8000-000000000000",
    "/en/desk/?age=A6_12",
    "/en/desk/?age=A18",
    "/en/desk/?departement=69",
    "/en/desk/?departement=2A",
    "/en/desk/?holder=NOBODY",
    "/en/desk/?holder=ME",
    "/en/desk/?conversation=WITH",
    "/en/desk/?conversation=ANSWER",
    "/en/desk/?received=MONTH",
    "/en/desk/?since=2026-10-01&until=2026-10-02",
    "/en/desk/?sort=NEWEST",
    "/en/desk/?sort=OLDEST",
    # Pairs whose values are common and seldom meet, and filters together.
    "/en/desk/?language=FR&age=A18",
    "/en/desk/?age=A13_14&departement=69",
    "/en/desk/?kind=TRAFFICKING&language=FR",
    "/en/desk/?kind=GROOMING&conversation=WITH&country=FR&holder=NOBODY",
    "/en/desk/?language=TH&sort=NEWEST",
    "/en/desk/?received=DAY&departement=33&age=NONE&language=NONE",
    "/en/desk/?view=LATE&language=TH",
    "/en/desk/?view=LATE&age=A0_5&sort=OLDEST",
    "/en/desk/?view=DECIDED&language=FR",
    f"/en/desk/?language=EN&conversation=WITH&{_MIDDLE}",
)
_KEPT = (
    "view=LATE&kind=TRAFFICKING",
    "view=OPEN&country=FR",
    "view=OPEN&level=LOW",
    "view=OPEN&language=TH",
    "view=OPEN&age=A18",
)


class View(NamedTuple):
    """The time of one page request (`took`), in milliseconds.

    `waited` is the part of it for which the process or its PostgreSQL waited for a processor core.
    """

    took: float
    waited: float


def sign_in(role: Role = Role.ANALYST) -> tuple["Client", int]:
    """Return a test client signed in as a demo person of a role, and the id of a desk of theirs.

    Raises:
        click.ClickException: there is no such demo account.
    """
    from django.test import Client

    from fanal.accounts.domain.demo import DEMO_ACCOUNTS
    from fanal.accounts.domain.policy import reach
    from fanal.accounts.queries.people import actor_for, find_user

    names = [a.username for a in DEMO_ACCOUNTS if a.role is role]
    user = find_user(username=names[0])
    if user is None:
        _open_accounts()
        user = find_user(username=names[0])
    if user is None:
        raise click.ClickException(f"the demo has nobody with the role {role}")
    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    actor = actor_for(user=user, now=clock.now())
    return client, min(reach(actor, "report.list").desk_ids)


def _open_accounts() -> None:
    """Open the demo accounts with the command, since a web process may grant nothing as the system."""
    kept = {name: value for name, value in os.environ.items() if name not in OF_ONE_PROCESS}
    command = [sys.executable, "-m", "fanal", "demo", "accounts"]
    subprocess.run(command, env=kept, stdout=subprocess.DEVNULL, check=True)  # noqa: S603 - ourselves


def keep_views(analyst: "Client") -> None:
    """Save some views of the queue, so that the page counts them.

    Raises:
        click.ClickException: a view is refused.
    """
    for number, query in enumerate(_KEPT):
        asked = dict(parse_qsl(query)) | {"name": f"view {number}"}
        if analyst.post("/en/desk/views/", asked).status_code != 302:
            raise click.ClickException(f"the view {query} is not kept")


def time_pages(
    analyst: "Client", pages: Mapping[str, Sequence[str]], views: int
) -> dict[str, float | str]:
    """Request the pages of each name about `views` times; return times in milliseconds, by figure.

    `pages` holds the paths by name. Figures of each name: median, p95, p95 without the time that a request
    waited for a core (`own`: other load causes it, not the page), slowest and its wait, Python's CPU time;
    and the path with the highest p95. `p95_ms` is the highest p95 of all names.

    Raises:
        click.ClickException: a page does not answer 200.
    """
    result: dict[str, float | str] = {}
    p95 = []
    for name, paths in pages.items():
        cpu = time.process_time()
        opened = _open(analyst, paths, views)
        cpu = time.process_time() - cpu
        result |= (figures := _figures(name, [view for path in opened.values() for view in path]))
        p95.append(figures[f"{name}_p95_ms"])
        own = {path: _cuts([view.took for view in each])[94] for path, each in opened.items()}
        slowest = max(own, key=own.__getitem__)
        result[f"{name}_slowest_path"] = slowest
        result[f"{name}_slowest_path_p95_ms"] = round(own[slowest], 1)
        result[f"{name}_python_cpu_ms"] = round(cpu * 1000 / (views + len(paths)), 1)
    return result | {"p95_ms": max(p95)}


def _open(analyst: "Client", paths: Sequence[str], views: int) -> dict[str, list[View]]:
    """Return the measured requests of each path, requested in turn; the first round is not measured."""
    opened: dict[str, list[View]] = defaultdict(list)
    for number in range(views + len(paths)):
        path = paths[number % len(paths)]
        ours = os.getpid(), server_process()
        waited, started = waited_for_core(*ours), time.perf_counter()
        answer = analyst.get(path)
        took, waited = time.perf_counter() - started, waited_for_core(*ours) - waited
        if answer.status_code != 200:
            raise click.ClickException(f"{path} answered {answer.status_code}")
        if number >= len(paths):
            opened[path].append(View(took * 1000, waited * 1000))
    return opened


def _figures(name: str, views: Sequence[View]) -> dict[str, float]:
    cuts, slowest = _cuts([view.took for view in views]), max(views)
    own = _cuts([view.took - view.waited for view in views])
    return {
        f"{name}_p50_ms": round(cuts[49], 1),
        f"{name}_p95_ms": round(cuts[94], 1),
        f"{name}_own_p95_ms": round(own[94], 1),
        f"{name}_slowest_ms": round(slowest.took, 1),
        f"{name}_slowest_waited_ms": round(slowest.waited, 1),
    }


def _cuts(times: Sequence[float]) -> list[float]:
    return quantiles(times, n=100, method="inclusive") if len(times) > 1 else [*times] * 99
