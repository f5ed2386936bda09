"""Checks after a bulk run: is every report stored once, unchanged, and processed once by every stage?"""

import json
import subprocess
from typing import Final

import click
import numpy as np
import psycopg

from benchmarks.deliveries import Expected, mark_of
from benchmarks.service import Service
from fanal.config.databases import Databases
from fanal.postgres import DatabaseRole

_ONCE: Final = (
    "intake_receipt",
    "harmonise_record",
    "harmonise_text",
    "crosscheck_kin",
    "orient_case",
)
"""Tables with exactly one row a report, unless a stage was run twice."""
_REVISED: Final = ("analyse_result", "analyse_priority", "orient_proposal")
"""Tables with one row a report, and a second one for a text with findings that was read after the stages."""
_STAGE_AGAIN: Final = """
SELECT count(*) FROM (
    SELECT report_id FROM analyse_result GROUP BY report_id
    HAVING count(*) FILTER (WHERE rule_version NOT LIKE '% reader/%') > 1
        OR count(*) FILTER (WHERE rule_version LIKE '% reader/%') > 1
) AS again
"""
"""Reports analysed twice alike. A text read after the stages has two analyses: without a model, and with one.

How many have the second one depends on how far that reading has come.
"""


def compare(databases: Databases, expected: Expected) -> dict[str, object]:
    """Compare the stored reports with those delivered (`expected`); return the differences by name.

    Keys: `acknowledged` (stored reports), `missing`, `doubled`, `changed`, `strangers` (never delivered),
    `documents_missing`, `left_in_queue` (not fully processed), and `not_once`: (rows, reports) of each table
    in which a report has no row or too many.
    """
    times = np.zeros(len(expected.marks), dtype=np.int32)
    changed = strangers = 0
    with psycopg.connect(databases.url(DatabaseRole.OWNER)) as owner:
        # One state for all counts: idle workers go on reading texts.
        owner.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        with owner.cursor(name="received") as cursor:
            cursor.itersize = 10_000
            cursor.execute(
                "SELECT r.reference, o.sha256 FROM intake_report r JOIN vault_object o ON o.id = r.object_id"
            )
            for reference, digest in cursor:
                number = int(reference)
                if number >= expected.reports:
                    strangers += 1
                    continue
                times[number] += 1
                changed += int(expected.marks[number]) != mark_of(digest)
        sealed = _count(owner, "SELECT count(*) FROM vault_object")
        rows = {
            table: (
                _count(owner, f"SELECT count(*) FROM {table}"),  # noqa: S608 - constants
                _count(owner, f"SELECT count(DISTINCT report_id) FROM {table}"),  # noqa: S608
            )
            for table in (*_ONCE, *_REVISED)
        }
        quarantined = _count(owner, "SELECT count(*) FROM intake_work")
        alike = _count(owner, _STAGE_AGAIN)
    times = times[: expected.reports]
    # Each text that was read again was also ranked and oriented again, once.
    read_again = rows["analyse_result"][0] - expected.reports
    again = dict.fromkeys(_ONCE, 0) | dict.fromkeys(_REVISED, 0 if alike else read_again)
    return {
        "acknowledged": int(times.sum()) + strangers,
        "missing": int((times == 0).sum()),
        "doubled": int((times > 1).sum()),
        "changed": changed,
        "strangers": strangers,
        "documents_missing": expected.documents - sealed,
        "not_once": {
            table: counts
            for table, counts in rows.items()
            if counts[1] != expected.reports or counts[0] - counts[1] != again[table]
        },
        "left_in_queue": quarantined,
    }


def check_evidence(service: Service) -> dict[str, object]:
    """Run the check of the vault (`fanal fsck`) with repair of leftover bytes, then again; return results.

    Killed submissions leave such bytes. Keys: `objects`, `opened` (decrypted), `loose_of_killed` (findings of
    the first run), `losses` (codes of those that are no leftovers), `orphans_left` (findings of the second
    run), `clean`.
    """
    [*findings, first] = _lines(service, "fsck", "--json", "--grace", "0", "--repair")
    [*left, second] = _lines(service, "fsck", "--json", "--grace", "0", "--quick")
    codes = {str(finding["code"]) for finding in findings}
    return {
        "objects": first["objects"],
        "opened": first["opened"],
        "loose_of_killed": len(findings),
        "losses": sorted(codes - {"ORPHAN", "LEFTOVER"}),
        "orphans_left": len(left),
        "clean": second["clean"],
    }


def check_ledger(service: Service) -> dict[str, object]:
    """Run `fanal ledger verify` and return its result.

    Keys: `entries` (their number), `whole` (the chain is intact), `problems` (the first ten).
    """
    [*problems, summary] = _lines(service, "ledger", "verify", "--json")
    return {
        "entries": summary["size"],
        "whole": summary["whole"],
        "problems": problems[:10],
    }


def is_whole(result: dict[str, object]) -> bool:
    """Return whether `compare`, `check_evidence` and `check_ledger` found nothing wrong.

    `result` holds the figures of the first, and the others under `evidence` and `ledger`.
    """
    evidence, ledger = result["evidence"], result["ledger"]
    wrong = ("missing", "doubled", "changed", "strangers", "documents_missing", "left_in_queue")
    return (
        not any(result[name] for name in wrong)
        and not result["not_once"]
        and isinstance(evidence, dict)
        and evidence["clean"] is True
        and not evidence["losses"]
        and isinstance(ledger, dict)
        and ledger["whole"] is True
    )


def _lines(service: Service, *arguments: str) -> list[dict[str, object]]:
    """Return the JSON objects that a `fanal` command prints, one per line, whatever its exit code.

    Raises:
        click.ClickException: it printed nothing.
    """
    process = service.popen(*arguments, stdout=subprocess.PIPE)
    output, _ = process.communicate()
    found = [json.loads(line) for line in output.splitlines()]
    if not found:
        raise click.ClickException(f"fanal {' '.join(arguments)} ended with {process.returncode}")
    return found


def _count(owner: psycopg.Connection[tuple[object, ...]], query: str) -> int:
    row = owner.execute(query.encode()).fetchone()
    return int(str(row[0])) if row else 0
