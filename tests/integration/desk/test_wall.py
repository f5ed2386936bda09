"""The wall board: figures of the reader's desks alone, equal to those of the lists, and no word of a report."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.test import Client

from fanal.connectors import mail
from fanal.intake.models import Work
from fanal.orient.alarms.operations.alarms import acknowledge_alarm
from fanal.orient.alarms.queries import waiting_alarms
from fanal.orient.domain.records import QueueView
from fanal.orient.models import Case
from fanal.orient.queue.queries import count_arrivals_by_hour, count_views
from tests.integration.desk.story import Desk

pytestmark = pytest.mark.django_db
SignIn = Callable[[str], Client]
WALL = "/fr/desk/wall/"


def tiles(client: Client) -> dict[str, int]:
    """The number of each tile, by the end of the address that it leads to."""
    shown = client.get(WALL).context["tiles"]
    return {f"{tile.href.partition('/desk/')[2]}{tile.tone}": tile.number for tile in shown}


def test_its_figures_are_those_of_the_lists(desk: Desk, sign_in: SignIn) -> None:
    ana = sign_in("ana")
    actor = desk.actor("ana")
    counts = count_views(actor=actor, now=desk.now).views
    shown = tiles(ana)
    for view in (QueueView.DANGER, QueueView.LATE, QueueView.OPEN, QueueView.ANSWERED):
        found = [n for href, n in shown.items() if href.startswith(f"?view={view}")]
        assert counts[view] in found, view
    (ringing,) = waiting_alarms(actor=actor).alarms
    page = ana.get(WALL).content.decode()
    assert "la plus ancienne attend depuis" in page
    acknowledge_alarm(actor=actor, alarm_id=ringing.alarm.id, now=desk.now)
    assert "la plus ancienne attend depuis" not in ana.get(WALL).content.decode()


def test_it_tells_no_word_of_a_report(desk: Desk, sign_in: SignIn) -> None:
    page = sign_in("ana").get(WALL).content.decode()
    board = page[page.index('<div class="fd-wall"') :]
    for case in Case.objects.all():
        assert str(case.report_id) not in board
    for word in ("shadow", "Lyon", "REF-", "12 ans", "Instagram"):
        assert word.casefold() not in board.casefold()


def test_arrivals_are_counted_by_hour_at_the_reader_s_desks(desk: Desk) -> None:
    since = desk.now - timedelta(days=60)
    for name in ("ana", "yann"):
        actor = desk.actor(name)
        desks = [where for _role, where in actor.role_desks]
        cases = Case.objects.filter(desk_id__in=desks, is_test=False, received_at__lte=desk.now)
        hours = count_arrivals_by_hour(actor=actor, since=since, now=desk.now)
        assert sum(hours.values()) == cases.filter(received_at__gte=since).count()
        for hour, number in hours.items():
            within = (hour, hour + timedelta(hours=1) - timedelta(microseconds=1))
            assert cases.filter(received_at__range=within).count() == number
        assert bool(hours) == (name == "ana")


def test_it_asks_for_the_part_that_changes(desk: Desk, sign_in: SignIn) -> None:
    part = sign_in("ana").get(WALL, headers={"HX-Request": "true"}).content.decode()
    assert part.startswith('<div class="fd-wall"')
    assert "<html" not in part


def test_a_report_put_aside_is_told(desk: Desk, sign_in: SignIn) -> None:
    ana = sign_in("ana")
    assert ana.get(WALL).context["work"]["quarantine"] == 0
    report = next(iter(desk.reports.values()))
    Work.objects.create(
        report_id=report, stage="ANALYSE", not_before=desk.now, quarantined_at=desk.now, error="1"
    )
    assert ana.get(WALL).context["work"]["quarantine"] == 1


def test_in_a_demo_too_it_says_that_no_mail_is_set_up(
    desk: Desk, sign_in: SignIn, tmp_path: Path
) -> None:
    before = mail.current()
    set_up = {"sender": "a@b.fr", "duty": ("c@b.fr",), "folder": tmp_path, "demo": True}
    try:
        for url in ("", "smtp://127.0.0.1:25"):
            mail.install(mail.Mailer(url=url, **set_up))
            calls, *_ = sign_in("ana").get(WALL).context["health"]
            assert calls.works is bool(url)
    finally:
        mail.install(before)


@pytest.mark.parametrize(("name", "answer"), [("hugo", 403), ("gabrielle", 403), ("claire", 200)])
def test_who_lists_no_report_sees_no_board(
    desk: Desk, sign_in: SignIn, name: str, answer: int
) -> None:
    assert sign_in(name).get(WALL).status_code == answer
