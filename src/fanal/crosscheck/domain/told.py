"""What the records of a batch say in words: the values behind keys, for the reasons of links."""

from collections.abc import Sequence
from uuid import UUID

from fanal.crosscheck.domain.cards import short_key
from fanal.harmonise.domain.records import HarmonisedReport, Selector


class Told:
    """The words of reports, by their places among `ids`."""

    def __init__(self, reports: Sequence[HarmonisedReport], ids: Sequence[UUID]) -> None:
        place = {report_id: number for number, report_id in enumerate(ids)}
        self._records = {place[report.report_id]: report for report in reports}
        self._selectors: dict[int, dict[int, Selector]] = {}

    def record(self, place: int) -> HarmonisedReport:
        """Return the record of a report.

        Raises:
            KeyError: the report is not among those told.
        """
        return self._records[place]

    def selector(self, place: int, key: int) -> Selector:
        """Return the selector of a report behind a key."""
        known = self._selectors.get(place)
        if known is None:
            record = self.record(place)  # may forget the others
            known = self._selectors[place] = {
                short_key(s.kind, s.value): s for s in record.selectors
            }
        return known[key]

    def forget(self) -> None:
        """Forget all words read so far."""
        self._records, self._selectors = {}, {}
