"""While a report is being erased, no emergency call is opened on it; while one is opened, it is not erased."""

import threading
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connections, transaction
from django.test import Client

from fanal.db import sql
from fanal.harmonise import queries as harmonised
from fanal.intake.operations.lifecycle import lock_to_erase, require_unerased
from fanal.judicial.emergency_call.acts import calls_on, open_call, take_alarms
from fanal.kernel import clock
from fanal.kernel.refusal import Refusal
from fanal.orient.alarms.operations.alarms import raise_alarm
from fanal.orient.alarms.queries import alarms_of
from fanal.worker.expiry import _erase_due_reports, erase_reports
from tests.integration.desk.story import WORKER, Desk
from tests.server import as_worker

pytestmark = pytest.mark.django_db(transaction=True)


def erasing(desk: Desk, before_its_end: Callable[[], None]) -> threading.Thread:
    """Erase a report in another session, which does something before it commits."""

    def work() -> None:
        try:
            with as_worker(), transaction.atomic():
                erase_reports(actor=WORKER, report_ids=[desk.reports["travel"]], now=clock.now())
                before_its_end()
        finally:
            connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    return thread


@pytest.mark.parametrize("rolled_back", [False, True])
def test_nothing_is_acknowledged_until_it_is_known_whether_the_report_is_erased(
    desk: Desk, sign_in: Callable[[str], Client], rolled_back: bool
) -> None:
    ana, report_id = desk.actor("ana"), desk.reports["travel"]
    with as_worker():
        raise_alarm(actor=WORKER, report_id=report_id, desk_id=1, now=clock.now())
    alarms = [one.id for one in alarms_of(actor=ana, report_id=report_id)]
    record = harmonised.get_records(actor=ana, report_ids=[report_id]).get(report_id)
    erased, may_end = threading.Event(), threading.Event()

    def take() -> bool:
        return take_alarms(
            actor=ana, alarm_ids=alarms, report_id=report_id, record=record, now=clock.now()
        )

    def held() -> None:
        erased.set()
        may_end.wait(30)
        if rolled_back:
            transaction.set_rollback(True)

    web = sign_in("ana")
    thread = erasing(desk, held)
    try:
        assert erased.wait(30)
        with pytest.raises(Refusal) as refused:
            take()
        answer = web.post(f"/en/desk/alarms/{alarms[0]}/", follow=True)
        assert "This report is being erased" in answer.content.decode()
        assert not any(one.acknowledged_at for one in alarms_of(actor=ana, report_id=report_id))
    finally:
        may_end.set()
        thread.join(30)
    assert refused.value.code == "BEING_ERASED"
    assert take()
    assert len(calls_on(actor=ana, report_id=report_id)) == (1 if rolled_back else 0)
    assert all(one.acknowledged_at for one in alarms_of(actor=ana, report_id=report_id))


def test_an_erasure_waits_for_a_call_that_is_being_opened(desk: Desk) -> None:
    ana, report_id, erased = desk.actor("ana"), desk.reports["travel"], threading.Event()
    with transaction.atomic():
        open_call(actor=ana, report_id=report_id, desk_id=1, record=None, now=clock.now())
        thread = erasing(desk, erased.set)
        assert not erased.wait(1)
    thread.join(30)
    assert erased.is_set()


def unerased() -> set[UUID]:
    with as_worker():
        rows = sql.rows("SELECT id FROM intake_report WHERE erased_at IS NULL")
    return {report_id for (report_id,) in rows}


def test_what_is_not_erased_for_a_call_is_locked_by_nobody(desk: Desk) -> None:
    called, other = desk.reports["travel"], desk.reports["material"]
    locked, may_end, ours = threading.Event(), threading.Event(), []

    def lock() -> None:
        try:
            with as_worker(), transaction.atomic():
                ours.extend(lock_to_erase(actor=WORKER, report_ids=[called, other]))
                locked.set()
                may_end.wait(30)
        finally:
            connections.close_all()

    with transaction.atomic():
        require_unerased(report_ids=[called], of="call", waits=False)
        thread = threading.Thread(target=lock)
        thread.start()
        try:
            assert locked.wait(30)
            assert ours == [other]
            assert sql.rows(
                "SELECT id FROM intake_report WHERE id = ANY(%s) FOR NO KEY UPDATE SKIP LOCKED",
                [[called, other]],
            ) == [(called,)]
        finally:
            may_end.set()
            thread.join(30)


def test_a_report_that_somebody_holds_delays_neither_the_others_nor_an_alarm(desk: Desk) -> None:
    ana, heard, held = desk.actor("ana"), desk.reports["travel"], desk.reports["material"]
    with as_worker():
        raise_alarm(actor=WORKER, report_id=heard, desk_id=1, now=clock.now())
    alarms = [one.id for one in alarms_of(actor=ana, report_id=heard)]
    holds, may_end = threading.Event(), threading.Event()

    def hold() -> None:
        try:
            with as_worker(), transaction.atomic():
                sql.rows("SELECT FROM intake_report WHERE id = %s FOR UPDATE", [held])
                holds.set()
                may_end.wait(60)
        finally:
            connections.close_all()

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        assert holds.wait(30)
        later = clock.now() + timedelta(days=40 * 365)
        with as_worker():
            _erase_due_reports(WORKER, clock.now(), later)
        left = unerased()
        assert {heard, held} <= left < set(desk.reports.values())
        # What is kept is locked by nobody, though the erasure's transaction is another's.
        assert take_alarms(
            actor=ana, alarm_ids=alarms, report_id=heard, record=None, now=clock.now()
        )
        assert len(calls_on(actor=ana, report_id=heard)) == 1
    finally:
        may_end.set()
        thread.join(30)
    with as_worker():
        _erase_due_reports(WORKER, clock.now(), later)
    assert unerased() == left - {heard, held}
