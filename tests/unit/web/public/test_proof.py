"""Proof of work: solved challenges of this submission hold, nothing else does."""

import base64
import json
from datetime import timedelta

import altcha
import pytest

from fanal.kernel import clock
from fanal.web.public.report import HEAVY, LIFE, new_challenge, verify

SECRET = b"s" * 32


def _solve(challenge: dict[str, object]) -> str:
    solution = altcha.solve_challenge(altcha.Challenge.from_dict(challenge))
    assert solution is not None
    payload = {"challenge": challenge, "solution": solution.to_dict()}
    return base64.b64encode(json.dumps(payload).encode()).decode()


def test_a_solved_challenge_holds_for_its_submission() -> None:
    now = clock.now()
    text = _solve(new_challenge(secret=SECRET, submission="a", now=now))
    proof = verify(text, secret=SECRET, submission="a", now=now)
    assert proof is not None
    assert proof.expires_at <= now + LIFE
    assert verify(text, secret=SECRET, submission="b", now=now) is None
    assert verify(text, secret=b"t" * 32, submission="a", now=now) is None
    assert verify(text, secret=SECRET, submission="a", now=now + LIFE) is None


def test_a_lighter_proof_does_not_do_for_a_heavier_one() -> None:
    now = clock.now()
    light = _solve(new_challenge(secret=SECRET, submission="a", now=now))
    assert verify(light, secret=SECRET, submission="a", now=now, weight=HEAVY) is None
    heavy = new_challenge(secret=SECRET, submission="a", now=now, weight=HEAVY)
    assert verify(_solve(heavy), secret=SECRET, submission="a", now=now, weight=HEAVY) is not None


def test_an_easier_challenge_is_refused() -> None:
    now = clock.now()
    challenge = new_challenge(secret=SECRET, submission="a", now=now)
    parameters = challenge["parameters"]
    assert isinstance(parameters, dict)
    parameters |= {"cost": 1, "keyPrefix": ""}
    assert verify(_solve(challenge), secret=SECRET, submission="a", now=now) is None


@pytest.mark.parametrize(
    "text",
    [
        *("", "x", "e30=", "A" * 5000),
        base64.b64encode(b"[]" * 9).decode(),
        base64.b64encode(b'{"x":' + b"[" * 1450 + b"]" * 1450 + b"}").decode(),
    ],
    ids=range(6),
)
def test_noise_is_no_proof(text: str) -> None:
    now = clock.now() + timedelta(seconds=0)
    assert verify(text, secret=SECRET, submission="a", now=now) is None


ODD: tuple[object, ...] = (
    *(None, True, 5, -1, -99999999999, -(10**18), 2**62, 2**70, 1e300),
    *("", "\x00", "é", "\ud800", "zz", [], {}, [[1]]),
)


@pytest.mark.parametrize("part", ["challenge", "parameters", "solution", "whole"])
def test_a_proof_with_something_odd_in_one_place_is_no_proof(part: str) -> None:
    now = clock.now()
    challenge = new_challenge(secret=SECRET, submission="a", now=now)
    payload = json.loads(base64.b64decode(_solve(challenge)))
    place = {"parameters": payload["challenge"]["parameters"], "whole": payload} | payload
    for name, before in list(place[part].items()):
        for odd in ODD:
            place[part][name] = odd
            text = base64.b64encode(json.dumps(payload).encode()).decode()
            found = verify(text, secret=SECRET, submission="a", now=now)
            assert found is None or name == "time", (name, odd)
        place[part][name] = before
