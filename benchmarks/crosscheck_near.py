"""Quality of the similarity search on labelled reports: each kind of similarity judged on its own."""

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from uuid import UUID

import numpy as np

from benchmarks.truth import judge
from fanal.analyse.material.domain.hash_index import HashIndex, pack_labels
from fanal.crosscheck.domain.records import SIMILAR
from fanal.crosscheck.similar.domain.pairs import (
    First,
    NearReport,
    NearWorld as Near,
    Neighbour,
    Values,
    families,
    holders_of,
    keys_of,
    near_of,
    near_pages,
    near_spelled,
    sharing_values,
    spelled_of,
)
from fanal.crosscheck.similar.domain.rules import NearRules, load_near_rules
from fanal.crosscheck.similar.domain.sketch import Sketcher, Trait, going_round
from fanal.crosscheck.similar.domain.spelling import (
    EMAIL,
    EMAIL_DIGIT,
    EMAIL_LETTER,
    HANDLE,
    HANDLE_DIGIT,
    HANDLE_LETTER,
    PHONE,
)
from fanal.harmonise.domain.records import HarmonisedReport

_HASH = 32
_OF_KIND = {
    "NEAR_TEXT": "TEXT",
    "NEAR_PICTURE": "PICTURE",
    "NEAR_MIRROR": "MIRROR",
    "NEAR_FAMILY": "FOLDER",
    "NEAR_ADDRESS": "HOME",
    "NEAR_NAME": "ARABIC_NAME",
    **dict.fromkeys((HANDLE, HANDLE_LETTER, HANDLE_DIGIT), "HANDLE_VARIED"),
    **dict.fromkeys((EMAIL, EMAIL_LETTER, EMAIL_DIGIT), "MAILBOX_VARIED"),
    PHONE: "NUMBER_VARIED",
}
"""The mark of the reports that a kind, or the kinds of one mark together, can join."""


def judge_near(
    reports: Sequence[HarmonisedReport],
    labels: Sequence[int],
    traps: Sequence[frozenset[str]],
    *,
    groups: Sequence[int] = (),
) -> dict[str, object]:
    """Return the quality of each kind of similarity that joins any reports, as a dict by kind.

    The reports' ids are their positions; `labels` is the true dossier of each, `traps` the names of the traps
    in each (similar values of strangers). `groups` are the dossiers by certain links: a pair within a dossier
    is suggested to nobody. Keys of a kind: `pairs` and `precision`; `asked` and `precision_asked`, of the
    pairs that are suggested; `recall`, over the pairs of reports with one label and the kind's mark, after a
    person has accepted every right suggestion of the kind; `wrong`, the wrong pairs by the traps that both
    reports share. Further keys: `reports` (their number), `near_s` (seconds of the search).
    """
    started = time.perf_counter()
    found = by_kind_of(similar_reports(reports))
    seconds = time.perf_counter() - started
    told: dict[str, object] = {}
    together: dict[str, list[judge.Pair]] = {}
    for kind, pairs in found.items():
        together.setdefault(_OF_KIND.get(kind, kind), []).extend(pairs)
    for kind, pairs in found.items():
        if not pairs:
            continue  # the world holds none of the kind
        scores = judge.of_pairs(pairs, labels)
        wrong = Counter(
            trap
            for a, b in pairs
            if labels[a] != labels[b]
            for trap in traps[a] & traps[b] or {"NONE"}
        )
        asked = [(a, b) for a, b in pairs if not groups or groups[a] != groups[b]]
        told[kind] = {
            "pairs": scores.pairs,
            "precision": round(scores.precision, 5),
            "asked": len(set(asked)),
            "precision_asked": round(judge.of_pairs(asked, labels).precision, 5),
            "recall": _recall(
                together[_OF_KIND.get(kind, kind)], labels, traps, _OF_KIND.get(kind, "")
            ),
            "wrong": dict(wrong),
        }
    return {"reports": len(reports), "near_s": round(seconds, 2), **told}


def _recall(
    pairs: Sequence[judge.Pair],
    labels: Sequence[int],
    traps: Sequence[frozenset[str]],
    mark: str,
) -> float | None:
    places = {place: n for n, place in enumerate(p for p, held in enumerate(traps) if mark in held)}
    if not places:
        return None
    among = [labels[place] for place in places]
    right = [(places[a], places[b]) for a, b in pairs if a in places and b in places]
    return round(judge.with_suggestions(list(range(len(among))), right, among), 5)


def by_kind_of(alike: Iterable[tuple[int, NearReport]]) -> dict[str, list[judge.Pair]]:
    """Return the pairs of reports by kind; `alike` are those of `similar_reports`."""
    pairs: dict[str, list[judge.Pair]] = {kind: [] for kind in SIMILAR}
    for later, one in alike:
        pairs[one.kind].append((later, one.other_id.int))
    return pairs


def similar_reports(reports: Sequence[HarmonisedReport]) -> Iterator[tuple[int, NearReport]]:
    """Yield each report (position) with each earlier one that the product's rule finds similar."""
    rules, sketcher = load_near_rules(), Sketcher(b"bench", load_near_rules())
    sketches = {report.report_id: sketcher.sketch(report) for report in reports}
    worn = going_round(sketches.values(), rules)
    world = Near(sketches=sketches, worn=worn, near=_pictures(reports, sketcher))
    near = near_of(sketches, world, rules)
    paths = holders_of({i: s.of(Trait.MIRROR, Trait.FAMILY) for i, s in sketches.items()}, worn)
    pages = {report.report_id: list(sketcher.pages(report)) for report in reports}
    for report_id, found in near.items():
        for one in (*found, *near_pages(report_id, pages, paths, rules)):
            yield report_id.int, one
    for report_id, found in _spelled(reports, sketcher, rules).items():
        for one in found:
            yield report_id.int, one


def _spelled(
    reports: Sequence[HarmonisedReport], sketcher: Sketcher, rules: NearRules
) -> Mapping[UUID, list[NearReport]]:
    """Return for each report the earlier reports with a similar identifier, among all values.

    `sketcher` makes the keyed digests.
    """
    spelled = {report.report_id: spelled_of(report, sketcher) for report in reports}
    firsts: dict[int, First] = {}
    for report_id, values in sorted(spelled.items()):
        for value, spelling in values.items():
            if value not in firsts:
                firsts[value] = First(report_id, keys_of(spelling, sketcher))
    beside = sharing_values(firsts, families(firsts, rules))
    return near_spelled(spelled, Values(firsts, beside, spelled), rules)


def _pictures(
    reports: Sequence[HarmonisedReport], sketcher: Sketcher
) -> Mapping[bytes, list[Neighbour]]:
    """Return the neighbours of every picture by PDQ hash, found with the index of known material.

    `sketcher` extracts the pictures of the reports.
    """
    held = [(r.report_id, pdq) for r in reports for pdq in sketcher.sketch(r).pictures]
    if not held:
        return {}
    hashes = np.frombuffer(b"".join(pdq for _, pdq in held), np.uint8).reshape(-1, _HASH)
    index = HashIndex()
    index.add(hashes, pack_labels(n.to_bytes(16) for n in range(len(held))))
    hits = index.search(hashes, radius=31)
    others = hits.labels[:, 8:].copy().view(">u8").reshape(-1)
    near: dict[bytes, dict[int, Neighbour]] = {}
    for query, other in zip(hits.queries.tolist(), others.tolist(), strict=True):
        report_id, theirs = held[other]
        mine = held[query][1]
        apart = (int.from_bytes(mine, "big") ^ int.from_bytes(theirs, "big")).bit_count()
        near.setdefault(mine, {})[other] = report_id, theirs, apart
    return {pdq: list(found.values()) for pdq, found in near.items()}
