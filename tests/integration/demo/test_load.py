"""The demo as a newcomer finds it: every state of every state table, once, and whole."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from fanal.config.databases import open_databases
from fanal.deconfliction.domain.records import HIT, HitState, RoundState
from fanal.distribution.domain.states import ITEM_STATES, PACKAGE_STATES, ItemState, PackageState
from fanal.intake.domain.records import REPORT_STATES, ReportState
from fanal.judicial.domain.records import REFERRAL_STATES, SHEET_STATES, ReferralState, SheetState
from fanal.measures.dereferencing.kind import STATES as DEREFERENCING_STATES, DereferencingState
from fanal.measures.domain.oversight import AnswerVerdict, Happening, RecommendationKind
from fanal.measures.domain.records import MEASURE_STATES, MeasureState
from fanal.measures.notice.kind import STATES as NOTICE_STATES, NoticeState
from fanal.orient.domain.states import ALARM_STATES, CASE_STATES, AlarmState, CaseState
from fanal.postgres import DatabaseRole
from tests.prepared import prepare
from tests.server import fast_folder

pytestmark = pytest.mark.serial
_ALARM = (
    "SELECT CASE WHEN acknowledged_at IS NOT NULL THEN 'ACKNOWLEDGED'"
    " WHEN escalated_at IS NOT NULL THEN 'ESCALATED' ELSE 'RAISED' END FROM orient_alarm"
)
_PACKAGE = (
    "SELECT CASE WHEN acknowledged_at IS NOT NULL THEN 'ACKNOWLEDGED'"
    " WHEN made_at + interval '7 days' <= now() THEN 'OVERDUE' ELSE 'SENT' END FROM distribution_package"
)
_STATES = {
    "SELECT state FROM intake_report": (REPORT_STATES, ReportState),
    # A report is erased after six years; the demo begins thirteen months ago.
    "SELECT state FROM orient_case": (CASE_STATES, set(CaseState) - {CaseState.EXPIRED}),
    _ALARM: (ALARM_STATES, AlarmState),
    "SELECT state FROM casework_act WHERE kind = 'measure'": (MEASURE_STATES, MeasureState),
    "SELECT state FROM distribution_item": (ITEM_STATES, ItemState),
    _PACKAGE: (PACKAGE_STATES, PackageState),
    "SELECT state FROM casework_act WHERE kind = 'referral'": (REFERRAL_STATES, ReferralState),
    "SELECT state FROM casework_act WHERE kind = 'notice'": (NOTICE_STATES, NoticeState),
    "SELECT state FROM casework_act WHERE kind = 'dereferencing'": (
        DEREFERENCING_STATES,
        DereferencingState,
    ),
    "SELECT state FROM deconfliction_hit": (HIT, HitState),
    "SELECT state FROM casework_act WHERE kind = 'sheet'": (SHEET_STATES, SheetState),
}
_OCCURRING = {
    "SELECT enabled::text FROM exchange_source": ("true", "false"),
    "SELECT CASE WHEN error <> '' THEN 'ERROR' WHEN completed_at IS NULL THEN 'NOT_YET' ELSE 'DONE' END"
    " FROM exchange_checkpoint": ("ERROR", "NOT_YET", "DONE"),
    "SELECT CASE WHEN error <> '' THEN 'ERROR' WHEN completed_at IS NULL THEN 'NOT_YET' ELSE 'DONE' END"
    " FROM exchange_reading": ("ERROR", "NOT_YET", "DONE"),
    # The worker answers at once what is received.
    "SELECT state FROM deconfliction_round": sorted(set(RoundState) - {RoundState.RECEIVED}),
    "SELECT kind FROM measures_recommendation": RecommendationKind,
    "SELECT verdict FROM measures_answer": AnswerVerdict,
    "SELECT what FROM measures_happening": Happening,
    "SELECT (SELECT count(*) FROM measures_answer a WHERE a.recommendation_id = r.id)::text"
    " FROM measures_recommendation r": ("0", "1"),
    "SELECT (SELECT count(*) FROM measures_happening h WHERE h.session_id = s.id"
    " AND what = 'ENDED')::text FROM measures_session s": ("0", "1"),
    "SELECT (warnings = '[]')::text FROM casework_approval": ("true", "false"),
    "SELECT (lapsed_at IS NULL)::text FROM casework_step": ("true", "false"),
    "SELECT (lifted_at IS NULL)::text FROM intake_hold": ("true", "false"),
    "SELECT DISTINCT kind FROM vault_erasure": ["deconfliction_round", "identity"],
    "SELECT (dossier_id IS NULL)::text FROM orient_note": ("true", "false"),
    "SELECT shared::text FROM orient_view": ("true", "false"),
    "SELECT (SELECT count(*) FROM harmonise_opening_seen s WHERE s.opening_id = o.id)::text"
    " FROM harmonise_opening o": ("0", "1"),
}
"""What has no table of states: everything that can stand there does."""
_TOGETHER = {
    "ring": 14, "livestream": 12, "sextortion": 9, "travel": 4,
}  # fmt: skip
"""Stories whose reports, so many, all come together in one dossier."""


def _environment(home: Path) -> dict[str, str]:
    kept = {
        k: v for k, v in os.environ.items() if not k.startswith(("FANAL_", "DATABASE_", "DJANGO_"))
    }
    return kept | {"FANAL_HOME": str(home)}


def _fanal(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "fanal", *arguments],
        env=_environment(home), capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A demo whose first load was killed after a few chapters, and then run to its end.

    The server is kept for the whole module, as `fanal run` keeps it.
    """
    folder = Path(tempfile.mkdtemp(prefix="fanal-demo-", dir=fast_folder()))
    folder.chmod(0o755)
    home = folder / "var"
    prepare(home, demo=True)
    environ = _environment(home)
    with open_databases(home=home, environ=environ):
        command = [sys.executable, "-m", "fanal", "demo", "load"]
        with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True) as first:
            assert first.stderr is not None
            for line in first.stderr:
                if line.startswith("demo: 5 of"):
                    first.kill()
        answer = _fanal(home, "demo", "load")
        assert answer.returncode == 0, answer.stderr
        assert "demo: 5 of" not in answer.stderr
        yield home
    shutil.rmtree(folder, ignore_errors=True)


def _rows(home: Path, sql: str) -> list[tuple[object, ...]]:
    with open_databases(home=home, environ=_environment(home)) as databases:
        url = databases.url(DatabaseRole.WORKER)
        with psycopg.connect(url) as connection:
            return connection.execute(sql).fetchall()


def test_every_state_of_every_table_occurs(home: Path) -> None:
    for sql, (table, states) in _STATES.items():
        found = {row[0] for row in _rows(home, sql)}
        assert found == {state.value for state in states}, table.name
    found = {row[0] for row in _rows(home, "SELECT state FROM analyse_ruleset")}
    assert found == {"DRAFT", "DRY_RUN", "ACTIVE", "CLOSED"}
    for sql, words in _OCCURRING.items():
        assert {row[0] for row in _rows(home, sql)} == {str(word) for word in words}, sql
    quarantined = _rows(home, "SELECT count(quarantined_at), count(*) FROM intake_work")
    assert quarantined == [(1, 1)]


def test_reviews_are_due_and_the_end_of_one_report_waits_for_an_answer(home: Path) -> None:
    old = "FROM intake_report r WHERE state = 'FINISHED' AND received_at < now() - interval '24 months'"
    found = _rows(
        home, f"SELECT (SELECT max(verdict) FROM intake_review v WHERE v.report_id = r.id) {old}"
    )
    assert sorted(str(verdict) for (verdict,) in found) == ["END", "None", "None"]
    assert _rows(home, "SELECT count(*) FROM intake_review_second") == [(0,)]


def test_the_evidence_and_the_log_are_whole(home: Path) -> None:
    for command in (("ledger", "verify"), ("fsck",)):
        answer = _fanal(home, *command)
        assert answer.returncode == 0, answer.stdout + answer.stderr


def test_a_second_load_changes_nothing(home: Path) -> None:
    before = _rows(home, "SELECT count(*) FROM ledger_entry")
    answer = _fanal(home, "demo", "load")
    assert (answer.returncode, answer.stderr) == (0, "")
    assert _rows(home, "SELECT count(*) FROM ledger_entry") == before


def test_the_stories_can_be_found(home: Path) -> None:
    lines = _fanal(home, "demo", "story", "--json").stdout.splitlines()
    stories = {told["story"]: told["reports"] for told in map(json.loads, lines)}
    assert all(stories.values())
    rows = _rows(home, "SELECT report_id::text, dossier_id FROM crosscheck_membership")
    dossiers = dict(rows)
    for story, count in _TOGETHER.items():
        found = [dossiers.get(report["id"]) for report in stories[story]]
        assert len(found) == count, story
        assert None not in found, story
        assert len(set(found)) == 1, story
    spread = [dossiers.get(report["id"]) for report in stories["viral"]]
    assert len(spread) == 60
    assert not any(spread), "a picture that goes round says nothing of who sends it"
    album = next(r["id"] for r in stories["measures"] if r["name"] == "MS-galerie-ouest.example")
    # Mirrors hold the same files, which tells nothing of persons: their reports are kin, and no dossier.
    mirrors = {album, *(report["id"] for report in stories["mirror"])}
    links = _rows(home, "SELECT report_id::text, other_id::text FROM crosscheck_link")
    kin = {end for link in links if mirrors.issuperset(link) for end in link}
    assert kin == mirrors


def test_an_operators_file_tells_payers_from_families(home: Path) -> None:
    rows = _rows(home, "SELECT suspected, codes, typology FROM analyse_payer")
    reached = [row for row in rows if row[0]]
    assert len(reached) == 6
    assert {row[2] for row in reached} == {"LIVESTREAM", "SEXTORTION"}
    assert len(rows) >= 10
    linked = _rows(
        home,
        "SELECT count(DISTINCT l.other_id) FROM crosscheck_link l"
        " JOIN intake_report r ON r.id = l.report_id AND r.format = 'transfers'",
    )
    assert int(str(linked[0][0])) > 0


def test_the_desk_looks_alive(home: Path) -> None:
    [(total, months, newest)] = _rows(
        home,
        "SELECT count(*), count(DISTINCT date_trunc('month', received_at)),"
        " count(*) FILTER (WHERE received_at > now() - interval '7 days'"
        " AND state IN ('TO_ASSESS', 'CLAIMED')) FROM orient_case",
    )
    assert 380 <= int(str(total)) <= 450
    assert int(str(months)) >= 13
    assert int(str(newest)) >= 10
    [(late, soon)] = _rows(
        home,
        "SELECT count(*) FILTER (WHERE due_at < now()), count(*) FILTER (WHERE due_at > now())"
        " FROM orient_case WHERE state IN ('TO_ASSESS', 'CLAIMED')",
    )
    assert int(str(late)) > 0
    assert int(str(soon)) > 0
    languages = {row[0] for row in _rows(home, "SELECT language FROM intake_report")}
    assert {"fr", "en", "es", "de", "tl"} <= languages
