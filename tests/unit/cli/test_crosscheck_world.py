"""Copies of the labelled world: about other people, alike in all else, and the same for those who begin with texts."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.crosscheck_rebuild import rebuild_once
from benchmarks.crosscheck_world import base_reports, read_cards, read_edges, write_world
from fanal.crosscheck.domain.cards import card_of, pack_card, read_card, short_key
from fanal.crosscheck.domain.weights import load_weights
from fanal.harmonise.domain.records import SelectorKind

COPIES, SEED = 3, 5


@pytest.mark.long
def test_copies_meet_nobody_of_another_copy_and_texts_lead_to_the_keys_of_cards(
    tmp_path: Path,
) -> None:
    base = [pack_card(card_of(report)) for report in base_reports(120, seed=SEED)]
    told = write_world(tmp_path, COPIES * len(base), seed=SEED, of=120)
    cards = read_cards(tmp_path)
    assert told.reports == len(cards) == COPIES * len(base)
    assert cards[::COPIES] == base  # the first copy is the world itself
    texts, reports = read_edges(tmp_path)
    assert told.edges == len(texts) == len(reports)
    keys = [
        short_key(SelectorKind(kind), value) for kind, _, value in (t.partition("|") for t in texts)
    ]
    held = [(place, v.key) for place, card in enumerate(cards) for v in read_card(card).values]
    assert list(zip(reports.tolist(), keys, strict=True)) == held
    weights = load_weights()
    one, all_ = rebuild_once(base, weights), rebuild_once(cards, weights)
    assert one.links > 0
    assert (all_.links, all_.certain_links, all_.dossiers) == (
        *(COPIES * one.links, COPIES * one.certain_links),
        COPIES * one.dossiers,
    )
    assert all_.largest_dossier == one.largest_dossier
    assert np.array_equal(
        np.unique(reports), np.flatnonzero([bool(read_card(c).values) for c in cards])
    )
