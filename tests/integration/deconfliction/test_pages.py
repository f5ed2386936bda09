"""The desk's pages: counterparts and limits, rounds with numbers, hits with their contact, withholding."""

import re
from collections.abc import Iterator
from uuid import UUID

import pytest
from django.conf import settings
from django.test import Client

from fanal.accounts.models import User
from fanal.accounts.queries.people import actor_for
from fanal.crosscheck.dossiers.queries import dossier_of, members_of
from fanal.deconfliction import queries
from fanal.deconfliction.domain.records import HitState
from fanal.deconfliction.operations.receiving import receive
from fanal.deconfliction.operations.steps import conclude, make_offer
from fanal.kernel import clock
from fanal.kernel.actors import Role
from tests.integration.accounts.people import make_user
from tests.integration.deconfliction.world import SYSTEM, holding, peer, register, rows

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.role("worker")]
BOTH = "both@mail.example"


@pytest.fixture(autouse=True)
def password_is_enough() -> Iterator[None]:
    from fanal.web.account import second_factor

    second_factor.install(required=False)
    yield
    second_factor.install(required=True)


def browser(user: User) -> Client:
    client = Client(headers={"X-Forwarded-Proto": "https"})
    client.force_login(user, backend=settings.AUTHENTICATION_BACKENDS[1])
    return client


def person(role: Role) -> Client:
    return browser(make_user(role.lower(), role, at=clock.now()))


def meet(*, dossier: bool = False) -> tuple[UUID, UUID]:
    """Let a counterpart meet one identifier of a report; return the report and the hit."""
    report_id = holding("r-1", BOTH)
    if dossier:
        holding("r-2", BOTH)
    other = peer(BOTH)
    found = register(other)
    round_id, offer = make_offer(actor=SYSTEM, counterpart=found, now=clock.now())
    receive(actor=SYSTEM, body=other.answer(offer), now=clock.now())
    conclude(actor=SYSTEM, round_id=round_id, now=clock.now())
    [hit] = queries.list_hits(actor=SYSTEM)
    return report_id, hit.id


@pytest.mark.parametrize(
    ("language", "sign", "contacted"),
    [
        ("fr", "travaille sur la même cible", "Contact pris"),
        ("en", "is working on it", "Contacted"),
    ],
)
def test_a_hit_is_shown_and_moved(language: str, sign: str, contacted: str) -> None:
    report_id, hit_id = meet()
    analyst = person(Role.ANALYST)
    for path in (f"reports/{report_id}/", ""):
        text = analyst.get(f"/{language}/desk/{path}").content.decode()
        assert sign in text, path
    assert (
        "+33 1 99 00 00 00"
        in analyst.get(f"/{language}/desk/reports/{report_id}/").content.decode()
    )
    listed = analyst.get(f"/{language}/desk/deconfliction/hits/").content.decode()
    assert str(hit_id) in listed
    page = analyst.get(f"/{language}/desk/deconfliction/hits/{hit_id}/").content.decode()
    assert "South desk" in page
    assert "both[@]mail" in page or "both@mail" in page
    before = rows("SELECT count(*) FROM deconfliction_step")
    empty = analyst.post(
        f"/{language}/desk/deconfliction/hits/{hit_id}/move/", {"move": "contact", "words": " "}
    )
    assert empty.status_code == 422
    wrong = analyst.post(
        f"/{language}/desk/deconfliction/hits/{hit_id}/move/", {"move": "reopen", "words": "x"}
    )
    assert wrong.status_code == 422
    assert rows("SELECT count(*) FROM deconfliction_step") == before
    moved = analyst.post(
        f"/{language}/desk/deconfliction/hits/{hit_id}/move/",
        {"move": "contact", "words": "Called; they go first."},
        follow=True,
    )
    text = moved.content.decode()
    assert contacted in text
    assert "Called; they go first." in text
    reads = rows("SELECT count(*) FROM ledger_entry WHERE action IN ('hit.read', 'hit.list')")
    assert int(str(reads[0][0])) >= 3


def test_a_new_report_reopens_and_expiry_empties() -> None:
    from fanal.worker.expiry import erase_reports

    report_id, hit_id = meet()
    analyst = person(Role.ANALYST)
    analyst.post(
        f"/en/desk/deconfliction/hits/{hit_id}/move/", {"move": "close", "words": "Theirs."}
    )
    [closed] = queries.list_hits(actor=SYSTEM)
    assert closed.state is HitState.CLOSED
    holding("r-9", "else@mail.example")
    assert queries.list_hits(actor=SYSTEM)[0].state is HitState.CLOSED
    later = holding("r-10", BOTH)
    [opened] = queries.list_hits(actor=SYSTEM)
    assert (opened.state, set(opened.report_ids)) == (HitState.REOPENED, {report_id, later})
    erase_reports(actor=SYSTEM, report_ids=[report_id], now=clock.now())
    assert queries.list_hits(actor=SYSTEM)[0].report_ids == (later,)
    erase_reports(actor=SYSTEM, report_ids=[later], now=clock.now())
    assert queries.list_hits(actor=SYSTEM) == []
    assert rows("SELECT key FROM deconfliction_hit") == [(None,)]
    assert rows("SELECT count(*) FROM deconfliction_step_words") == [(0,)]
    assert rows("SELECT count(*) FROM deconfliction_step") == [(2,)]


def seen(page: str) -> dict[str, str]:
    """What the form of a page says that it showed: withholdings in force, or limits."""
    return dict(re.findall(r'type="hidden" name="(shown|limits)" value="([^"]*)"', page))


def test_a_withheld_dossier_stays_out() -> None:
    from tests.integration.deconfliction.test_what_enters import TestWhatEnters

    report_id, _ = meet(dossier=True)
    dossier = dossier_of(actor=SYSTEM, report_id=report_id)
    assert dossier is not None
    found_by = TestWhatEnters().found_by
    assert found_by(BOTH) == {BOTH}
    analyst = person(Role.ANALYST)
    page = f"/en/desk/dossiers/{dossier}/"
    assert "may be compared" in analyst.get(page).content.decode()
    said = {"act": "WITHHOLD", "words": "Undercover.", "counterpart": ""}
    assert (
        "Nothing was recorded"
        in analyst.post(f"{page}withhold/", said | {"words": ""}, follow=True).content.decode()
    )
    shown = analyst.post(f"{page}withhold/", said, follow=True).content.decode()
    assert "Not shared with any counterpart" in shown
    assert "Undercover." in shown
    assert found_by(BOTH) == set()
    opens = {"act": "OPEN", "words": "Over.", "counterpart": ""}
    stale = analyst.post(f"{page}withhold/", opens)
    assert stale.status_code == 409
    assert "changed it since your page was shown" in stale.content.decode()
    assert found_by(BOTH) == set()
    assert analyst.post(f"{page}withhold/", opens | seen(shown)).status_code == 302
    assert found_by(BOTH) == {BOTH}
    [body] = [c for c in queries.list_counterparts(actor=SYSTEM) if c.closed_at is None]
    analyst.post(f"{page}withhold/", said | {"counterpart": str(body.id)})
    assert f"Not shared with {body.name}" in analyst.get(page).content.decode()
    assert analyst.post(f"{page}withhold/", said | {"counterpart": "x"}).status_code == 404
    assert rows("SELECT count(*) FROM deconfliction_withholding") == [(3,)]


def test_a_dossier_that_is_merged_stays_withheld_until_somebody_opens_it() -> None:
    """The page of the merged dossier shows what was withheld under either id, and opens all of it."""
    from fanal.crosscheck.domain.records import JudgementAct
    from fanal.crosscheck.operations.judge import judge
    from tests.integration.deconfliction.test_what_enters import TestWhatEnters

    found_by = TestWhatEnters().found_by
    other = "other@mail.example"
    first = [holding(f"a-{n}", other) for n in range(2)]
    report_id, _ = meet(dossier=True)
    dossier = dossier_of(actor=SYSTEM, report_id=report_id)
    user = make_user("merger", Role.ANALYST, at=clock.now())
    analyst, page = browser(user), f"/en/desk/dossiers/{dossier}/"
    said = {"act": "WITHHOLD", "words": "Undercover.", "counterpart": ""}
    assert analyst.post(f"{page}withhold/", said).status_code == 302
    assert found_by(BOTH, other) == {other}
    members = members_of(actor=SYSTEM, dossier_id=dossier)
    judge(
        actor=actor_for(user=user, now=clock.now()),
        act=JudgementAct.MERGE,
        left=first,
        right=members,
        reason="One case.",
        now=clock.now(),
    )
    merged = dossier_of(actor=SYSTEM, report_id=report_id)
    assert merged == dossier_of(actor=SYSTEM, report_id=first[0])
    assert found_by(BOTH, other) == set()
    shown = analyst.get(f"/en/desk/dossiers/{merged}/").content.decode()
    assert "Not shared with any counterpart" in shown
    analyst.post(f"/en/desk/dossiers/{merged}/withhold/", said | {"act": "OPEN"} | seen(shown))
    assert found_by(BOTH, other) == {BOTH, other}


@pytest.mark.parametrize("language", ["fr", "en"])
def test_counterparts_and_limits(language: str) -> None:
    meet()
    supervisor = person(Role.SUPERVISOR)
    home = f"/{language}/desk/deconfliction/"
    assert "South desk" in supervisor.get(home).content.decode()
    form = {"name": "West", "our_name": "North desk", "key": "00" * 31, "contact": "Duty"}
    assert supervisor.post(f"{home}counterparts/add/", form).status_code == 422
    made = supervisor.post(f"{home}counterparts/add/", form | {"key": "22" * 32}, follow=True)
    assert "West" in made.content.decode()
    found = queries.find_counterpart(name="West")
    assert found is not None
    page = f"{home}counterparts/{found.id}/"
    old = seen(supervisor.get(page).content.decode())
    wrong = supervisor.post(
        f"{page}limits/", old | {"kind": "EMAIL", "role": "VICTIM", "months": "3"}
    )
    assert wrong.status_code == 422
    supervisor.post(
        f"{page}limits/",
        old | {"kind": ["EMAIL", "IP"], "role": "SUSPECT", "months": "3", "desk": "1"},
    )
    limits = queries.find_counterpart(name="West").limits
    assert (limits.kinds, limits.months, limits.desk_ids) == (("IP", "EMAIL"), 3, (1,))
    wider = {"kind": ["EMAIL", "IP", "PHONE"], "role": "SUSPECT", "months": "6"}
    assert supervisor.post(f"{page}limits/", old | wider).status_code == 422, "of an older page"
    assert queries.find_counterpart(name="West").limits == limits
    supervisor.post(f"{page}close/")
    assert queries.find_counterpart(name="West") is None
    assert supervisor.post(f"{page}close/").status_code == 422
    overseer, analyst = person(Role.OVERSEER), person(Role.ANALYST)
    for reader in (overseer, analyst):
        text = reader.get(home).content.decode()
        assert "South desk" in text
        assert BOTH not in text
        assert reader.get(page).status_code == 200
        assert reader.post(f"{page}limits/", {}).status_code == 403
    assert overseer.get(f"{home}hits/").status_code == 403
    assert person(Role.STATISTICIAN).get(home).status_code == 403
