"""`fanal bench selection`: acts on a whole selection of the queue, from the click to the last report.

Synthetic reports go through every stage. A demo analyst then sends the pages of each act through all
middleware, one portion after the other as a browser does: feedback to the providers, then closing. Each
report has its own transaction and ledger entries.
"""

import json
import os
import re
import time

import click
import psycopg
from django.test import Client

from benchmarks.carrying import carry
from benchmarks.place import bench_home
from benchmarks.processes import server_process, waited_for_core
from benchmarks.views import sign_in
from fanal.formats.ncmec.synthesis import synthetic_reports
from fanal.postgres import DatabaseRole

_BYTES_PER_REPORT = 28_000
_HIDDEN = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)">')
_SPARE = 2_000_000_000
_ACTS = {
    "feedback": {"verdict": "USEFUL"},
    "close": {"reason": "Nothing to do: dealt with on the telephone."},
}


@click.command()
@click.option(
    "--size",
    type=click.IntRange(1, 1000),
    default=1000,
    show_default=True,
    help="Number of generated items (SIZE).",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def selection(size: int, as_json: bool) -> None:
    """Do each act of a selection on SIZE reports; print its seconds, portions and longest portion."""
    with bench_home(need_bytes=_SPARE + size * _BYTES_PER_REPORT) as databases:
        analyst, _desk = sign_in()
        carry(list(synthetic_reports(seed=20261201, count=size)), databases, workers=1)
        with psycopg.connect(databases.url(DatabaseRole.OWNER), autocommit=True) as owner:
            found = owner.execute(
                "SELECT report_id FROM orient_case WHERE state = 'TO_ASSESS' AND level <> 'DANGER'"
            ).fetchall()
        reports = " ".join(str(row[0]) for row in found)
        result: dict[str, object] = {"bench": "selection", "reports": len(found)}
        for act, form in _ACTS.items():
            result |= _timed(analyst, act, form | {"reports": reports})
    if as_json:
        click.echo(json.dumps(result))
    else:
        for key, value in result.items():
            click.echo(f"{key}: {value}")


def _timed(analyst: Client, act: str, form: dict[str, str]) -> dict[str, float]:
    """Send the portions of an act until none is left; return seconds, without the wait for a core too.

    Raises:
        click.ClickException: an answer is neither the next portion nor the queue, or reports were left out.
    """
    took, own = [], []
    while True:
        ours = os.getpid(), server_process()
        waited, started = waited_for_core(*ours), time.perf_counter()
        answer = analyst.post(f"/en/desk/selection/{act}/", form)
        took.append(time.perf_counter() - started)
        own.append(took[-1] - (waited_for_core(*ours) - waited))
        if answer.status_code == 302:
            break
        if answer.status_code != 200:
            raise click.ClickException(f"{act} answered {answer.status_code}")
        form = dict(_HIDDEN.findall(answer.content.decode()))
        if " " in form.get("tally", ""):
            raise click.ClickException(f"{act} left reports out: {form['tally']}")
    return {
        f"{act}_s": round(sum(took), 2),
        f"{act}_own_s": round(sum(own), 2),
        f"{act}_portions": len(took),
        f"{act}_longest_portion_s": round(max(took), 2),
    }
