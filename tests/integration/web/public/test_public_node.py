"""The public pages under the intake role: a public node deposits and follows, and reads nothing else."""

import base64
import hashlib
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from click.testing import CliRunner
from django.db import connection
from django.test import Client

from fanal.cli.vault import receipt as receipt_command
from fanal.intake.operations.follow import ANSWER_SPAN, MOST_ANSWERS
from fanal.web.public import follow as follow_view, report as report_view

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.role("intake"),
    pytest.mark.usefixtures("installed_keys"),
    pytest.mark.urls("fanal.config.urls_public"),
]
# An hour ago, and no fraction: the database takes what a node did within the last hours.
NOW = (datetime.now(UTC) - timedelta(hours=1)).replace(microsecond=0)
CODE = re.compile(r"<code>((?:[0-9A-Z]{4}-){4}[0-9A-Z]{4})</code>")
DRAFT = re.compile(r'name="draft" value="([^"]+)"')
ANSWERS: dict[str, dict[str, str]] = {
    "whom": {"whom": "WITNESS"},
    "danger": {"danger": "YES"},
    "what": {"kind": "SEXTORTION"},
    "where": {"channel": "SOCIAL", "nickname": "someone_77", "when": "TODAY"},
    "saw": {"description": "Plain words."},
    "who": {"suspect_town": "Lille"},
    "child": {"child": "KNOWN", "child_age": "about 13"},
    "meeting": {"meeting": "NO"},
    "you": {"contact": "CONTACT", "your_email": "reporter@mail.example"},
}


@pytest.fixture(autouse=True)
def fresh_limits() -> None:
    """Every test's sender is new."""
    report_view.send_limits.cache_clear()
    follow_view.wrong_codes.cache_clear()


def _draft(text: str) -> str:
    found = DRAFT.search(text)
    assert found is not None
    return found.group(1)


def to_check_page(client: Client) -> str:
    """Answer every page; return the draft of the check page."""
    draft = _draft(client.get("/fr/report/").content.decode())
    for step, answers in ANSWERS.items():
        page = client.post(
            "/fr/report/", {"draft": draft, "step": step, "go": "next"} | answers
        ).content.decode()
        draft = _draft(page)
    return draft


def send(client: Client, draft: str, **more: str) -> tuple[int, str]:
    """Press “Send” without a proof of work, ten seconds later."""
    with time_machine.travel(NOW + timedelta(seconds=10), tick=False):
        answer = client.post("/fr/report/", {"draft": draft, "step": "check", "go": "send"} | more)
    return answer.status_code, answer.content.decode()


def test_connects_as_intake() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        assert cursor.fetchone() == ("fanal_intake",)


def test_report_and_follow_without_cookie(as_role: Callable[[str], object]) -> None:
    with time_machine.travel(NOW, tick=False):
        client = Client(headers={"User-Agent": "CanaryAgent/1"}, REMOTE_ADDR="203.0.113.77")
        draft = to_check_page(client)
    status, text = send(client, draft)
    assert status == 201
    found = CODE.search(text)
    assert found is not None
    answer = client.post("/fr/follow/", {"code": found.group(1)})
    assert answer.status_code == 200
    answer = client.post(
        "/fr/follow/",
        {"code": found.group(1), "act": "answer", "text": "More words.", "danger": "YES"},
    )
    assert answer.status_code == 200
    assert not client.cookies
    owner = as_role("owner")
    rows = owner.execute(  # type: ignore[attr-defined]
        "SELECT urgent, slow_lane, language, format, identity_id IS NOT NULL FROM intake_report"
    ).fetchall()
    assert rows == [(True, True, "fr", "form/1", True)]


def test_answers_of_one_code_are_bounded_and_the_text_comes_back(
    as_role: Callable[[str], object],
) -> None:
    with time_machine.travel(NOW, tick=False):
        client = Client()
        draft = to_check_page(client)
    found = CODE.search(send(client, draft)[1])
    assert found is not None
    form = {"code": found.group(1), "act": "answer"}
    owner = as_role("owner")
    owner.execute("DELETE FROM orient_alarm")  # type: ignore[attr-defined] # the form's own rang
    with time_machine.travel(NOW + timedelta(minutes=1), tick=False):
        for n in range(MOST_ANSWERS):
            assert client.post("/en/follow/", form | {"text": f"part {n}"}).status_code == 200
        last = form | {"text": "the last words", "danger": "YES"}
        refused = client.post("/en/follow/", last)
    assert refused.status_code == 422
    assert "Nothing is lost" in refused.content.decode()
    assert "the last words</textarea>" in refused.content.decode()
    alarms = owner.execute("SELECT count(*) FROM orient_alarm").fetchone()  # type: ignore[attr-defined]
    assert alarms == (1,), "the words wait, the alarm does not"
    owner.execute(  # type: ignore[attr-defined]
        "UPDATE intake_message SET created_at = created_at - %s", [ANSWER_SPAN]
    )
    with time_machine.travel(NOW + timedelta(minutes=2), tick=False):
        later = client.post("/en/follow/", form | {"text": "the last words"})
    assert later.status_code == 200


@pytest.mark.parametrize(("text", "status"), [("", 200), ("Here.", 200), ("x" * 60_000, 422)])
def test_danger_now_rings_with_or_without_words_and_says_to_call(
    as_role: Callable[[str], object], text: str, status: int
) -> None:
    with time_machine.travel(NOW, tick=False):
        client = Client()
        draft = to_check_page(client)
    found = CODE.search(send(client, draft)[1])
    assert found is not None
    owner = as_role("owner")
    owner.execute("DELETE FROM orient_alarm")  # type: ignore[attr-defined] # the form's own rang
    form = {"code": found.group(1), "act": "answer", "text": text, "danger": "YES"}
    with time_machine.travel(NOW + timedelta(minutes=1), tick=False):
        answer = client.post("/en/follow/", form)
    assert answer.status_code == status
    alarms = owner.execute("SELECT count(*) FROM orient_alarm").fetchone()  # type: ignore[attr-defined]
    assert alarms == (1,)
    page = answer.content.decode()
    assert "Our team has been alerted. Call 17 or 112 all the same" in page
    assert ("Your message has arrived" in page) == (text == "Here.")
    stays = client.post("/fr/follow/", form | {"act": "stay", "text": "kept"}).content.decode()
    assert "kept</textarea>" in stays
    assert 'name="danger" value="YES" checked' in stays, (
        "another language keeps the mark, and rings nothing"
    )
    assert "Notre équipe est alertée" not in stays


def test_before_ten_seconds_it_asks_to_wait_and_keeps_everything() -> None:
    with time_machine.travel(NOW, tick=False):
        client = Client()
        draft = to_check_page(client)
        answer = client.post("/fr/report/", {"draft": draft, "step": "check", "go": "send"})
    assert answer.status_code == 425
    status, _ = send(client, _draft(answer.content.decode()))
    assert status == 201


def test_skipping_pages_does_not_skip_questions() -> None:
    with time_machine.travel(NOW, tick=False):
        client = Client()
        draft = _draft(client.get("/fr/report/").content.decode())
    status, text = send(client, draft)
    assert status == 422
    assert 'name="danger"' in text


def test_another_body_under_the_same_submission_is_refused_with_the_code() -> None:
    with time_machine.travel(NOW, tick=False):
        client = Client()
        draft = to_check_page(client)
    _, first = send(client, draft)
    with time_machine.travel(NOW, tick=False):
        page = client.post(
            "/fr/report/",
            {"draft": draft, "step": "saw", "go": "check", "description": "Other words."},
        ).content.decode()
    status, second = send(client, _draft(page))
    assert status == 409
    assert CODE.findall(first) == CODE.findall(second) != []
    assert "Other words." in second


def test_who_corrects_no_danger_to_danger_is_heard_though_the_words_wait(
    as_role: Callable[[str], object],
) -> None:
    alarms = "SELECT count(*) FROM orient_alarm"
    client, owner = Client(), as_role("owner")

    def said(draft: str, danger: str) -> str:
        form = {"draft": draft, "step": "danger", "go": "check", "danger": danger}
        with time_machine.travel(NOW, tick=False):
            return _draft(client.post("/fr/report/", form).content.decode())

    with time_machine.travel(NOW, tick=False):
        draft = said(to_check_page(client), "NO")
    assert send(client, draft)[0] == 201
    assert owner.execute(alarms).fetchone() == (0,)  # type: ignore[attr-defined]
    status, page = send(client, said(draft, "YES"))
    assert status == 409
    assert "Notre équipe est alertée" in page
    assert owner.execute(alarms).fetchone() == (1,)  # type: ignore[attr-defined]


def test_a_robot_that_fills_the_trap_is_not_refused() -> None:
    with time_machine.travel(NOW, tick=False):
        client = Client()
        draft = to_check_page(client)
    status, _ = send(client, draft, website="https://robot.example")
    assert status == 201


def no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    for limit in report_view.send_limits():
        monkeypatch.setattr(limit, "_most", 0)


def test_past_the_limits_a_send_waits_longer_and_is_never_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    no_room(monkeypatch)
    monkeypatch.setitem(ANSWERS, "danger", {"danger": "NO"})
    with time_machine.travel(NOW, tick=False):
        client = Client()
        draft = to_check_page(client)
    status, text = send(client, draft)
    assert status == 425
    assert '"weight": "4"' in text
    with time_machine.travel(NOW + timedelta(seconds=60), tick=False):
        fields = {"draft": _draft(text), "step": "check", "go": "send"}
        assert client.post("/fr/report/", fields).status_code == 201


def test_a_child_in_danger_waits_no_longer_past_the_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    no_room(monkeypatch)
    with time_machine.travel(NOW, tick=False):
        client = Client()
        draft = to_check_page(client)
    assert send(client, draft)[0] == 201


def test_a_lost_answer_is_given_again_past_the_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ANSWERS, "danger", {"danger": "NO"})
    with time_machine.travel(NOW, tick=False):
        client = Client()
        draft = to_check_page(client)
    status, first = send(client, draft)
    assert status == 201
    no_room(monkeypatch)
    status, second = send(client, draft)
    assert status == 200
    assert CODE.findall(first) == CODE.findall(second) != []


@pytest.mark.role("app")  # an evening that is set: the database takes none of a node's acts so late
def test_a_send_repeated_after_midnight_says_the_same_day() -> None:
    evening = datetime(2026, 11, 24, 22, 59, 30, tzinfo=UTC)  # 23:59:30 in Paris
    with time_machine.travel(evening, tick=False):
        client = Client()
        draft = to_check_page(client)
    fields = {"draft": draft, "step": "check", "go": "send"}
    statuses = []
    for later in (20, 60):
        with time_machine.travel(evening + timedelta(seconds=later), tick=False):
            statuses.append(client.post("/fr/report/", fields).status_code)
    assert statuses == [201, 200]


def test_what_no_record_holds_is_said_on_the_page() -> None:
    client = Client()
    draft = _draft(client.get("/en/report/").content.decode())
    answer = client.post(
        "/en/report/",
        {"draft": draft, "step": "saw", "go": "next", "conversation": "\U00020000" * 50_001},
    )
    assert answer.status_code == 422
    assert "This is too long." in answer.content.decode()


def test_wrong_codes_are_counted_and_right_ones_answered_all_the_same() -> None:
    client = Client()
    with time_machine.travel(NOW, tick=False):
        draft = to_check_page(client)
    [code] = CODE.findall(send(client, draft)[1])
    statuses = {client.post("/en/follow/", {"code": "x"}).status_code for _ in range(20)}
    assert statuses == {404}
    assert client.post("/en/follow/", {"code": "x"}).status_code == 429
    assert client.post("/en/follow/", {"code": code}).status_code == 200


def test_behind_a_proxy_each_sender_is_counted_alone(settings: object) -> None:
    settings.FANAL_PROXY_HOPS = 1  # type: ignore[attr-defined]
    guesser, other = (
        Client(headers={"X-Forwarded-For": f"192.0.2.1, {address}"})
        for address in ("203.0.113.7", "203.0.113.8")
    )
    statuses = [guesser.post("/en/follow/", {"code": "x"}).status_code for _ in range(21)]
    assert statuses[-1] == 429
    assert other.post("/en/follow/", {"code": "x"}).status_code == 404


@pytest.mark.parametrize(
    ("accept", "place"), [("en-GB,en;q=0.9", "/en/"), ("fr", "/fr/"), ("de", "/fr/"), ("", "/fr/")]
)
def test_bare_address_follows_the_browser(accept: str, place: str) -> None:
    answer = Client().get("/", headers={"Accept-Language": accept})
    assert (answer.status_code, answer["Location"]) == (302, place)


def test_nothing_is_cached_and_nothing_leaves() -> None:
    answer = Client().get("/fr/report/")
    assert "no-store" in answer["Cache-Control"]
    assert answer["Referrer-Policy"] == "same-origin"
    policy = answer["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "http:" not in policy
    assert "default-src 'none'" in policy


def test_oversized_and_hostile_posts() -> None:
    client = Client()
    for fields in (
        {"draft": "A" * 500_000, "go": "next"},
        {"draft": "\x00", "step": "\u202e", "go": "send"},
        {"step": "saw", "description": "x" * 1_000_000},
        {"go": "constructor"},
    ):
        assert client.post("/fr/report/", fields).status_code == 409


def test_identity_is_apart_from_the_answers(as_role: Callable[[str], object]) -> None:
    with time_machine.travel(NOW, tick=False):
        client = Client()
        draft = to_check_page(client)
    assert send(client, draft)[0] == 201
    kinds = (
        as_role("owner")
        .execute(  # type: ignore[attr-defined]
            "SELECT kind FROM vault_object ORDER BY kind"
        )
        .fetchall()
    )
    assert kinds == [("identity",), ("report",)]


def test_anybody_gets_the_key_that_verifies_the_receipt(tmp_path: Path) -> None:
    client = Client()
    with time_machine.travel(NOW, tick=False):
        draft = to_check_page(client)
    _, page = send(client, draft)
    [code] = CODE.findall(page)
    receipt = client.post("/fr/follow/", {"code": code, "act": "receipt"}).content
    key = client.get("/receipt-root.pub").content
    der = base64.b64decode(b"".join(key.splitlines()[1:-1]))
    digest = hashlib.sha256(der).hexdigest()
    fingerprint = " ".join(digest[i : i + 8] for i in range(0, 64, 8))
    for text in (page, client.get("/fr/").content.decode()):
        assert fingerprint in text
        assert 'href="/receipt-root.pub"' in text
    (tmp_path / "receipt.txt").write_bytes(receipt)
    (tmp_path / "root.pub").write_bytes(key)
    arguments = ["verify", str(tmp_path / "receipt.txt"), "--key", str(tmp_path / "root.pub")]
    answer = CliRunner().invoke(receipt_command, arguments)
    assert answer.exit_code == 0, answer.output
