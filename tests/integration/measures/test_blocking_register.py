"""The list of the blockings in force: every desk's names, by instants alone, under serials that only rise."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from fanal.accounts.domain.policy import Refused
from fanal.measures.blocking.blocklist import BlockList
from fanal.measures.blocking.formats import FORMATS, write_file
from fanal.measures.blocking.publication.exports import export_list
from fanal.measures.blocking.register import entries_in_force
from fanal.orient.operations.decisions import reopen_case
from tests.integration.measures.blockings import COLLEAGUE, DAY, act_of, ago, listed, take
from tests.integration.measures.stories import ANALYST
from tests.integration.orient.people import WORKER
from tests.server import as_worker


def made(at: datetime | None = None) -> BlockList:
    """Make the list, as the worker's role does."""
    with as_worker():
        return export_list(actor=WORKER, gate=None, now=at or datetime.now(UTC)).block


def test_the_list_has_the_names_in_force_and_no_other() -> None:
    listed(2, host="one.example")
    checked = listed(80, host="two.example")
    take(checked, "check", ago(10))
    listed(93, host="lapsed.example")
    freed = listed(2, host="freed.example")
    take(freed, "free", ago(1), actor=ANALYST)
    lifted = listed(2, host="lifted.example")
    take(lifted, "lift", ago(1), outcome="GONE")
    doubted = listed(3, host="doubted.example")
    take(doubted, "doubt", ago(0.5), outcome="APPEAL")
    over = listed(4, host="over.example")
    take(over, "doubt", ago(2), outcome="APPEAL")
    block = made()
    assert set(block.names) == {"one.example", "two.example", "doubted.example"}
    expires = {entry.name: entry.expires for entry in block.entries}
    assert expires["two.example"] > datetime.now(UTC) + 75 * DAY
    assert block.expires_at == expires["doubted.example"]
    for form in FORMATS.values():
        assert write_file(block, form)


def test_an_entry_ends_by_the_instant_alone() -> None:
    blocking_id, now = listed(2), datetime.now(UTC)
    (entry,) = entries_in_force(now=now)
    assert entries_in_force(now=entry.expires) == ()
    assert len(entries_in_force(now=entry.expires - timedelta(seconds=1))) == 1
    assert act_of(blocking_id).state == "LISTED"


def test_lifting_one_of_two_acts_changes_nothing() -> None:
    one, two = listed(3, host="www.two.example"), listed(2, host="www.two.example")
    before = made()
    take(one, "lift", datetime.now(UTC), outcome="GONE")
    assert made().names == before.names == ("www.two.example",)
    take(two, "free", datetime.now(UTC), actor=COLLEAGUE)
    assert made().names == ()


def test_serials_only_rise_and_each_list_is_in_the_ledger() -> None:
    now = datetime.now(UTC)
    serials = [made(at).serial for at in (now, now, now - 30 * DAY, now)]
    assert serials == sorted(set(serials))
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM measures_blocklist")
        assert cursor.fetchone()[0] == len(serials)
    with pytest.raises(Refused), as_worker():
        export_list(actor=ANALYST, gate=None, now=now)


def test_a_report_reopened_outside_casework_still_needs_a_person() -> None:
    """The decision is then in force no more: nothing keeps the name, whose check still ends it."""
    blocking_id = listed(2)
    reopen_case(actor=ANALYST, report_id=act_of(blocking_id).subject_id, now=datetime.now(UTC))
    assert len(entries_in_force(now=datetime.now(UTC))) == 1
