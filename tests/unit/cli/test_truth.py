"""The judge counts right on a world small enough to count by hand; the world is the same for one seed."""

import json
from collections import Counter

import pytest
from click.testing import CliRunner

from benchmarks import bench
from benchmarks.crosscheck_near import judge_near
from benchmarks.crosscheck_truth import by_bond, harmonised
from benchmarks.second_world.facts import BONDS
from benchmarks.second_world.world import World as SecondWorld
from benchmarks.truth import judge, people
from benchmarks.truth.returning import Returning
from benchmarks.truth.world import World

pytestmark = pytest.mark.long

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
        "over_50_wrong": 0,
        "dossiers": 2,
    }
    assert judge.by_mark({(0, 1): ["A"], (3, 5): ["A", "B"]}, LABELS) == {
        "A": {"pairs": 2, "precision": 0.5},
        "B": {"pairs": 1, "precision": 0.0},
    }


def test_a_dossier_with_more_than_fifty_strangers_is_counted() -> None:
    labels = [1] * 60 + [2] * 51
    assert judge.shape([0] * 111, labels)["over_50_wrong"] == 1
    assert judge.shape([0] * 110, labels[:110])["over_50_wrong"] == 0


def test_a_report_is_joined_by_its_bond_when_its_dossier_holds_an_earlier_one_of_its_label() -> (
    None
):
    labels = [1, 1, 2, 2, 1, 3]
    bonds = ["first", "email", "first", "page", "page", "single"]
    assert by_bond([0, 0, 2, 3, 2, 5], [(2, 3), (4, 5)], labels, bonds) == {
        "page": {"reports": 2, "certain": 0.0, "with_suggestions": 0.5},
        "email": {"reports": 1, "certain": 1.0, "with_suggestions": 1.0},
    }


def test_the_second_world_is_judged_by_the_same_judge_and_by_bond() -> None:
    done = CliRunner().invoke(
        bench, ["crosscheck", "--truth", "--world", "second", "--size", "600", "--json"]
    )
    assert done.exit_code == 0, done.output
    found = json.loads(done.output)
    assert (found["world"], found["size"]) == ("second", 600)
    told = SecondWorld(600, seed=found["seed"]).bonded()
    assert {bond: one["reports"] for bond, one in found["by_bond"].items()} == Counter(
        one.bond for one in told if one.bond in BONDS
    )
    assert found["by_bond"]["account"]["certain"] > 0.9
    assert found["recall_with_similar"] >= found["recall_with_suggestions"]
    assert {"precision_implied", "over_50_wrong", "by_trap", "kept_apart"} <= found.keys()


def test_only_the_quality_of_links_is_measured_on_the_second_world() -> None:
    done = CliRunner().invoke(bench, ["crosscheck", "--near", "--world", "second"])
    assert done.exit_code == 2
    assert "--truth" in done.output


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
