"""Inboxes of official acts: their order, their filters, and their cost with a hundred thousand acts."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import product

import psycopg
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.translation import override

from fanal.casework import queries
from fanal.casework.domain.inbox import LEVELS, Inbox, InboxFilter, InboxPage, InboxTab, TabCount
from fanal.casework.domain.records import Act, Event
from fanal.casework.operations.acts import take_step
from fanal.judicial.domain.kinds import REFERRAL
from fanal.judicial.operations import amend_referral
from fanal.judicial.queries import REFERRALS, SHEETS
from fanal.measures.notice.acts import NOTICES
from fanal.orient.domain.records import Choice, Track
from fanal.orient.queries import list_in_danger
from fanal.web.desk.report.became import became_of
from tests.integration.desk.story import Desk
from tests.integration.desk.work import decided

pytestmark = pytest.mark.django_db(transaction=True)
SignIn = Callable[..., Client]
JUDICIAL = Choice(tracks=(Track.JUDICIAL,), bases=("CP 227-22-1",), reason="read twice")
TO_SEND = InboxTab.TO_SEND
ACTS = 100_000
_MANY = """
INSERT INTO casework_act (id, kind, desk_id, subject_id, report_ids, decision_id, state, addressee, basis,
    level, author_id, created_at, sent_at, outcome)
SELECT (lpad(to_hex(extract(epoch FROM at)::bigint * 1000), 12, '0') || '7000' || '8'
        || substr(md5(n::text), 1, 15))::uuid,
    'referral', 1, gen_random_uuid(), '{}', gen_random_uuid(), state,
    (ARRAY['OFMIN', 'C3N'])[1 + n %% 2], '[{"code":"CP 227-23","entry_id":"x"}]',
    (ARRAY['DANGER', 'HIGH', 'NORMAL', 'LOW', 'LOW'])[1 + n %% 5], %s, at,
    CASE WHEN state IN ('DRAFT', 'READY') THEN NULL ELSE at + interval '2 hours' END, ''
FROM (SELECT n, %s::timestamptz - n * interval '7 minutes' AS at,
          (ARRAY['DRAFT', 'READY', 'SENT', 'ACKNOWLEDGED', 'TAKEN_UP', 'CLOSED'])[1 + n %% 6] AS state
      FROM generate_series(1, %s) AS n) AS given
"""


def page_of(desk: Desk, tab: InboxTab, **more: object) -> InboxPage:
    """Return a page of the referrals as the officer sees it."""
    asked = {"chosen": InboxFilter(), "danger": (), "now": desk.now} | more
    return queries.list_inbox(actor=desk.actor("driss"), inbox=REFERRALS, tab=tab, **asked)


def drafted(desk: Desk, name: str, **more: object) -> Act:
    """Return the referral that a decision on a report of the story drafts."""
    report_id = decided(desk, name, choice=JUDICIAL, **more)
    (act,) = queries.acts_on(
        actor=desk.actor("driss"), lifecycle=REFERRAL, subject_ids=[report_id]
    )[report_id]
    return act


def test_a_child_in_danger_comes_first_also_where_that_was_learnt_later(desk: Desk) -> None:
    calm, other, urgent = (drafted(desk, name) for name in ("again", "game", "danger"))
    page = page_of(desk, InboxTab.TO_SEND)
    assert page.acts[0] == urgent
    assert page.danger == {urgent.id}
    assert page.oldest == calm.created_at
    last = page.acts[-1]
    assert last in {calm, other}
    raised = page_of(desk, InboxTab.TO_SEND, danger={last.subject_id})
    assert {act.id for act in raised.acts[:2]} == {urgent.id, last.id}
    assert len(raised.acts) == 3
    assert raised.danger == {urgent.id, last.id}


def test_the_page_asks_the_queue_for_the_present_level(desk: Desk, sign_in: SignIn) -> None:
    calm = drafted(desk, "again")
    drafted(desk, "game")
    assert list_in_danger(actor=desk.actor("driss")) == {desk.reports["danger"]}
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE orient_case SET level = 'DANGER', rank = 3 WHERE report_id = %s",
            [calm.subject_id],
        )
    page = sign_in("driss").get("/fr/desk/referrals/").content.decode()
    assert page.count("fd-act-danger") == 1
    row = page.index("fd-act-danger")
    assert row < page.index(str(calm.id)) < page.index("</tr>", row)
    assert list_in_danger(actor=desk.actor("yann")) == frozenset()


def test_filters(desk: Desk) -> None:
    first, second = drafted(desk, "again"), drafted(desk, "game", author="bruno")
    later = desk.now + timedelta(days=40)
    ana, driss = (desk.actor(name).person_id for name in ("ana", "driss"))
    asked = {
        InboxFilter(addressee="OFMIN"): {first.id, second.id},
        InboxFilter(addressee="C3N"): set(),
        InboxFilter(basis="CP 227-22-1"): {first.id, second.id},
        InboxFilter(basis="CP 227-22"): set(),
        InboxFilter(person_id=ana): {first.id},
        InboxFilter(person_id=driss): set(),
        InboxFilter(late=True): set(),
    }
    assert {f: {act.id for act in page_of(desk, TO_SEND, chosen=f).acts} for f in asked} == asked
    actor = desk.actor("driss")
    for chosen, kept in asked.items():
        assert len(kept) == queries.count_chosen(
            actor=actor, inbox=REFERRALS, tab=TO_SEND, chosen=chosen, now=desk.now
        )
    late = page_of(desk, TO_SEND, chosen=InboxFilter(late=True), now=later)
    assert {act.id for act in late.acts} == {first.id, second.id}
    counts = queries.count_inbox(actor=actor, inbox=REFERRALS, now=later)
    assert counts[TO_SEND] == TabCount(acts=2, late=2)
    assert counts[InboxTab.CLOSED] == TabCount()


def test_another_desk_sees_none(desk: Desk) -> None:
    drafted(desk, "again")
    elsewhere = desk.actor("yann")
    assert queries.count_inbox(actor=elsewhere, inbox=REFERRALS, now=desk.now) == dict.fromkeys(
        InboxTab, TabCount()
    )


def test_what_became_of_a_decision_in_words(desk: Desk) -> None:
    """From draft to outcome, with a return on the way, as the analyst reads it; she has no link to the text."""
    act = drafted(desk, "again")
    ana, driss = desk.actor("ana"), desk.actor("driss")
    read = []

    def look() -> None:
        with override("en"):
            (one,) = became_of(act.subject_id, actor=ana, measures=(), now=desk.now)
            (own,) = became_of(act.subject_id, actor=driss, measures=(), now=desk.now)
        assert (one.href, own.href) == ("", f"/en/desk/referrals/{act.id}/")
        assert one.decision_id == act.decision_id
        read.append(re.sub(r"\w{3} \d+ \w{3}, \d\d:\d\d", "…", one.state))

    look()
    for step in (
        "prepare",
        "send",
        "return",
        "redirect",
        "prepare",
        "send",
        "acknowledge",
        "close",
    ):
        if step == "prepare":
            amend_referral(
                actor=driss, referral_id=act.id, body="OFMIN", summary="Read.", now=desk.now
            )
        take_step(
            actor=driss,
            lifecycle=REFERRAL,
            act_id=act.id,
            transition=step,
            event=Event(
                happened_at=desk.now,
                proof="register no. 12",
                outcome="PROSECUTED" if step == "close" else "",
            ),
            now=desk.now,
        )
        look()
    again = "Sent … and returned; nobody has sent it again yet"
    sent = "Sent …, no answer recorded yet"
    assert read[:7] == [
        "Draft: nobody has sent it yet",
        "Ready to send: nobody has sent it yet",
        sent,
        again,
        again,
        again,
        sent,
    ]
    assert read[7] == "Sent …. Received by the authority: …"
    assert re.fullmatch(r"Sent …\. Outcome known \(.+\): …", read[8])


@pytest.mark.parametrize("inbox", [REFERRALS, SHEETS, NOTICES], ids=lambda i: i.lifecycle.kind)
def test_every_state_has_its_tab_and_lateness_its_bound(inbox: Inbox) -> None:
    """The bound by which the database finds late acts agrees with the deadline, around it and far from it."""
    known = [state for tab in InboxTab for state in inbox.states(tab)]
    assert len(known) == len(set(known))
    assert set(known) == {str(state) for state in type(inbox.lifecycle.states.initial)}
    now = datetime(2026, 11, 30, 16, tzinfo=UTC)
    for state, level in product(known, LEVELS):
        bound = inbox.late_before(state, level, now)
        for days in (0, 0.04, 1, 1.5, 3, 6, 8, 11, 20, 31, 60, 399):
            start = now - timedelta(days=days)
            due = inbox.deadline(state, level, start)
            assert (bound is not None and start < bound) == (due is not None and due < now)


@pytest.mark.serial
def test_a_hundred_thousand_acts_cost_little(
    desk: Desk, as_role: Callable[[str], psycopg.Connection], sign_in: SignIn
) -> None:
    owner = as_role("owner")
    owner.execute("ALTER TABLE casework_act DISABLE TRIGGER USER")
    try:
        owner.execute(_MANY, [desk.actor("ana").person_id, desk.now, ACTS])
    finally:
        owner.execute("ALTER TABLE casework_act ENABLE TRIGGER USER")
    owner.execute("ANALYZE casework_act")
    actor = desk.actor("driss")
    asked = [
        InboxFilter(),
        InboxFilter(addressee="OFMIN"),
        InboxFilter(basis="CP 227-22"),
        InboxFilter(late=True),
        InboxFilter(person_id=actor.person_id),
    ]
    for tab, chosen, first in product(InboxTab, asked, (0, 950)):
        with CaptureQueriesContext(connection) as caught:
            page = page_of(desk, tab, chosen=chosen, first=first)
        assert len(page.acts) in {0, 50}
        if chosen == asked[0]:
            read_little(caught)
    driss = sign_in("driss")
    for query in ("", "?tab=awaited", "?tab=closed", "?page=20", "?basis=CP+227-23&late=1"):
        assert driss.get(f"/fr/desk/referrals/{query}").status_code == 200


def read_little(caught: CaptureQueriesContext) -> None:
    """No statement reads the table of acts as a whole, nor more rows than the pages can show."""
    for query in caught.captured_queries:
        statement = query["sql"].rpartition("; ")[2]  # after the rows that the session may see
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN (ANALYZE, TIMING OFF) {statement}")
            plan = "\n".join(row[0] for row in cursor.fetchall())
        assert "Seq Scan on casework_act" not in plan, plan
        read = re.findall(r"Scan using casework_act_.*actual rows=([\d.]+) loops=(\d+)", plan)
        assert sum(float(n) * int(loops) for n, loops in read) < 15_000, plan
