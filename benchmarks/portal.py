"""`fanal bench portal`: reports through the public form, against a minimal view that inserts a row.

Both run in this process, without a network: the form's own pages and views, and a Django view without
middleware that commits one row to a table without an index.
"""

import json
import re
import time
from collections.abc import Callable
from statistics import quantiles

import click
import psycopg
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path

from benchmarks.place import bench_home
from fanal.config.databases import Databases
from fanal.postgres import DatabaseRole

_DRAFT = re.compile(r'name="draft" value="([^"]+)"')
_FORM = "/en/report/"
_ANSWERS: tuple[tuple[str, dict[str, str]], ...] = (
    ("danger", {"danger": "NO"}),
    ("what", {"kind": "ABUSE_MATERIAL"}),
    ("where", {"channel": "SOCIAL", "nickname": "someone_77", "when": "TODAY"}),
    ("saw", {"description": "A neutral sentence about an account of this service. " * 8}),
    ("child", {"child": "UNKNOWN"}),
    ("you", {"contact": "CONTACT", "your_email": "reporter@mail.example"}),
)
_BODY = "A neutral sentence about an account of this service. " * 8


@click.command()
@click.option(
    "--size",
    type=click.IntRange(min=20),
    default=300,
    show_default=True,
    help="Number of generated items (SIZE).",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def portal(size: int, as_json: bool) -> None:
    """Send SIZE reports through the public form, and SIZE rows through a minimal view."""
    with bench_home(need_bytes=300_000_000) as databases:
        walk_ms, drafts = _walk(size)
        send_ms = _send(drafts)
        minimal_ms = _minimal(databases, size)
    result = {
        "bench": "portal",
        "size": size,
        "submissions_per_s": _rate(send_ms),
        "p50_ms": _percentile(send_ms, 50),
        "p99_ms": _percentile(send_ms, 99),
        "minimal_per_s": _rate(minimal_ms),
        "minimal_p50_ms": _percentile(minimal_ms, 50),
        "minimal_p99_ms": _percentile(minimal_ms, 99),
        "ratio": round(sum(minimal_ms) / sum(send_ms), 4),
        "whole_visits_per_s": round(1000 * size / (sum(walk_ms) + sum(send_ms)), 1),
    }
    if as_json:
        click.echo(json.dumps(result))
    else:
        for key, value in result.items():
            click.echo(f"{key}: {value}")


def insert_row(request: HttpRequest) -> HttpResponse:
    """Insert and commit one row with the posted text: the minimum that a form view can do."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO bench_minimal (body) VALUES (%s)", [request.POST["body"]])
    return HttpResponse("thank you", status=201)


urlpatterns: list[URLPattern] = [path("", insert_row)]


def _walk(size: int) -> tuple[list[float], list[str]]:
    """Fill all pages of the form for `size` people; return the milliseconds and last draft of each."""
    from django.test import Client

    times, drafts = [], []
    for number in range(size):
        client = Client(SERVER_NAME="127.0.0.1", REMOTE_ADDR=_address(number))
        started = time.perf_counter()
        draft = _found(client.get(_FORM).content)
        for step, answers in _ANSWERS:
            sent = {"draft": draft, "step": step, "go": "next"} | answers
            draft = _found(client.post(_FORM, sent).content)
        times.append((time.perf_counter() - started) * 1000)
        drafts.append(draft)
    return times, drafts


def _send(drafts: list[str]) -> list[float]:
    """Submit every draft, after the waiting time of a browser without JavaScript; return milliseconds."""
    from django.test import Client

    from fanal.web.public.report import WAIT_WITHOUT_PROOF

    time.sleep(WAIT_WITHOUT_PROOF)

    def send(number: int) -> int:
        client = Client(SERVER_NAME="127.0.0.1", REMOTE_ADDR=_address(number))
        sent = {"draft": drafts[number], "step": "check", "go": "send"}
        return client.post(_FORM, sent).status_code

    return _times(send, len(drafts))


def _minimal(databases: Databases, size: int) -> list[float]:
    from django.test import Client
    from django.test.utils import override_settings

    with psycopg.connect(databases.url(DatabaseRole.OWNER)) as owner:
        owner.execute("CREATE TABLE bench_minimal (body text NOT NULL)")
        owner.execute(f"GRANT INSERT ON bench_minimal TO {DatabaseRole.APP.login}")
    with override_settings(MIDDLEWARE=[], ROOT_URLCONF=__name__):
        client = Client(SERVER_NAME="127.0.0.1")
        return _times(lambda _: client.post("/", {"body": _BODY}).status_code, size)


def _times(act: Callable[[int], int], size: int) -> list[float]:
    times = []
    for number in range(size):
        started = time.perf_counter()
        status = act(number)
        times.append((time.perf_counter() - started) * 1000)
        if status != 201:
            raise click.ClickException(f"number {number} was answered with {status}")
    return times


def _found(page: bytes) -> str:
    match = _DRAFT.search(page.decode())
    if match is None:
        raise click.ClickException("the form answered with a page without a draft")
    return match.group(1)


def _address(number: int) -> str:
    return f"2001:db8::{number + 1:x}"


def _rate(milliseconds: list[float]) -> float:
    return round(1000 * len(milliseconds) / sum(milliseconds), 1)


def _percentile(milliseconds: list[float], percent: int) -> float:
    return round(quantiles(milliseconds, n=100, method="inclusive")[percent - 1], 2)
