"""Quality of links on labelled reports: of certain links, of suggestions, and on traps.

A trap is a similar value in reports about different people. A certain link joins reports without a person's
judgement; a suggestion awaits one.
"""

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

import msgspec
import numpy as np
from msgspec import Struct

from benchmarks.crosscheck_near import by_kind_of, judge_near, similar_reports
from benchmarks.second_world.facts import APART, BondedTold
from benchmarks.second_world.world import World as SecondWorld
from benchmarks.truth import judge
from benchmarks.truth.returning import Returning
from benchmarks.truth.telling import Told
from benchmarks.truth.world import World
from fanal.crosscheck.all_reports import whole_of
from fanal.crosscheck.domain.cards import MARKS, Card, card_of, pack_card, read_card
from fanal.crosscheck.domain.records import OTHER
from fanal.crosscheck.domain.weights import Weights, load_weights
from fanal.crosscheck.engine.domain.rule import Pairs, certain_of, weigh
from fanal.crosscheck.engine.domain.sheet import (
    Codes,
    Flags,
    Ints,
    Points,
    Rows,
    share_kept,
    worth_of,
)
from fanal.crosscheck.linkage.engine import predict
from fanal.crosscheck.linkage.model import load, version
from fanal.crosscheck.linkage.stored import persons_table
from fanal.crosscheck.links.domain.shared_evidence import (
    Uncertain,
    certain_together,
    suspects_of,
)
from fanal.crosscheck.similar.domain.pairs import NearReport
from fanal.crosscheck.similar.domain.suggestions import LEAST, is_beyond_rule
from fanal.harmonise.domain.harmonise import harmonise_one
from fanal.harmonise.domain.records import Extra, HarmonisedReport, Source
from fanal.harmonise.domain.sources.read import read_source

_NOW = datetime(2026, 12, 31, tzinfo=UTC)
Traps = frozenset[str]
_PEER_AT = (0.5, 0.9, 0.99, 0.999)


class Found(NamedTuple):
    """Pairs of reports as numbers (`Pairs.number`), with a bit set of marks for each pair (`marks`).

    A mark is the weight class of a value that both share, such as an e-mail address.
    """

    number: Ints
    marks: Ints


class Linked(Struct, frozen=True, kw_only=True):
    """The pairs of reports that the product links by itself (`certain`) or suggests to a person.

    `marks` is (of certain pairs, of suggested pairs), each a bit set of the weight classes of the shared
    values; `uncertain` are the suggested pairs with their shared values. `hubs` is the number of values that
    so many reports share that they link none; `seconds` the elapsed time.
    """

    certain: list[judge.Pair]
    suggested: list[judge.Pair]
    marks: tuple[Ints, Ints]
    uncertain: list[Uncertain[int]]
    hubs: int
    seconds: float


def judge_world(size: int, *, seed: int, second: bool = False) -> dict[str, object]:
    """Return the quality of links on about `size` labelled reports, as figures by name.

    They are precision and recall of certain links, of suggestions and of similarity, the shape of dossiers
    (`judge.shape`), and wrong links by kind and trap. `second`: reports of the second world, whose bonds are
    known, instead of the first one.
    """
    world = SecondWorld(size, seed=seed) if second else World(size, seed=seed)
    told = world.reports()
    labels, traps = [one.label for one in told], [one.traps for one in told]
    bonds = [one.bond for one in told if isinstance(one, BondedTold)]
    reports = list(harmonised(told))
    size = len(told)
    del told  # the bodies are as large as all that follows
    packed = [pack_card(card_of(report)) for report in reports]
    weights = load_weights()
    found = link_cards(packed, weights)
    alike = list(similar_reports(reports))
    together = joined_together(found, alike, packed, weights)
    groups = judge.groups(size, [*found.certain, *together])
    printed, implied = judge.of_pairs(found.certain, labels), judge.of_groups(groups, labels)
    similar = by_kind_of(alike)
    every = [*found.suggested, *(pair for pairs in similar.values() for pair in pairs)]
    result: dict[str, object] = {
        "mode": "truth",
        "world": "second" if second else "first",
        "size": size,
        "rules": weights.version,
        "labels": len(set(labels)),
        "true_pairs": judge.true_pairs(labels),
        "certain_links": printed.pairs,
        "precision_certain": printed.precision,
        "precision_implied": implied.precision,
        "recall_implied": implied.recall,
        "joined_together": len(together),
        "precision_together": judge.of_pairs(together, labels).precision,
        **_suggestions(found.suggested, groups, labels),
        **judge.shape(groups, labels),
        "similar": {kind: _asked(pairs, groups, labels) for kind, pairs in similar.items()},
        "suggested_or_similar": _asked(every, groups, labels),
        **_model(reports, found, every, groups, labels),
        "hubs": found.hubs,
        "link_s": round(found.seconds, 2),
        "by_kind": _kinds(found, labels),
        "by_trap": judge.by_mark(_traps(found.certain, traps), labels),
        "kept_apart": _kept_apart(groups, labels, traps),
    }
    if isinstance(world, SecondWorld):
        return result | {"by_bond": by_bond(groups, every, labels, bonds)}
    return result | {"near": _near(world, reports, labels, traps)}


def by_bond(
    groups: Sequence[int],
    suggested: Sequence[judge.Pair],
    labels: Sequence[int],
    bonds: Sequence[str],
) -> dict[str, dict[str, float | int]]:
    """Return, by kind of bond (easiest shared evidence), how many of its reports are joined to their label.

    A report is joined when its dossier holds an earlier report of its label. Keys: `reports` (their number),
    `certain` (share joined by certain links, whose dossiers are `groups`), `with_suggestions` (share if every
    right one of the `suggested` pairs is accepted too). Reports that share nothing with an earlier one
    (`APART`) are not counted.
    """
    right = [(a, b) for a, b in suggested if labels[a] == labels[b]]
    accepted = judge.groups(len(labels), [*enumerate(groups), *right])
    counted: dict[str, list[int]] = {}
    seen: set[tuple[int, int, bool]] = set()
    for label, bond, one, two in zip(labels, bonds, groups, accepted, strict=True):
        dossiers = (label, one, False), (label, two, True)
        if bond not in APART:
            held = counted.setdefault(bond, [0, 0, 0])
            held[0] += 1
            held[1] += dossiers[0] in seen
            held[2] += dossiers[1] in seen
        seen.update(dossiers)
    return {
        bond: {
            "reports": n,
            "certain": round(certain / n, 4),
            "with_suggestions": round(both / n, 4),
        }
        for bond, (n, certain, both) in sorted(counted.items(), key=lambda item: -item[1][0])
    }


def judge_near_alone(size: int, *, seed: int) -> dict[str, object]:
    """Return the quality of the similarity search alone on about `size` labelled reports (`judge_near`)."""
    world = World(size, seed=seed)
    told = world.reports()
    labels, traps = [one.label for one in told], [one.traps for one in told]
    return {"mode": "near", **_near(world, list(harmonised(told)), labels, traps)}


def _near(
    world: World,
    reports: Sequence[HarmonisedReport],
    labels: Sequence[int],
    traps: Sequence[Traps],
) -> dict[str, object]:
    """Return the quality of the similarity search on `reports` and added reports with altered content.

    The added reports come from `truth.returning`; `labels` and `traps` are by report.
    """
    changed = Returning(world).reports()
    both = [*reports, *harmonised(changed, start=len(reports))]
    certain = link_cards([pack_card(card_of(report)) for report in both], load_weights()).certain
    return judge_near(
        both,
        [*labels, *(one.label for one in changed)],
        [*traps, *(one.traps for one in changed)],
        groups=judge.groups(len(both), certain),
    )


def harmonised(told: Sequence[Told], *, start: int = 0) -> Iterator[HarmonisedReport]:
    """Yield the labelled reports as harmonise reads them; their ids are their positions, from `start` on."""
    for place, one in enumerate(told, start):
        source = Source(
            report_id=UUID(int=place),
            desk_id=1,
            format="report/1",
            body=msgspec.json.encode(one.body),
            received_at=_NOW,
        )
        record = harmonise_one(source.report_id, read_source(source, received_at=_NOW))
        beside = tuple(Extra(path=path, value=value) for path, value in one.beside.items())
        yield msgspec.structs.replace(record, extra=(*record.extra, *beside)) if beside else record


def link_cards(packed: Sequence[bytes], weights: Weights) -> Linked:
    """Return the pairs of packed cards by the product's own rule, as a rebuild finds them."""
    started = time.perf_counter()
    whole = whole_of(packed, weights)
    certain: list[Found] = []
    suggested: list[Found] = []
    uncertain: list[Uncertain[int]] = []
    kept = share_kept(whole.sheet.rows.mark, whole.standing, weights)
    for pairs in weigh(whole.sheet, whole.standing, weights, seated=whole.seated):
        sure, number = certain_of(pairs, weights), pairs.number(len(packed))
        doubtful = ~sure & (pairs.points >= weights.suggest - 1e-9)
        marks = _marks(pairs, whole.sheet.rows.mark)
        certain.append(Found(number[sure], marks[sure]))
        suggested.append(Found(number[doubtful], marks[doubtful]))
        uncertain += _uncertain(pairs, doubtful, whole.sheet.rows, kept, weights)
    seconds = time.perf_counter() - started
    one, two = _together(certain), _together(suggested)
    return Linked(
        certain=_ends(one.number, len(packed)),
        suggested=_ends(two.number, len(packed)),
        marks=(one.marks, two.marks),
        uncertain=uncertain,
        hubs=int(whole.groups.hub.sum()),
        seconds=seconds,
    )


def _uncertain(
    pairs: Pairs, wanted: Flags, rows: Rows, kept: Points, weights: Weights
) -> Iterator[Uncertain[int]]:
    """Yield the `wanted` pairs with the values of suspects that they share.

    `kept` is the share of points that each of the `rows` keeps.
    """
    side, points = worth_of(pairs.meetings, rows, kept, weights)
    mark, key = rows.mark[pairs.meetings.later], rows.key[pairs.meetings.later]
    for at in np.flatnonzero(wanted).tolist():
        values = range(int(pairs.first[at]), int(pairs.first[at + 1]))
        yield Uncertain(
            int(pairs.later[at]),
            int(pairs.earlier[at]),
            float(pairs.points[at]),
            [
                (weights.mark[MARKS[mark[v]]].family, int(key[v]), float(points[v]))
                for v in values
                if side[v] != OTHER and points[v] > 0
            ],
        )


def joined_together(
    found: Linked,
    alike: Sequence[tuple[int, NearReport]],
    packed: Sequence[bytes],
    weights: Weights,
) -> list[judge.Pair]:
    """Return pairs of reports that the product's rule joins only after certain links have formed dossiers.

    One pair for each two dossiers so joined. `found` are the links of the reports whose cards are `packed`,
    `alike` the similar pairs among them (`similar_reports`).
    """
    dossier = dict(enumerate(judge.groups(len(packed), found.certain)))
    held: dict[int, list[Card]] = defaultdict(list)
    for place, head in dossier.items():
        held[head].append(read_card(packed[place]))
    suspects = {head: suspects_of(cards) for head, cards in held.items()}
    similar = [
        Uncertain(later, one.other_id.int, one.strength, [], [(one.kind, one.value, one.strength)])
        for later, one in alike
    ]
    named: dict[int, int] = defaultdict(int)
    for one in suspects.values():
        for name in one.names:
            named[name] += 1
    frequent = {name for name, count in named.items() if count > weights.together.namesakes}
    joined = certain_together([*found.uncertain, *similar], dossier, suspects, weights, frequent)
    return [(link.one, link.two) for link, _ in joined]


def _marks(pairs: Pairs, mark: Codes) -> Ints:
    """Return for each pair a bit set of the marks (weight classes) of its shared values.

    `mark` is the weight class of each row of the sheet.
    """
    bits = np.left_shift(1, mark[pairs.meetings.later].astype(np.int64))
    return np.bitwise_or.reduceat(bits, pairs.first[:-1]) if len(bits) else bits


def _together(parts: Sequence[Found]) -> Found:
    return Found(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def _ends(numbers: Ints, size: int) -> list[judge.Pair]:
    later, earlier = np.divmod(numbers, size)
    return list(zip(later.tolist(), earlier.tolist(), strict=True))


def _suggestions(
    pairs: Sequence[judge.Pair], groups: Sequence[int], labels: Sequence[int]
) -> dict[str, float | int]:
    right = sum(labels[a] == labels[b] for a, b in pairs)
    return {
        "suggestions": len(pairs),
        "precision_suggestions": round(right / max(1, len(pairs)), 5),
        "recall_with_suggestions": round(judge.with_suggestions(groups, pairs, labels), 6),
    }


def _asked(
    pairs: Sequence[judge.Pair], groups: Sequence[int], labels: Sequence[int]
) -> dict[str, float | int]:
    """Return number and precision of the pairs whose reports are in different dossiers (`groups`).

    People are asked about these alone; each pair counts once. `labels` are the true persons by report.
    """
    scores = judge.of_pairs([(a, b) for a, b in pairs if groups[a] != groups[b]], labels)
    return {"pairs": scores.pairs, "precision": round(scores.precision, 5)}


def _model(
    reports: Sequence[HarmonisedReport],
    found: Linked,
    every: Sequence[judge.Pair],
    groups: Sequence[int],
    labels: Sequence[int],
) -> dict[str, object]:
    """Return the quality of the trained linkage model: as additional suggestions, and alone as a peer.

    `found` are the pairs of the product's rule, `groups` their dossiers by report, `labels` the true persons;
    `every` are the suggestions of the rule and those of similar reports.
    """
    started = time.perf_counter()
    scored = predict(persons_table(enumerate(reports)), load(), least=LEAST)
    seconds = time.perf_counter() - started
    fresh = [
        (a, b)
        for (a, b), one in scored.items()
        if groups[a] != groups[b] and is_beyond_rule(one.alike)
    ]
    both = _suggestions([*found.suggested, *fresh], groups, labels)
    peer = {}
    for least in _PEER_AT:
        pairs = [pair for pair, one in scored.items() if one.probability >= least]
        joined = judge.groups(len(labels), pairs)
        implied = judge.of_groups(joined, labels)
        peer[str(least)] = {
            "precision_printed": judge.of_pairs(pairs, labels).precision,
            "precision_implied": implied.precision,
            "recall_implied": implied.recall,
            "largest_wrong_dossier": judge.shape(joined, labels)["largest_wrong_dossier"],
        }
    return {
        "model": version(),
        "resemblances": len(fresh),
        "precision_resemblances": round(
            sum(labels[a] == labels[b] for a, b in fresh) / max(1, len(fresh)), 5
        ),
        "recall_with_all_suggestions": both["recall_with_suggestions"],
        "recall_with_similar": _suggestions([*every, *fresh], groups, labels)[
            "recall_with_suggestions"
        ],
        "splink_alone": peer,
        "splink_s": round(seconds, 2),
    }


def _kinds(found: Linked, labels: Sequence[int]) -> dict[str, dict[str, float | int]]:
    """Return number and precision of the pairs by weight class of a shared value.

    Suggested pairs are counted separately, under the name with ` (suggested)`. `found` are the pairs,
    `labels` the true person of each report.
    """
    truth, told = np.array(labels), {}
    for pairs, marks, suffix in (
        (found.certain, found.marks[0], ""),
        (found.suggested, found.marks[1], " (suggested)"),
    ):
        ends = np.array(pairs, np.int64).reshape(-1, 2)
        right = truth[ends[:, 0]] == truth[ends[:, 1]]
        for number, mark in enumerate(MARKS):
            resting = marks >> number & 1 == 1
            if resting.any():
                told[mark.value + suffix] = {
                    "pairs": int(resting.sum()), "precision": round(float(right[resting].mean()), 5)
                }  # fmt: skip
    return dict(sorted(told.items(), key=lambda item: -item[1]["pairs"]))


def _traps(pairs: Sequence[judge.Pair], traps: Sequence[Traps]) -> dict[judge.Pair, Traps]:
    """Return by pair the traps of either report; equal sets are stored once."""
    known: dict[tuple[Traps, Traps], Traps] = {}
    return {(a, b): known.setdefault((traps[a], traps[b]), traps[a] | traps[b]) for a, b in pairs}


def _kept_apart(
    groups: Sequence[int], labels: Sequence[int], traps: Sequence[Traps]
) -> dict[str, float]:
    """Return for each trap the share of its reports whose dossier holds reports of one label only.

    `groups` is the dossier of each report, `labels` its true one.
    """
    within: dict[int, set[int]] = {}
    for group, label in zip(groups, labels, strict=True):
        within.setdefault(group, set()).add(label)
    held: dict[str, list[bool]] = {}
    for group, mine in zip(groups, traps, strict=True):
        for trap in mine:
            held.setdefault(trap, []).append(len(within[group]) == 1)
    return {trap: round(sum(kept) / len(kept), 5) for trap, kept in sorted(held.items())}
