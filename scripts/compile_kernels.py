"""Compilation of the numba functions of hashing, hash search and cross-check, so that no first start waits.

`make` runs it after the installation. Each function is called once with the argument types of the program,
and numba caches the machine code.
"""

import tempfile
from pathlib import Path

import numpy as np

from benchmarks.crosscheck_truth import harmonised, link_cards
from benchmarks.truth.world import World
from fanal.analyse.material.domain.hash_index import (
    HashIndex,
    open_segment,
    pack_labels,
    write_segment,
)
from fanal.crosscheck.domain.cards import card_of, pack_card
from fanal.crosscheck.domain.weights import load_weights
from fanal.hashing.domain.pdq import pdq

_HASHES = 2000  # enough that the tables are built, not the plain scan alone


def main() -> None:
    """Hash a picture, search an index of hashes and link a small invented set of reports."""
    pdq(np.zeros((80, 96, 3), np.uint8))
    hashes = np.random.default_rng(1).integers(0, 256, (_HASHES, 32), dtype=np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "hashes"
        labels = pack_labels(n.to_bytes(16, "big") for n in range(_HASHES))
        write_segment(path, hashes=hashes, labels=labels, upto=1)
        index = HashIndex(open_segment(path))
        for radius in (0, 31):
            index.search(hashes[:40], radius=radius)
    cards = [pack_card(card_of(report)) for report in harmonised(World(200, seed=1).reports())]
    link_cards(cards, load_weights())


if __name__ == "__main__":
    main()
