"""Every regular expression of the program takes time linear in the length of its text (ADR 0043)."""

import json
import os
import re
import re._parser as parser  # type: ignore[import-not-found]
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from time import process_time
from types import FrameType
from typing import Any

import pytest

from tests.architecture.tree import ROOT

_SHORT, _LONG = 1_500, 6_000
_GROWTH = 9
"""Four times the text: linear takes about four times as long, quadratic sixteen."""
_UNNOTICED = 0.008
_GIVEN_UP = 2.0
_COMMON = "aAx09 \n\t.,;:!?…-_/\\@#%+=*'\"()[]{}<>|&$é\u0300\u200ba文"
_TAILS = ("", "\x01", "\n\n")
_PAIRED = 4


class TooLong(Exception):
    """A pattern that was given up."""


def _literals(pattern: Any, flags: int) -> str:
    """Return the characters that a pattern names, in their order, and the ends of its ranges."""
    found: dict[str, None] = {}

    def walk(item: object) -> None:
        if (
            isinstance(item, tuple)
            and len(item) == 2
            and str(item[0]) in {"LITERAL", "NOT_LITERAL"}
        ):
            found[chr(item[1])] = None
        elif isinstance(item, tuple) and len(item) == 2 and str(item[0]) == "RANGE":
            found[chr(item[1][0])] = found[chr(item[1][1])] = None
        elif isinstance(item, (tuple, list, parser.SubPattern)):
            for part in item:
                walk(part)

    walk(parser.parse(pattern, flags))
    return "".join(found)


def _units(pattern: Any, flags: int) -> Iterator[str]:
    """Yield what is repeated: each sign, and the signs that the pattern names in pairs."""
    own = _literals(pattern, flags)[:40]
    yield from dict.fromkeys(own + _COMMON)
    few = list(dict.fromkeys(own[:_PAIRED] + "a0 ."))
    yield from (one + two for one in few for two in few if one != two)


def _seconds(run: Callable[[Any], object], text: Any) -> float:
    def give_up(_number: int, _frame: FrameType | None) -> None:
        raise TooLong

    last = signal.signal(signal.SIGVTALRM, give_up)
    signal.setitimer(signal.ITIMER_VIRTUAL, _GIVEN_UP)
    started = process_time()
    try:
        run(text)
    except TooLong:
        return _GIVEN_UP
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, last)
    return process_time() - started


def _runner(compiled: "re.Pattern[Any]", method: str) -> Callable[[Any], object]:
    if method in {"sub", "subn"}:
        return lambda text: compiled.sub(text[:0], text)
    found: Callable[[Any], object] = getattr(
        compiled, "findall" if method == "finditer" else method
    )
    return found


def superlinear(written: Any, flags: int, methods: list[str]) -> str | None:
    """Return the method and the repeated sign for which time grows faster than text; None where none does."""
    compiled = re.compile(written, flags)
    for method in methods:
        run = _runner(compiled, method)
        for unit in _units(written, flags):
            for tail in _TAILS:
                texts: list[Any] = [unit * (n // len(unit)) + tail for n in (_SHORT, _LONG)]
                if isinstance(written, bytes):
                    texts = [text.encode() for text in texts]
                if _grows(run, *texts):
                    return f"{method} of {unit!r} … {tail!r}"
    return None


def _grows(run: Callable[[Any], object], short: Any, long: Any) -> bool:
    taken = _seconds(run, long)
    if _UNNOTICED < taken < _GIVEN_UP:
        taken = min(taken, *(_seconds(run, long) for _ in range(3)))
        fewest = min(_seconds(run, short) for _ in range(5))
        return taken > max(_UNNOTICED, _GROWTH * fewest)
    return taken >= _GIVEN_UP


@cache
def collected() -> list[dict[str, Any]]:
    """Return the patterns of the program, as `patterns.py` prints them."""
    answer = subprocess.run(
        [sys.executable, str(ROOT / "tests/architecture/patterns.py")],
        env=os.environ
        | {"PYTHONPATH": str(ROOT / "src"), "DJANGO_SETTINGS_MODULE": "fanal.config.settings"},
        capture_output=True,
        check=False,
        text=True,
    )
    assert answer.returncode == 0, answer.stderr
    return [json.loads(line) for line in answer.stdout.splitlines()]


def test_patterns_are_found_wherever_they_are_compiled() -> None:
    """Named constants, literals within functions, reference data and patterns made of a value."""
    files = {found["file"] for found in collected()}
    assert len(collected()) > 350
    assert {
        "fanal/analyse/signals/domain/text.py",  # a constant
        "fanal/crosscheck/domain/names.py",  # a literal within a function
        "fanal/harmonise/domain/values/handles.py",  # reference data
        "fanal/harmonise/domain/values/addresses.py",  # numbering plans of the library
        "fanal/harmonise/domain/redaction/search.py",  # a value
        "fanal/formats/ncmec/model.py",  # the schema
    } <= files


@pytest.mark.parametrize(
    ("pattern", "flags", "method"),
    [
        (r"[.!?…;]+(?=\s|$)|[\n\r]+", 0, "finditer"),
        (r"^x+(.{6,}?)x+$", 0, "match"),
        (r"'((?:[^'\\]|\\.)*)'", re.DOTALL, "sub"),
        (r"(a+)+$", 0, "fullmatch"),
    ],
)
def test_growth_above_linear_is_seen(pattern: str, flags: int, method: str) -> None:
    assert superlinear(pattern, flags, [method]) is not None


@pytest.mark.parametrize("share", range(8))
def test_every_pattern_is_linear(share: int) -> None:
    """Refuse growth above linear, by CPU time, for each sign and each pair of signs, at two sizes."""
    slow = []
    for found in collected()[share::8]:
        text = found["pattern"]
        written = text.encode("latin-1") if found["binary"] else text
        if shown := superlinear(written, found["flags"], found["methods"]):
            slow.append(f"{found['file']}:{found['line']}: {text} — {shown}")
    assert not slow, "\n".join(slow)
