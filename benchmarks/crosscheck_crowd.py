"""Many people behind one IP address, host and page: there must be no dossier of strangers and no slow page.

Every report goes through the whole pipeline. A few people are reported several times; only they may have a
dossier. Then pages on the shared values are opened as an analyst would, and everything is rebuilt.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode
from uuid import UUID

import numpy as np
import psycopg

from benchmarks.carrying import Reports, carry
from benchmarks.place import bench_home
from benchmarks.truth.dice import Dice
from benchmarks.views import sign_in, time_pages
from fanal.cli.boot import process_environment
from fanal.config.databases import Databases
from fanal.config.migration import DatabaseMark
from fanal.postgres import DatabaseRole

ADDRESS, HOST = "203.0.113.200", "bighost.test"
PAGE = f"https://{HOST}/watch/clip-88421"
_BYTES_PER_REPORT = 30_000
_SPAN = 395 * 86_400
_START = datetime(2025, 10, 1, tzinfo=UTC)
_AGAIN = 0.04  # of all reports are about somebody who was reported before
_BEFORE_PAGE = 0.1


def measure_crowd(size: int, *, views: int, seed: int) -> dict[str, object]:
    """Return figures on `size` reports about people behind one address, by name: dossiers and page times.

    Dossiers of strangers are counted (expected: none), before and after a rebuild (`same_after_rebuild`).
    `views`: number of times that each kind of page is opened; times are those of `time_pages`. `seed` sets
    the reports.
    """
    labels, reports = crowd(size, seed=seed)
    with bench_home(need_bytes=500_000_000 + size * _BYTES_PER_REPORT) as databases:
        analyst, _ = sign_in()
        carried = carry(reports, databases, workers=2, prefix="crowd")
        told: dict[str, object] = {
            "bench": "crosscheck",
            "mode": "crowd",
            "reports": size,
            "fill_s": round(carried.seconds, 1),
            "true_dossiers": sum(n > 1 for n in np.bincount(labels).tolist()),
        }
        linked = _judged(databases, labels)
        told |= linked
        environment = process_environment(
            databases=databases,
            role=DatabaseRole.WORKER,
            home=Path(os.environ["FANAL_HOME"]),
            mark=DatabaseMark.DEMO,
        )
        started = time.monotonic()
        rebuilt = subprocess.run(
            [sys.executable, "-m", "fanal", "crosscheck", "rebuild", "--json"],
            check=True,
            stdout=subprocess.PIPE,
            env=os.environ | environment,
        )
        told["rebuild_and_near_s"] = round(time.monotonic() - started, 1)
        told["looked_near"] = json.loads(rebuilt.stdout)["looked_near"]
        again = _judged(databases, labels)
        told["same_after_rebuild"] = again == linked | {"near_pairs": again["near_pairs"]}
        told["near_pairs"] = again["near_pairs"]
        _analyse(databases)
        return told | time_pages(analyst, _pages(databases), views)


def crowd(size: int, *, seed: int) -> tuple[list[int], Reports]:
    """Return the person (number) of each report, and the reports in the order of their incidents.

    `size` is the number of reports, `seed` sets their random values.
    """
    dice = Dice(seed)
    labels: list[int] = []
    people = 0
    for _ in range(size):
        if people and dice.happens(_AGAIN):
            labels.append(dice.below(people))
        else:
            labels.append(people)
            people += 1
    step = _SPAN / size
    reports = [
        (_report(dice, label, _START + timedelta(seconds=step * n)), ())
        for n, label in enumerate(labels)
    ]
    return labels, reports


def _report(dice: Dice, label: int, at: datetime) -> bytes:
    """Return an NCMEC report (XML) on person number `label`: own account, but IP address and host of all.

    A tenth of the reports name the shared page, the others a page of their own.
    """
    url = PAGE if dice.happens(_BEFORE_PAGE) else f"https://{HOST}/u/{dice.word(10)}"
    event = (
        f"<ipCaptureEvent><ipAddress>{ADDRESS}</ipAddress><eventName>Login</eventName>"
        f"<dateTime>{at:%Y-%m-%dT%H:%M:%SZ}</dateTime><port>{dice.between(1024, 65_000)}</port>"
        "</ipCaptureEvent>"
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<report><incidentSummary>'
        "<incidentType>Online Enticement of Children for Sexual Acts</incidentType>"
        f"<platform>Bighost</platform><incidentDateTime>{at:%Y-%m-%dT%H:%M:%SZ}</incidentDateTime>"
        f"</incidentSummary><internetDetails><webPageIncident><url>{url}</url></webPageIncident>"
        "</internetDetails><reporter><reportingPerson><firstName>Trust</firstName>"
        "<email>safety@bighost.test</email></reportingPerson></reporter><personOrUserReported>"
        f"<personOrUserReportedPerson><email>p{label}@mail.test</email></personOrUserReportedPerson>"
        f"<espService>Bighost</espService><screenName>somebody.{label}</screenName>{event}"
        "</personOrUserReported><additionalInfo>The account was noticed by an automated check and"
        " reviewed by a person of the team before this report was made to the national desk"
        f" number {label}.</additionalInfo></report>\n"
    ).encode()


def _judged(databases: Databases, labels: Sequence[int]) -> dict[str, object]:
    """Return the numbers of links, dossiers, dossiers with more than one person, and similar pairs.

    `labels` is the person of each report.
    """
    with psycopg.connect(databases.url(DatabaseRole.OWNER), autocommit=True) as owner:
        label = {
            report_id: labels[int(reference.rpartition("-")[2])]
            for report_id, reference in owner.execute(
                "SELECT id, reference FROM intake_report WHERE reference LIKE 'crowd-%'"
            )
        }
        links = owner.execute(
            "SELECT count(*), count(*) FILTER (WHERE score >= 0.9) FROM crosscheck_link"
        )
        found, certain = links.fetchone() or (0, 0)
        near = owner.execute("SELECT report_id, other_id FROM crosscheck_near").fetchall()
        held: dict[UUID, set[int]] = {}
        for report_id, dossier_id in owner.execute(
            "SELECT report_id, dossier_id FROM crosscheck_membership"
        ):
            held.setdefault(dossier_id, set()).add(label[report_id])
    return {
        "links": found,
        "certain_links": certain,
        "dossiers": len(held),
        "dossiers_of_strangers": sum(len(people) > 1 for people in held.values()),
        "near_pairs": len(near),
    }


def _analyse(databases: Databases) -> None:
    """Update PostgreSQL's planner statistics, as autovacuum does after so many new rows."""
    with psycopg.connect(databases.url(DatabaseRole.OWNER), autocommit=True) as owner:
        owner.execute("VACUUM (ANALYZE)")


def _pages(databases: Databases) -> dict[str, list[str]]:
    with psycopg.connect(databases.url(DatabaseRole.OWNER), autocommit=True) as owner:
        reports = owner.execute(
            "SELECT report_id FROM orient_case ORDER BY md5(report_id::text) LIMIT 20"
        ).fetchall()
        dossiers = owner.execute(
            "SELECT dossier_id FROM crosscheck_membership GROUP BY 1 ORDER BY count(*) DESC LIMIT 10"
        ).fetchall()
    return {
        "report": [f"/en/desk/reports/{report_id}/" for (report_id,) in reports],
        "identifier": [
            f"/en/desk/search/?{urlencode({'kind': kind, 'value': value})}"
            for kind, value in (("IP", ADDRESS), ("HOST", HOST), ("URL", PAGE))
        ],
        "search": [
            f"/en/desk/search/?{urlencode({'q': text})}"
            for text in (ADDRESS, HOST, "203.0.113", "somebody.1", "automated check")
        ],
        "dossier": [f"/en/desk/dossiers/{dossier_id}/" for (dossier_id,) in dossiers],
        "suggestions": ["/en/desk/suggestions/"],
    }
