"""Standing instructions: where one stands at an instant, whom it reaches, and what is refused."""

import dataclasses
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest

from fanal.accounts.domain.instructions import (
    INSTRUCTION,
    InstructionKind,
    InstructionState,
    NewInstruction,
    StandingInstruction,
    checked,
    checked_reason,
)
from fanal.kernel.refusal import Refusal

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
ASKED = NewInstruction(
    kind=InstructionKind.FEEDBACK,
    grounds="grounds",
    basis="LCEN 6-1",
    valid_from=NOW,
    expires_at=NOW + 30 * DAY,
)
SIGNED = StandingInstruction(
    id=UUID(int=1),
    kind=InstructionKind.FEEDBACK,
    names=(),
    grounds="grounds",
    basis="LCEN 6-1",
    valid_from=NOW,
    expires_at=NOW + 30 * DAY,
    proposer_id=UUID(int=2),
    proposed_at=NOW - DAY,
    second_id=UUID(int=3),
    seconded_at=NOW - DAY,
)


@pytest.mark.parametrize(
    ("changed", "at", "state"),
    [
        ({}, NOW, InstructionState.IN_FORCE),
        ({}, NOW - timedelta(microseconds=1), InstructionState.TO_COME),
        ({}, NOW + 30 * DAY - timedelta(microseconds=1), InstructionState.IN_FORCE),
        ({}, NOW + 30 * DAY, InstructionState.EXPIRED),
        ({"seconded_at": None, "second_id": None}, NOW, InstructionState.WAITING),
        ({"seconded_at": NOW + DAY}, NOW, InstructionState.WAITING),
        ({"seconded_at": NOW + DAY}, NOW + DAY, InstructionState.IN_FORCE),
        ({"revoked_at": NOW + DAY}, NOW, InstructionState.IN_FORCE),
        ({"revoked_at": NOW + DAY}, NOW + DAY, InstructionState.REVOKED),
        ({"revoked_at": NOW}, NOW + 90 * DAY, InstructionState.REVOKED),
    ],
)
def test_where_one_stands(changed: dict[str, object], at: datetime, state: str) -> None:
    assert dataclasses.replace(SIGNED, **changed).state(at) is state


def test_time_only_moves_along_the_table() -> None:
    """From hour to hour, states follow each other as the table says."""
    one = dataclasses.replace(
        SIGNED, seconded_at=NOW - DAY / 2, revoked_at=NOW + 10 * DAY, valid_from=NOW + DAY
    )
    moves = {(source, t.target) for t in INSTRUCTION.transitions for source in t.sources}
    seen = [one.state(NOW + timedelta(hours=hour)) for hour in range(-100, 60 * 24)]
    changes = {(before, after) for before, after in pairwise(seen) if before is not after}
    assert len(changes) == 3
    assert changes <= moves


def test_whom_it_reaches() -> None:
    assert SIGNED.covers("anybody")
    named = dataclasses.replace(SIGNED, names=("Chatoria",))
    assert named.covers("Chatoria")
    assert not named.covers("chatoria ")
    assert not named.covers("")


def test_what_is_asked_is_brought_to_one_form() -> None:
    asked = dataclasses.replace(
        ASKED, grounds="  why\n", basis=" LCEN  6-1 ", names=("b  c", "a", "a ")
    )
    made = checked(asked)
    assert (made.grounds, made.basis, made.names) == ("why", "LCEN 6-1", ("a", "b c"))
    assert checked(made) == made


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"grounds": " \n"}, "GROUNDS"),
        ({"grounds": "x" * 4001}, "GROUNDS"),
        ({"grounds": "nul \0"}, "GROUNDS"),
        ({"grounds": "half \ud83d"}, "GROUNDS"),
        ({"basis": ""}, "BASIS"),
        ({"basis": "x" * 81}, "BASIS"),
        ({"basis": "<script>"}, "BASIS"),
        ({"names": ("",)}, "NAMES"),
        ({"names": (" \t",)}, "NAMES"),
        ({"names": ("turn\u202eed",)}, "NAMES"),
        ({"names": ("x" * 201,)}, "NAMES"),
        ({"names": tuple(map(str, range(101)))}, "NAMES"),
        ({"expires_at": NOW}, "DATES"),
        ({"expires_at": NOW - DAY}, "DATES"),
        ({"expires_at": NOW + 367 * DAY}, "DATES"),
    ],
)
def test_what_makes_no_sense_is_refused(changed: dict[str, object], code: str) -> None:
    with pytest.raises(Refusal) as refused:
        checked(dataclasses.replace(ASKED, **changed))
    assert refused.value.code == code


@pytest.mark.parametrize("words", ["", "  ", "x" * 2001, "nul \0", "half \udc00"])
def test_a_revocation_says_why(words: str) -> None:
    with pytest.raises(Refusal):
        checked_reason(words)
    assert checked_reason(" enough\n") == "enough"
