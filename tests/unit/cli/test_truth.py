"""The judge counts right on a world small enough to count by hand; the world is the same for one seed."""

import pytest

from benchmarks.crosscheck_near import judge_near
from benchmarks.crosscheck_truth import harmonised
from benchmarks.truth import judge, people
from benchmarks.truth.returning import Returning
from benchmarks.truth.world import World

LABELS = [1, 1, 1, 2, 2, 3]


def test_pairs_as_printed_and_as_implied() -> None:
    pairs = [(0, 1), (2, 1), (3, 5)]
    assert judge.of_pairs(pairs, LABELS) == (round(2 / 3, 6), 0.5, 3, 2)
    found = judge.groups(6, pairs)
    assert found == [0, 0, 0, 3, 4, 3]
    assert judge.of_groups(found, LABELS) == (0.75, 0.75, 4, 3)
    assert judge.with_suggestions(found, [(4, 3), (4, 0)], LABELS) == 1.0
    assert judge.shape(found, LABELS) == {
        "purity": round(5 / 6, 6),
        "over_merged": 1,
        "under_merged": 1,
        "largest_wrong_dossier": 2,
        "dossiers": 2,
    }
    assert judge.by_mark({(0, 1): ["A"], (3, 5): ["A", "B"]}, LABELS) == {
        "A": {"pairs": 2, "precision": 0.5},
        "B": {"pairs": 1, "precision": 0.0},
    }


def test_a_world_follows_from_its_seed_and_holds_every_trap() -> None:
    one, two = (World(3000, seed=5).reports() for _ in range(2))
    assert one == two
    assert one != World(3000, seed=6).reports()
    traps = {trap for told in one for trap in told.traps}
    assert traps >= {
        *("TYPO", "PLACEHOLDER", "BOILERPLATE", "VIRAL", "RING", "FAMILY", "NAMESAKE", "CAFE"),
        *("EXCHANGE", "RECYCLED_PHONE", "HANDLE_COLLISION", "HANDLE_TAKEN_AGAIN", "FREE_TEXT"),
        *("SHARED_VICTIM", "ROLE_SWAP", "SHARED_MAILBOX", "REREGISTERED"),
    }


def test_a_world_larger_than_the_numbers_for_fiction_comes_to_an_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(people, "MOBILES", 900)
    world = World(2000, seed=5)
    world.reports()
    traps = {trap for told in Returning(world).reports() for trap in told.traps}
    assert world.people.mobile() is None
    assert "NUMBER_VARIED" not in traps
    assert "NEIGHBOUR" in traps


def test_what_comes_back_changed_is_found_and_what_goes_round_is_not() -> None:
    one, two = (Returning(World(6000, seed=5)).reports() for _ in range(2))
    assert one == two
    assert {trap for told in one for trap in told.traps} >= {
        *("TEXT", "PICTURE", "MIRROR", "FOLDER"),
        *("SENTENCE", "CHAIN_LETTER", "VIRAL_PICTURE", "SAME_PATH"),
        *("HANDLE_VARIED", "MAILBOX_VARIED", "NUMBER_VARIED", "ARABIC_NAME", "HOME"),
        *(
            "HANDLE_FAMILY",
            "NAMES_ALIKE",
            "MAIL_NAMESAKE",
            "NUMBER_BLOCK",
            "SOUNDS_ALIKE",
            "NEIGHBOUR",
        ),
    }
    found = judge_near(
        list(harmonised(one)), [told.label for told in one], [told.traps for told in one]
    )
    for kind, precision, recall in (
        ("NEAR_TEXT", 0.6, 0.8),
        ("NEAR_PICTURE", 0.9, 0.8),
        ("NEAR_MIRROR", 0.9, 0.95),
        ("NEAR_FAMILY", 0.9, 0.95),
        ("NEAR_ADDRESS", 0.95, 0.95),
        ("NEAR_NAME", 0.95, 0.9),
        ("NEAR_HANDLE", 0.75, 0.65),
        ("NEAR_HANDLE_LETTER", 0.7, 0.65),
        ("NEAR_EMAIL", 0.95, 0.6),
        ("NEAR_EMAIL_LETTER", 0.95, 0.6),
        ("NEAR_PHONE", 0.75, 0.15),
    ):
        assert found[kind]["precision"] >= precision, found[kind]
        assert found[kind]["recall"] >= recall, found[kind]
