"""The second set of labelled reports: drafts by label, with common values and traps, written by senders."""

from benchmarks.second_world.desks import DESKS
from benchmarks.second_world.facts import BondedTold, Draft, bonds_of
from benchmarks.second_world.labels import Labels, sizes
from benchmarks.second_world.names import Civil
from benchmarks.second_world.stock import Stock
from benchmarks.second_world.strangers import Strangers
from benchmarks.second_world.surroundings import Surroundings
from benchmarks.second_world.writer import Writer
from benchmarks.truth.dice import Dice
from benchmarks.truth.telling import Told


class World:
    """A set of `size` labelled reports; the same size and seed give the same reports."""

    def __init__(self, size: int, *, seed: int = 41) -> None:
        self.size, self.seed = size, seed

    def reports(self) -> list[Told]:
        """Return the reports in order of arrival; each is a `BondedTold`."""
        return list(self.bonded())

    def bonded(self) -> list[BondedTold]:
        """Return the reports in order of arrival, with the evidence that joins each to its label."""
        stock, people = Stock(Dice(self.seed)), dict[str, Civil]()
        surroundings, labels = Surroundings(stock, self.size), Labels(stock, people)
        drafts = [
            draft
            for label, reports in enumerate(sizes(stock, self.size))
            for draft in labels.drafts(label, reports)
        ]
        drafts.sort(key=lambda draft: draft.at)
        Strangers(stock, people, drafts).add()
        for draft in drafts:
            surroundings.add(draft)
        told = [self._written(stock, people, draft, place) for place, draft in enumerate(drafts)]
        _set_bonds(told)
        return told

    def _written(
        self, stock: Stock, people: dict[str, Civil], draft: Draft, place: int
    ) -> BondedTold:
        writer = Writer(stock, people, draft)
        reference = f"{DESKS[draft.desk].prefix}{26_000_000 + place}"
        body = writer.write(reference)
        return BondedTold(
            reference,
            draft.label,
            body,
            draft.at,
            frozenset(draft.traps),
            clues=tuple(writer.clues),
        )


def _set_bonds(told: list[BondedTold]) -> None:
    by_label: dict[int, list[BondedTold]] = {}
    for report in told:
        by_label.setdefault(report.label, []).append(report)
    for reports in by_label.values():
        bonds = bonds_of([report.clues for report in reports])
        for report, bond in zip(reports, bonds, strict=True):
            report.bond = bond
