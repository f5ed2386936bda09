"""A large set of labelled reports, made from a small one by copies that concern other people each.

A copy's values are those of the base with the copy's number appended (copy 0: unchanged), so that no value is
common to two copies. Within a copy everything is as `World` made it: people reported hundreds of times,
families, rings, viral content. Report i of copy c has position `i * copies + c`, so that related reports lie
far apart.
"""

import time
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.crosscheck_truth import harmonised
from benchmarks.truth.world import World
from fanal.crosscheck.domain.cards import CARD_SHAPE, card_of, pack_card, read_card, short_key
from fanal.harmonise.domain.records import HarmonisedReport, SelectorKind

BASE = 20_000
_VALUE = CARD_SHAPE[2]
_CARDS, _LENGTHS, _TEXTS, _REPORTS = "cards.bin", "lengths.npy", "values.txt", "reports.npy"


class Told(NamedTuple):
    """Counts of what `write_world` wrote.

    `reports` and `edges` (an edge is a report and a value of its card); `keys_s`, CPU seconds of computing
    keys.
    """

    reports: int
    edges: int
    keys_s: float


def base_reports(size: int, *, seed: int) -> list[HarmonisedReport]:
    """Return `size` labelled reports, harmonised, from which copies are made."""
    return list(harmonised(World(size, seed=seed).reports()))


def write_world(folder: Path, size: int, *, seed: int, of: int = BASE) -> Told:
    """Write the cards of about `size` reports, and the texts of their values, to files in `folder`.

    A card holds the values of one report for comparison, packed as bytes. The reports are copies of about
    `of` others. The texts are the input of the peer libraries. `keys_s` of the result is the CPU time of
    computing the product's key of each text, which is done when a report arrives.
    """
    base = base_reports(min(size, of), seed=seed)
    copies = max(1, round(size / len(base)))
    keys_s, edges = 0.0, 0
    lengths: list[int] = []
    reports: list[int] = []
    with Path(folder, _CARDS).open("wb") as cards, Path(folder, _TEXTS).open("w") as texts:
        for report in base:
            packed = pack_card(card_of(report))
            values = _values(report, packed)
            told = [
                (kind, f"{value}~{c}" if c else value)
                for c in range(copies)
                for kind, value in values
            ]
            started = time.process_time()
            keys = [short_key(kind, value) for kind, value in told]
            keys_s += time.process_time() - started
            cards.write(_with_keys(packed, np.array(keys, np.uint64).reshape(copies, len(values))))
            texts.writelines(f"{kind}|{value}\n" for kind, value in told)
            lengths += [len(packed)] * copies
            reports += [len(values)] * copies
            edges += len(told)
    np.save(Path(folder, _LENGTHS), np.array(lengths))
    np.save(Path(folder, _REPORTS), np.repeat(np.arange(len(reports)), reports))
    return Told(len(lengths), edges, keys_s)


def read_cards(folder: Path) -> list[bytes]:
    """Return the packed cards that `write_world` wrote, in the order of reports."""
    octets = Path(folder, _CARDS).read_bytes()
    ends = np.cumsum(np.load(Path(folder, _LENGTHS))).tolist()
    return [octets[start:end] for start, end in pairwise([0, *ends])]


def read_edges(folder: Path) -> tuple[list[str], NDArray[np.int64]]:
    """Return the text of each edge (value of a report), and the position of its report."""
    texts = Path(folder, _TEXTS).read_text("utf-8").split("\n")[:-1]
    return texts, np.load(Path(folder, _REPORTS))


def _values(report: HarmonisedReport, packed: bytes) -> list[tuple[SelectorKind, str]]:
    """Return the (kind, value) of each value of a report's packed card, in its order."""
    known = {short_key(s.kind, s.value): (s.kind, s.value) for s in report.selectors}
    return [known[value.key] for value in read_card(packed).values]


def _with_keys(packed: bytes, keys: NDArray[np.uint64]) -> bytes:
    """Return copies of a packed card, concatenated, with other keys: line c of `keys` for copy c."""
    copies, values = keys.shape
    cards = np.tile(np.frombuffer(packed, np.uint8), (copies, 1))
    if values:
        tail = cards[:, len(packed) - values * _VALUE :].reshape(copies, values, _VALUE)
        tail[:, :, :8] = keys.astype("<u8").view(np.uint8).reshape(copies, values, 8)
        cards[:, len(packed) - values * _VALUE :] = tail.reshape(copies, -1)
    return cards.tobytes()
