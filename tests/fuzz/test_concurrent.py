"""Fifty at once with one key: one report, one receipt; another body under it is refused."""

from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.live import Answer, Live, Partner

pytestmark = pytest.mark.serial
KEYS, AT_ONCE = 10, 50
PATIENCE = 120.0
"""Seconds that a client waits. Under a machine's full load an answer is late; a dropped request is the defect."""


def deposit(server: Live, partner: Partner, number: int, description: str) -> Answer:
    body = {"reference": f"same-{number}", "kind": "OTHER", "description": description}
    key = f"key-{number}"
    return server.json("POST", "/reports", partner, body, timeout=PATIENCE, Idempotency_Key=key)


def test_one_key_is_one_report(
    server: Live, partner: Partner, stored: Callable[[], Mapping[str, int]]
) -> None:
    before = stored()
    answers: dict[int, list[Answer]] = {}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for number in range(KEYS):
            jobs = [
                pool.submit(deposit, server, partner, number, "same words") for _ in range(AT_ONCE)
            ]
            answers[number] = [job.result() for job in jobs]
    given = [a for several in answers.values() for a in several]
    assert [a.lost for a in given if a.lost] == []
    told = Counter(a.status for a in given)
    assert set(told) <= {200, 201, 409}, told
    assert told[201] == KEYS
    for several in answers.values():
        acknowledged = [a.json for a in several if a.status in {200, 201}]
        assert len({a["id"] for a in acknowledged}) == 1
        assert len({a["receipt"] for a in acknowledged}) == 1
        assert all(
            a.json["code"] == "IN_PROGRESS" and a.json["retry"] for a in several if a.status == 409
        )
    assert stored()["intake_report"] == before["intake_report"] + KEYS


def test_another_body_under_the_same_key_is_refused(
    server: Live, partner: Partner, stored: Callable[[], Mapping[str, int]]
) -> None:
    for number in range(KEYS):
        assert deposit(server, partner, number, "same words").status in {200, 201}
    before = stored()
    with ThreadPoolExecutor(10) as pool:
        jobs = [pool.submit(deposit, server, partner, n, "other words") for n in range(KEYS)]
        refused = [job.result() for job in jobs]
    assert {a.status for a in refused} == {422}
    assert {a.json["code"] for a in refused} == {"OTHER_BODY"}
    assert stored()["intake_report"] == before["intake_report"]


def test_different_bodies_at_once_under_one_key_make_one_report(
    server: Live, partner: Partner
) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        jobs = [
            pool.submit(deposit, server, partner, 900, f"words {number}")
            for number in range(AT_ONCE)
        ]
        answers = [job.result() for job in jobs]
    assert Counter(a.status for a in answers)[201] == 1
    assert {a.status for a in answers} <= {201, 409, 422}
