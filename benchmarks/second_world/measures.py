"""Measures of the world: the evidence that joins the reports of a label, and the number of shared values.

`python -m benchmarks.second_world.measures 20000` prints them.
"""

import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from benchmarks.second_world.facts import APART, BONDS, BondedTold, bond_of, shared_values
from benchmarks.second_world.world import World

K = TypeVar("K", int, str)
_STRONG = frozenset(
    (
        "account", "email", "phone", "money", "renamed_account", "file", "platform_names", "name_and_birth",
    )
)  # fmt: skip
WEAK = tuple(bond for bond in BONDS if bond not in _STRONG)
"""Evidence that proves little alone: a page, a device, an address range, a value only in a sentence."""


@dataclass(slots=True)
class Measures:
    """Counts of reports, or of pairs of reports with one label.

    `bonds` are the reports by their bond; `given` by the number of values they give; `shared` by the largest
    number of values shared with one earlier report of the label; `pairs` are the pairs by number of shared
    values; `alone` the reports by bond that share one value in all with the earlier ones.
    """

    bonds: Counter[str] = field(default_factory=Counter)
    given: Counter[int] = field(default_factory=Counter)
    shared: Counter[int] = field(default_factory=Counter)
    pairs: Counter[int] = field(default_factory=Counter)
    alone: Counter[str] = field(default_factory=Counter)

    def joined(self) -> int:
        """Return the number of reports that share evidence with an earlier one of their label."""
        return sum(self.bonds[bond] for bond in BONDS)

    def one_weak_value(self) -> float:
        """Return the share of the joined reports whose only evidence is one value with a bond of `WEAK`."""
        return sum(self.alone[bond] for bond in WEAK) / self.joined()

    def text(self) -> str:
        """Return the measures as lines of text, in per cent."""
        joined, reports = self.joined(), self.bonds.total()
        apart = {bond: self.bonds[bond] for bond in APART}
        lines = {
            "reports": _shares({"joined": joined, **apart}, reports),
            "values given by a report": _shares(self.given, reports),
            "values shared by two reports of a label": _shares(self.pairs, self.pairs.total()),
            "most values shared with one earlier report": _shares(self.shared, joined),
            "easiest evidence": _shares({bond: self.bonds[bond] for bond in BONDS}, joined),
            "one weak value alone": f"{100 * self.one_weak_value():.1f}",
        }
        return "\n".join(f"{name}: {value}" for name, value in lines.items())


def measured(reports: Iterable[BondedTold]) -> Measures:
    """Return the measures of labelled reports, given in order of arrival."""
    labels: dict[int, list[BondedTold]] = defaultdict(list)
    found = Measures()
    for report in reports:
        found.bonds[report.bond] += 1
        found.given[len(shared_values(report.clues, report.clues))] += 1
        earlier = labels[report.label]
        shared = [shared_values(one.clues, report.clues) for one in earlier]
        found.pairs.update(map(len, shared))
        if report.bond in BONDS:
            found.shared[max(map(len, shared))] += 1
            if len({key for each in shared for key in each}) == 1:
                kinds = {bond_of(*pair) for each in shared for pair in each.values()}
                found.alone[min(kinds, key=BONDS.index)] += 1
        earlier.append(report)
    return found


def _shares(counted: Mapping[K, int], whole: int) -> str:
    return ", ".join(
        f"{name} {100 * number / whole:.1f}" for name, number in sorted(counted.items())
    )


if __name__ == "__main__":
    sys.stdout.write(f"{measured(World(int(sys.argv[1])).bonded()).text()}\n")
