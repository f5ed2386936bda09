"""Suggestions are answered by people; a rejected one stays away until something new appears."""

import uuid
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from fanal.crosscheck.domain.records import JudgementAct
from fanal.crosscheck.dossiers.queries import dossier_of
from fanal.crosscheck.links.domain.reasons import because_of
from fanal.crosscheck.operations.batch import crosscheck_batch
from fanal.crosscheck.operations.judge import judge, judge_suggestion
from fanal.crosscheck.operations.rebuild import rebuild
from fanal.crosscheck.similar.domain.suggestions import (
    SUGGESTION_STATES,
    Resemblance,
    SuggestionState as State,
)
from fanal.crosscheck.similar.operations.near import keep_resemblances
from fanal.crosscheck.similar.queries import list_suggestions, suggestions_of
from fanal.harmonise.domain.records import HarmonisedReport, Source
from fanal.harmonise.operations.batch import harmonise_batch
from fanal.kernel.actors import Role, system_actor
from fanal.kernel.ids import new_id
from fanal.kernel.refusal import Refusal
from tests.actors import desk_actor

pytestmark = [pytest.mark.django_db, pytest.mark.role("worker")]
NOW = datetime(2026, 11, 26, 10, 0, tzinfo=UTC)
SYSTEM = system_actor("test")
ANALYST = desk_actor(
    person_id=uuid.uuid4(),
    roles={Role.ANALYST},
    desks={1},
    motive="test",
)
PHONE = "+33139980123"  # a landline: of a household, so a suggestion


@pytest.fixture(autouse=True)
def keys(installed_keys: None) -> None:
    """The ledger signs."""


def arrive(
    *persons: dict[str, object], ids: list[uuid.UUID] | None = None
) -> list[HarmonisedReport]:
    sources = [
        Source(
            report_id=ids[n] if ids else new_id(NOW + timedelta(seconds=n)),
            desk_id=1,
            format="report/1",
            body=msgspec.json.encode(
                {"reference": str(n), "kind": "OTHER", "persons": [{"role": "SUSPECT", **person}]}
            ),
        )
        for n, person in enumerate(persons)
    ]
    reports, failures = harmonise_batch(actor=SYSTEM, sources=sources, now=NOW)
    assert failures == []
    crosscheck_batch(actor=SYSTEM, reports=reports, now=NOW)
    return reports


def answer(reports: list[HarmonisedReport], *, accept: bool, now: datetime = NOW) -> uuid.UUID:
    return judge_suggestion(
        actor=ANALYST,
        report_id=reports[0].report_id,
        other_id=reports[1].report_id,
        accept=accept,
        reason="seen on the pages of both",
        now=now,
    )


def state(reports: list[HarmonisedReport]) -> State:
    (one,) = suggestions_of(actor=ANALYST, report_id=reports[0].report_id)
    return one.state


def test_accepting_joins_the_dossier_and_undoing_asks_again() -> None:
    reports = arrive({"phones": [PHONE]}, {"phones": [PHONE]})
    assert dossier_of(actor=SYSTEM, report_id=reports[0].report_id) is None
    assert [s.state for s in list_suggestions(actor=ANALYST)] == [State.OPEN]
    judgement = answer(reports, accept=True)
    assert state(reports) is State.ACCEPTED
    assert list_suggestions(actor=ANALYST) == []
    assert dossier_of(actor=SYSTEM, report_id=reports[0].report_id) is not None
    judge(actor=ANALYST, act=JudgementAct.UNDO, undoes=judgement, reason="an error", now=NOW)
    assert state(reports) is State.OPEN
    assert dossier_of(actor=SYSTEM, report_id=reports[0].report_id) is None


def test_a_rejected_pair_comes_back_with_what_is_new_and_joins_nothing_by_itself() -> None:
    reports = arrive({"phones": [PHONE]}, {"phones": [PHONE]})
    answer(reports, accept=False)
    rebuild(actor=SYSTEM, now=NOW)
    assert state(reports) is State.REJECTED
    assert list_suggestions(actor=ANALYST) == []
    more = {"phones": [PHONE], "emails": ["rare@mail.test"]}
    arrive(more, more, ids=[report.report_id for report in reports])
    (back,) = suggestions_of(actor=ANALYST, report_id=reports[0].report_id)
    assert back.state is State.REOPENED
    assert [(r.kind, r.value) for r in back.fresh] == [("EMAIL", "rare@mail.test")]
    assert dossier_of(actor=SYSTEM, report_id=reports[0].report_id) is None
    answer(reports, accept=False, now=NOW + timedelta(hours=1))
    assert state(reports) is State.REJECTED


def test_a_certain_link_that_was_rejected_stays_away() -> None:
    reports = arrive({"emails": ["rare@mail.test"]}, {"emails": ["rare@mail.test"]})
    assert suggestions_of(actor=ANALYST, report_id=reports[0].report_id) == []
    answer(reports, accept=False)
    assert state(reports) is State.REJECTED
    rebuild(actor=SYSTEM, now=NOW)
    assert dossier_of(actor=SYSTEM, report_id=reports[0].report_id) is None


def test_others_neither_see_nor_answer() -> None:
    reports = arrive({"phones": [PHONE]}, {"phones": [PHONE]})
    stranger = desk_actor(
        person_id=uuid.uuid4(),
        roles={Role.ANALYST},
        desks={2},
        motive="test",
    )
    assert list_suggestions(actor=stranger) == []
    assert suggestions_of(actor=stranger, report_id=reports[0].report_id) == []
    with pytest.raises(Refusal, match="UNKNOWN_REPORT"):
        judge_suggestion(
            actor=stranger,
            report_id=reports[0].report_id,
            other_id=reports[1].report_id,
            accept=True,
            reason="x",
            now=NOW,
        )


def test_what_a_model_finds_is_a_suggestion_that_a_rebuild_of_links_leaves() -> None:
    reports = arrive({"emails": ["jean.dupont1@mail.test"]}, {"emails": ["jeandupont2@mail.test"]})
    later, earlier = sorted((r.report_id for r in reports), reverse=True)
    found = Resemblance(
        report_id=later, other_id=earlier, probability=0.99, alike={"EMAIL_LETTER": 9.0}
    )
    kept = keep_resemblances(actor=SYSTEM, found=[found], model="test", now=NOW)
    assert kept == 1
    rebuild(actor=SYSTEM, now=NOW)
    (one,) = list_suggestions(actor=ANALYST)
    assert (one.report_id, one.other_id, one.state) == (later, earlier, State.OPEN)
    assert [because_of(reason) for reason in one.reasons] == ["LIKE_EMAIL_LETTER"]
    answer(reports, accept=False)
    keep_resemblances(actor=SYSTEM, found=[found], model="test", now=NOW)
    assert state(reports) is State.REJECTED
    more = msgspec.structs.replace(found, alike={"EMAIL_LETTER": 9.0, "NAME_EXACT": 9.0})
    keep_resemblances(actor=SYSTEM, found=[more], model="test", now=NOW)
    (back,) = list_suggestions(actor=ANALYST)
    assert [because_of(reason) for reason in back.fresh] == ["LIKE_NAME_EXACT"]


def test_the_table_knows_every_state() -> None:
    assert {t.target for t in SUGGESTION_STATES.transitions} | {SUGGESTION_STATES.initial} == set(
        State
    )
