"""A log line says where something failed, and none of the values that were there."""

import logging
import sys

from fanal.config.logs import SPARING, PlacesOnly


def _line(name: str, message: str, *values: object) -> str:
    try:
        try:
            raise ValueError("canary in the message")
        except ValueError as cause:
            raise KeyError("canary-key") from cause
    except KeyError:
        record = logging.LogRecord(name, 40, __file__, 1, message, values, sys.exc_info())
    return PlacesOnly().format(record)


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
