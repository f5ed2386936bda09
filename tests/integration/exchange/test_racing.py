"""Readers and writers at once, in transactions of their own: what a reader holds in the end is the list."""

import random
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from django.db import connection, transaction
from django.test import Client

from fanal.accounts.domain.instructions import InstructionKind
from fanal.analyse.material.operations.lists import withdraw_item
from fanal.api import hashsharing
from fanal.exchange.operations import serving
from fanal.formats.hashsharing import read_page
from fanal.kernel import clock
from tests.integration.exchange.sharing import SYSTEM, instruct, load, make_list, md5

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.ignore_template_errors]
SECONDS = 2.5
PATIENCE = 20
"""On a busy machine the second range may begin late; it has to begin."""


def traversal(client: Client, since: datetime, until: datetime) -> Iterator[tuple[str, str | None]]:
    """Yield what a range tells: an id and its hash, None for a tombstone."""
    path = f"/v2/entries?from={since:%Y-%m-%dT%H:%M:%SZ}&to={until:%Y-%m-%dT%H:%M:%SZ}"
    told: set[str] = set()
    while path:
        answer = client.get("/hashsharing" + path)
        if answer.status_code == 503:
            continue
        assert answer.status_code == 200, answer.content
        page = read_page(answer.content)
        for entry in page.entries:
            assert entry.id not in told, "told twice in one range"
            told.add(entry.id)
            yield entry.id, None if entry.deleted else entry.fingerprints["md5"]
        path = page.next


def take_in(client: Client, held: dict[str, str], since: datetime) -> datetime:
    """Bring what a reader holds up to now; return where its next range begins."""
    until = clock.now().replace(microsecond=0)
    for key, value in traversal(client, since, until):
        held.pop(key, None)
        if value is not None:
            held[key] = value
    return until


def write(name: str, seed: int, stop: threading.Event, failures: list[BaseException]) -> None:
    """Add, change and withdraw entries, now and then in a transaction that takes its time or is undone."""
    chance, mine = random.Random(seed), []
    try:
        while not stop.is_set():
            numbers = [chance.randrange(10**9) for _ in range(chance.randrange(1, 6))]
            try:
                with transaction.atomic():
                    added = load(name, *[md5(number) for number in numbers])
                    if mine and chance.random() < 0.5:
                        gone = mine.pop(chance.randrange(len(mine)))
                        withdraw_item(actor=SYSTEM, name=name, item_id=gone, now=clock.now())
                    if chance.random() < 0.3:
                        time.sleep(chance.random() / 4)
                    if chance.random() < 0.2:
                        raise TimeoutError
                mine += added
            except TimeoutError:
                continue
    except BaseException as failure:  # noqa: BLE001 - told by the test
        failures.append(failure)
    finally:
        connection.close()


def test_a_reader_misses_nothing_while_lists_change(
    member: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hashsharing, "PAGE", 7)
    instruct(InstructionKind.LIST_SERVICE)
    for name in ("a", "b"):
        make_list(name)
    stop, failures = threading.Event(), []
    writers = [
        threading.Thread(target=write, args=(name, seed, stop, failures))
        for seed, name in enumerate(("a", "b", "a"))
    ]
    for writer in writers:
        writer.start()
    held: dict[str, str] = {}
    since, ends, ranges = datetime.fromtimestamp(0, UTC), time.monotonic() + SECONDS, 0
    try:
        while time.monotonic() < ends or (ranges < 2 and time.monotonic() < ends + PATIENCE):
            since, ranges = take_in(member, held, since), ranges + 1
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    take_in(member, held, since)
    assert failures == []
    with connection.cursor() as cursor:
        cursor.execute("SELECT item_id::text, value FROM analyse_entry WHERE withdrawn_at IS NULL")
        truth = dict(cursor.fetchall())
    assert held == truth
    assert len(truth) > 20
    assert ranges > 1


def test_a_change_under_way_keeps_a_reader_waiting_not_wrong(
    member: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its entries have a place already, and no reader passes that place before they are there."""
    monkeypatch.setattr(serving, "_PATIENCE", "300ms")
    instruct(InstructionKind.LIST_SERVICE)
    make_list()
    load("alpha", md5(1))
    holding, done = threading.Event(), threading.Event()

    def slow() -> None:
        with transaction.atomic():
            load("alpha", md5(2))
            holding.set()
            done.wait(60)
        connection.close()

    writer = threading.Thread(target=slow)
    writer.start()
    try:
        assert holding.wait(60)
        answer = member.get("/hashsharing/v2/entries")
    finally:
        done.set()
        writer.join()
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert len(read_page(member.get("/hashsharing/v2/entries").content).entries) == 2
