"""The compiled loops give what the plain rule gives, to the last bit; unions give what membership gives."""

import os
from unittest.mock import patch
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from fanal.crosscheck.all_reports import Joined, Whole, whole_of
from fanal.crosscheck.domain.cards import (
    MARKS,
    MOST_ADDRESSES,
    SEVERAL,
    WEAK,
    WEEKS,
    Card,
    CardAddress,
    Value,
    pack_card,
)
from fanal.crosscheck.domain.records import JudgementAct
from fanal.crosscheck.domain.weights import load_weights, score_of
from fanal.crosscheck.dossiers.domain import Judgement, Strong, membership
from fanal.crosscheck.engine.domain import rule, sheet
from fanal.crosscheck.engine.domain.features import LONG_APART, SINGLE, points_beside
from fanal.crosscheck.engine.domain.rule import Pairs, certain_of, weigh
from fanal.crosscheck.engine.domain.sheet import share_kept, worth_of
from fanal.harmonise.domain.sightings import ROLE_OF_CODE
from tests.unit.crosscheck import plain_rule

WEIGHTS = load_weights()


def world(seed: int, size: int) -> list[bytes]:
    """Cards at random, in which everything occurs: few values, so that pairs share several, in all roles."""
    rng = np.random.default_rng(seed)
    values = int(rng.integers(1, 3 * size + 2))
    marks = rng.integers(0, len(MARKS), values).tolist()
    roles = [*ROLE_OF_CODE, *(role | WEAK for role in ROLE_OF_CODE), 1, 1, 1]
    cards = []
    for _ in range(size):
        held = np.unique(rng.zipf(1.5, rng.integers(0, 9)) % values).tolist()
        places = rng.integers(0, 3, rng.integers(0, MOST_ADDRESSES + 1)).tolist()
        known = rng.integers(0, 2, 3).tolist()
        card = Card(
            values=tuple(
                Value((key + 1) << 40, marks[key], int(rng.choice(roles))) for key in held
            ),
            addresses=tuple(
                CardAddress(
                    place + 1, int(rng.integers(0, 90_000)), int(rng.integers(-1, 2)), place == 2
                )
                for place in places
            ),
            name=int(rng.integers(1, 4)) * known[0],
            words=tuple(rng.integers(1, 5, 2).tolist()) if known[0] else (),
            birth=int(rng.integers(1, 3)) * known[1],
            has=int(rng.integers(0, 2 * SEVERAL)) * known[2],
            week=int(rng.integers(0, WEEKS + 1)),
        )
        cards.append(pack_card(card))
    return cards


def found(whole: Whole, fresh: np.ndarray | None, at_once: int) -> list[Pairs]:
    return list(weigh(whole.sheet, whole.standing, WEIGHTS, fresh=fresh, at_once=at_once))


def assert_equal(parts: list[Pairs], plain: plain_rule.Pairs, whole: Whole) -> None:
    """The parts, in whatever order, hold the pairs of the plain rule, and each pair its meetings."""
    later, earlier = (
        np.concatenate([getattr(part, end) for part in parts]) for end in ("later", "earlier")
    )
    order = np.lexsort((earlier, later))
    for name in ("later", "earlier", "points"):
        column = np.concatenate([getattr(part, name) for part in parts])
        assert np.array_equal(column[order], getattr(plain, name))
    codes = np.concatenate([part.beside for part in parts])[order].tolist()
    given = np.array([points_beside(code, WEIGHTS) for code in codes]).reshape(-1, 5)
    assert np.array_equal(given.T[:3], [plain.ip, plain.name, plain.birth])
    assert [lost(code) for code in codes] == plain.conflict.tolist()
    sizes = np.concatenate([np.diff(part.first) for part in parts])
    assert np.array_equal(sizes[order], np.diff(plain.first))
    starts = (np.cumsum(sizes) - sizes)[order]
    met = np.repeat(starts - plain.first[:-1], sizes[order]) + np.arange(plain.first[-1])
    kept = share_kept(whole.sheet.rows.mark, whole.standing, WEIGHTS)
    # In which order a pair tells its meetings is its own affair.
    told = [
        (*part.meetings, *worth_of(part.meetings, whole.sheet.rows, kept, WEIGHTS))
        for part in parts
    ]
    told = [np.concatenate(found)[met] for found in zip(*told, strict=True)]
    pair = np.repeat(np.arange(len(plain.later)), np.diff(plain.first))
    inner = np.lexsort((told[1], told[0], pair))
    for column, found in zip(plain.meetings, told, strict=True):
        assert np.array_equal(found[inner], column[np.lexsort((*plain.meetings[1::-1], pair))])


def lost(code: int) -> float:
    """Return the points that conflicts and the time between take away, added as the loops add: one after the other."""
    points = WEIGHTS.near.alone * bool(code & SINGLE)
    for number, mark in enumerate(MARKS):
        if code >> number & 1:
            points += WEIGHTS.mark[mark].conflict
    return points + WEIGHTS.near.apart * bool(code & LONG_APART)


@settings(deadline=None, max_examples=150)
@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(1, 70), st.data())
def test_the_loops_give_what_the_plain_rule_gives(
    seed: int, size: int, at_once: int, data: st.DataObject
) -> None:
    whole = whole_of(world(seed, size), WEIGHTS)
    asked = data.draw(st.none() | st.lists(st.booleans(), min_size=size, max_size=size))
    fresh = None if asked is None else np.array(asked)
    plain = plain_rule.weigh(whole.sheet, whole.standing, WEIGHTS, fresh=fresh)
    assert_equal(found(whole, fresh, at_once), plain, whole)


@pytest.mark.parametrize("processors", [2, 3, 8])
@settings(deadline=None, max_examples=8)
@given(seed=st.integers(0, 2**32 - 1), size=st.integers(0, 90))
def test_several_processors_find_what_one_finds(processors: int, seed: int, size: int) -> None:
    cards = world(seed, size) if size else []
    alone = whole_of(cards, WEIGHTS)
    with (
        patch.object(sheet, "_ENOUGH", 0),
        patch.object(rule, "_AT_ONCE", 0),
        patch.object(sheet, "_AT_ONCE", 7),
        patch.object(os, "sched_getaffinity", lambda _: range(processors)),
    ):
        together = whole_of(cards, WEIGHTS)
        assert sheet.processors_for(size) == min(8, 1 << (processors.bit_length() - 1))
        parts = found(together, None, 16)
    for one, two in zip(
        (*alone.sheet.rows, *alone.sheet[1:], *alone.standing),
        (*together.sheet.rows, *together.sheet[1:], *together.standing),
        strict=True,
    ):
        assert np.array_equal(one, two)
    if size:
        assert_equal(parts, plain_rule.weigh(alone.sheet, alone.standing, WEIGHTS), together)


def test_values_of_very_many_meet_their_neighbours() -> None:
    cards = [
        pack_card(Card((Value(7 << 40, 0, 1), Value((n + 9) << 40, 9, 1)))) for n in range(900)
    ]
    whole = whole_of(cards, WEIGHTS)
    plain = plain_rule.weigh(whole.sheet, whole.standing, WEIGHTS)
    assert_equal(found(whole, None, 97), plain, whole)
    assert len(plain.later) == 200 * 199 // 2 + 700 * 20


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(2, 40), st.data())
def test_what_is_joined_is_what_membership_derives(
    seed: int, size: int, data: st.DataObject
) -> None:
    whole = whole_of(world(seed, size), WEIGHTS)
    ids = [UUID(int=place + 1) for place in range(size)]
    joined, strong = Joined(size), []
    for pairs in found(whole, None, 7):
        joined.add(pairs, WEIGHTS)
        certain = certain_of(pairs, WEIGHTS)
        for one, two, points in zip(
            pairs.later[certain], pairs.earlier[certain], pairs.points[certain], strict=True
        ):
            strong.append(
                Strong(one=ids[one], two=ids[two], score=round(score_of(float(points)), 4))
            )
    some = st.lists(st.sampled_from(ids), min_size=1, max_size=4, unique=True)
    acts = data.draw(st.lists(st.tuples(st.sampled_from(JudgementAct), some, some), max_size=5))
    judgements = [
        Judgement(
            id=UUID(int=10_000 + number),
            act=act,
            left=tuple(left),
            right=tuple(right)
            if act
            not in {JudgementAct.REJECT, JudgementAct.OPEN, JudgementAct.CLOSE, JudgementAct.UNDO}
            else (),
            undoes=UUID(int=10_000 + number - 1) if act is JudgementAct.UNDO else None,
        )
        for number, (act, left, right) in enumerate(acts)
    ]
    assert joined.anchors(ids, judgements, WEIGHTS) == membership(ids, strong, judgements)
    assert joined.certain == len(strong)


def test_what_is_joined_is_led_by_its_earliest() -> None:
    cards = [pack_card(Card((Value(7 << 40, 0, 1),))) for _ in range(5)]
    joined = Joined(7)
    for pairs in found(whole_of([*cards, *([pack_card(Card(()))] * 2)], WEIGHTS), None, 2):
        joined.add(pairs, WEIGHTS)
    assert joined.heads().tolist() == [0, 0, 0, 0, 0, 5, 6]
