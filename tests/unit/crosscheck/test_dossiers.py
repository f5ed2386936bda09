"""Membership is a pure function of proposals and judgements."""

import random
from collections.abc import Sequence
from uuid import UUID

from hypothesis import given, strategies as st

from fanal.crosscheck.domain.records import JudgementAct
from fanal.crosscheck.dossiers.domain import (
    Judgement,
    Strong,
    connected,
    grow,
    membership,
    still_apart,
)

REPORTS = [UUID(int=i) for i in range(1, 9)]


def strong(one: int, two: int, score: float = 0.9) -> Strong:
    return Strong(one=UUID(int=one), two=UUID(int=two), score=score)


def said(
    number: int,
    act: JudgementAct,
    left: Sequence[int] = (),
    right: Sequence[int] = (),
    undoes: int | None = None,
) -> Judgement:
    return Judgement(
        id=UUID(int=number),
        act=act,
        left=tuple(UUID(int=i) for i in left),
        right=tuple(UUID(int=i) for i in right),
        undoes=UUID(int=undoes) if undoes else None,
    )


def groups(
    proposals: Sequence[Strong], judgements: Sequence[Judgement] = ()
) -> set[frozenset[int]]:
    found: dict[UUID, set[int]] = {}
    for report, anchor in membership(REPORTS, proposals, judgements).items():
        found.setdefault(anchor, set()).add(report.int)
    return {frozenset(g) for g in found.values()}


def sets(*members: Sequence[int]) -> set[frozenset[int]]:
    return {frozenset(m) for m in members}


CHAIN = [strong(1, 2), strong(2, 3), strong(3, 4)]


def test_strong_links_make_one_dossier_and_its_earliest_report_names_it() -> None:
    assert groups(CHAIN) == sets([1, 2, 3, 4])
    assert set(membership(REPORTS, CHAIN, []).values()) == {UUID(int=1)}


def test_unlink_cuts_one_link_and_link_restores_it() -> None:
    cut = said(100, JudgementAct.UNLINK, [2], [3])
    assert groups(CHAIN, [cut]) == sets([1, 2], [3, 4])
    assert groups([*CHAIN, strong(1, 4)], [cut]) == sets([1, 2, 3, 4])
    assert groups(CHAIN, [cut, said(101, JudgementAct.LINK, [2], [3])]) == sets([1, 2, 3, 4])


def test_split_holds_against_new_paths() -> None:
    split = said(100, JudgementAct.SPLIT, [1, 2], [3, 4])
    found = groups([*CHAIN, strong(1, 5), strong(5, 4, 0.8)], [split])
    assert found == sets([1, 2, 5], [3, 4])


def test_a_later_merge_beats_a_split_and_a_later_split_a_merge() -> None:
    split, merge = said(100, JudgementAct.SPLIT, [1], [2]), said(101, JudgementAct.MERGE, [1], [2])
    assert groups([], [split, merge]) == sets([1, 2])
    again = said(102, JudgementAct.SPLIT, [1], [2])
    assert groups([strong(1, 2)], [split, merge, again]) == set()


def test_reject_dissolves_a_proposal_for_good() -> None:
    reject = said(100, JudgementAct.REJECT, [1, 2, 3, 4])
    assert groups(CHAIN, [reject]) == set()
    assert groups([*CHAIN, strong(1, 5, 0.99), strong(5, 2)], [reject]) == sets([1, 5])
    assert groups(CHAIN, [reject, said(101, JudgementAct.LINK, [1], [2])]) == sets([1, 2])


def test_undo_is_a_new_judgement_and_can_be_undone() -> None:
    reject = said(100, JudgementAct.REJECT, [1, 2, 3, 4])
    undo = said(101, JudgementAct.UNDO, undoes=100)
    assert groups(CHAIN, [reject, undo]) == groups(CHAIN)
    assert groups(CHAIN, [reject, undo, said(102, JudgementAct.UNDO, undoes=101)]) == set()


ids = st.integers(1, 8)
links = st.lists(st.builds(strong, ids, ids, st.floats(0.75, 1)), max_size=14).map(
    lambda found: [s for s in found if s.one != s.two]
)
sides = st.sets(ids, min_size=2, max_size=6).map(sorted)


@st.composite
def judgements(draw: st.DrawFn) -> list[Judgement]:
    made: list[Judgement] = []
    for number in range(100, 100 + draw(st.integers(0, 7))):
        act = draw(st.sampled_from(list(JudgementAct)))
        named = draw(sides)
        if act is JudgementAct.UNDO:
            if made:
                made.append(said(number, act, undoes=draw(st.sampled_from(made)).id.int))
        elif act is JudgementAct.REJECT:
            made.append(said(number, act, named))
        else:
            made.append(said(number, act, named[:1], named[1:]))
    return made


@given(links, judgements(), st.randoms(use_true_random=False))
def test_the_order_of_arguments_never_matters(
    proposals: list[Strong], made: list[Judgement], chance: random.Random
) -> None:
    expected = membership(REPORTS, proposals, made)
    shuffled, again = list(proposals), list(made)
    chance.shuffle(shuffled)
    chance.shuffle(again)
    turned = [Strong(one=s.two, two=s.one, score=s.score) for s in shuffled]
    assert membership(REPORTS[::-1], turned, again) == expected


@given(links, judgements(), st.sets(ids, min_size=2).map(sorted))
def test_the_last_split_always_holds(
    proposals: list[Strong], made: list[Judgement], named: list[int]
) -> None:
    last = said(500, JudgementAct.SPLIT, named[:1], named[1:])
    found = membership(REPORTS, proposals, [*made, last])
    here = found.get(UUID(int=named[0]), UUID(int=named[0]))
    assert all(found.get(UUID(int=i), UUID(int=i)) != here for i in named[1:])


@given(links, judgements(), st.sampled_from(list(JudgementAct)), sides)
def test_undoing_the_last_judgement_restores_what_was(
    proposals: list[Strong], made: list[Judgement], act: JudgementAct, named: list[int]
) -> None:
    if act is JudgementAct.UNDO:
        return
    last = (
        said(500, act, named)
        if act is JudgementAct.REJECT
        else said(500, act, named[:1], named[1:])
    )
    undo = said(501, JudgementAct.UNDO, undoes=500)
    assert membership(REPORTS, proposals, [*made, last, undo]) == membership(
        REPORTS, proposals, made
    )


@given(links, judgements())
def test_an_anchor_is_the_earliest_of_its_dossier(
    proposals: list[Strong], made: list[Judgement]
) -> None:
    found = membership(REPORTS, proposals, made)
    for anchor in set(found.values()):
        members = [r for r, a in found.items() if a == anchor]
        assert min(members) == anchor
        assert len(members) > 1


@given(
    st.lists(st.tuples(st.integers(1, 8), st.integers(1, 8)).filter(lambda p: p[0] != p[1])),
    st.integers(1, 4),
)
def test_growing_batch_by_batch_ends_where_deriving_all_does(
    pairs: list[tuple[int, int]], step: int
) -> None:
    found: dict[UUID, UUID] = {}
    proposals = [strong(one, two) for one, two in pairs]
    for first in range(0, len(proposals), step):
        part = proposals[first : first + step]
        ends = {end for s in part for end in (s.one, s.two)}
        anchors = {end: found[end] for end in ends if end in found}
        heads = set(anchors.values())
        sizes = {head: list(found.values()).count(head) for head in heads}
        grown = grow(part, anchors, sizes)
        moved = {report: grown[anchor] for report, anchor in found.items() if anchor in heads}
        found |= moved | {end: grown[end] for end in ends}
    assert found == membership(REPORTS, proposals, [])


def test_connected_follows_any_number_of_steps_and_dossiers() -> None:
    proposals = [strong(5, 4), strong(4, 3), strong(8, 7)]
    anchors = {UUID(int=3): UUID(int=1)}
    assert connected(proposals, anchors, {UUID(int=1)}) == {UUID(int=n) for n in (3, 4, 5)}
    assert connected(proposals, anchors, {UUID(int=7)}) == {UUID(int=n) for n in (7, 8)}


def test_still_apart_is_what_no_way_of_joins_connects() -> None:
    one, two, three, four = REPORTS[:4]
    assert still_apart([(one, three), (one, four)], [(one, two), (two, three)]) == [(one, four)]
    assert still_apart([(one, two)], []) == [(one, two)]
