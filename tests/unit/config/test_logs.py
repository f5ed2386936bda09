"""A log line says where something failed, and none of the values that were there."""

import io
import logging
import re
import sys
import time
from collections.abc import Iterator

import pytest
from django.core.exceptions import DisallowedHost
from django.core.handlers.wsgi import WSGIRequest

from fanal.config.logs import SPARING, Bounded, PlacesOnly
from fanal.config.wsgi import Guarded


def _line(name: str, message: str, *values: object) -> str:
    try:
        try:
            raise ValueError("canary in the message")
        except ValueError as cause:
            raise KeyError("canary-key") from cause
    except KeyError:
        record = logging.LogRecord(name, 40, __file__, 1, message, values, sys.exc_info())
    return PlacesOnly().format(record)


def test_a_line_says_its_time_with_the_zone() -> None:
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d{4} django ", _line("django", "x"))


def test_values_of_others_stay_out_and_places_stay_in() -> None:
    line = _line("django.request", "Internal Server Error: %s", "/fr/canary/")
    assert "canary" not in line
    assert "builtins.KeyError" in line
    assert "builtins.ValueError" in line
    assert "test_logs.py" in line


def test_own_messages_hold_codes_only_and_are_said() -> None:
    assert "worker ended: 3" in _line("fanal.worker", "worker ended: %s", 3)


def test_nothing_goes_through_djangos_own_handlers() -> None:
    loggers = SPARING["loggers"]
    assert isinstance(loggers, dict)
    assert all(not logger["propagate"] for logger in loggers.values())


def _refused(number: int) -> logging.LogRecord:
    """What Django says of a request for a host that is not ours."""
    try:
        raise DisallowedHost(f"canary-{number}.example")
    except DisallowedHost:
        return logging.LogRecord(
            "django.security.DisallowedHost",
            40,
            __file__,
            1,
            f"canary-{number}",
            (),
            sys.exc_info(),
        )


def test_strangers_grow_no_log_and_are_counted() -> None:
    bounded, written = Bounded(most=5, seconds=0.2), io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(PlacesOnly())
    handler.addFilter(bounded)
    for number in range(2_000):
        handler.handle(_refused(number))
    time.sleep(0.3)
    handler.handle(_refused(2_001))
    lines = written.getvalue().splitlines()
    assert len(lines) <= 2_000 / 5  # a machine that halts in between begins another minute
    assert "of this kind before it" in lines[-1]
    assert "Traceback" not in written.getvalue()
    assert "canary" not in written.getvalue()


def test_what_is_of_another_kind_is_still_written() -> None:
    bounded = Bounded(most=1)
    first, second = _refused(1), logging.LogRecord("fanal.worker", 30, "a.py", 1, "x", (), None)
    assert bounded.filter(first)
    assert not bounded.filter(_refused(2))
    assert bounded.filter(second)


def test_a_request_whose_error_page_fails_is_told_by_place_only(
    capsys: pytest.CaptureFixture[str],
) -> None:
    started: list[str] = []

    def failing(environ: object, start: object) -> list[bytes]:
        raise ValueError("canary in the message")

    body = Guarded(failing)({}, lambda status, headers: started.append(status))
    assert started == ["500 Internal Server Error"]
    assert b"canary" not in b"".join(body)
    assert "canary" not in "".join(capsys.readouterr())


def test_a_request_that_cannot_be_taken_apart_is_no_failure_of_ours(caplog) -> None:
    """Too many fields of an address are counted before any page is chosen, where a charset is named."""
    started: list[str] = []
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/api/v1/reports",
        "QUERY_STRING": "a=1&" * 1200,
        "CONTENT_TYPE": "application/json; charset=utf-8",
        "SERVER_NAME": "desk.example",
        "SERVER_PORT": "80",
        "wsgi.input": io.BytesIO(),
        "wsgi.url_scheme": "http",
    }
    body = Guarded(lambda environ, start: WSGIRequest(environ).body)(
        environ, lambda status, headers: started.append(status)
    )
    assert (started, list(body)) == (["400 Bad Request"], [b"This request cannot be read.\n"])
    assert "ERROR" not in {record.levelname for record in caplog.records}


class _Pieces:
    """An answer in pieces, as a file is."""

    def __init__(self, count: int, size: int) -> None:
        self.count, self.size, self.closed = count, size, 0

    def __iter__(self) -> Iterator[bytes]:
        return (b"x" * self.size for _ in range(self.count))

    def close(self) -> None:
        self.closed += 1


@pytest.mark.parametrize(("count", "size", "handed"), [(0, 0, 1), (40, 4096, 1), (5, 2**22, 3)])
def test_an_answer_in_pieces_is_handed_over_whole_unless_it_is_very_large(
    count: int, size: int, handed: int
) -> None:
    """The server waits for the reader between two pieces, with a thread."""
    pieces = _Pieces(count, size)
    answer = Guarded(lambda _environ, _start: pieces)({}, lambda *_: None)
    given = list(answer)
    if close := getattr(answer, "close", None):
        close()
    assert (len(given), sum(map(len, given)), pieces.closed) == (handed, count * size, 1)
