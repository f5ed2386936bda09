"""The export of lists and reports: permission, sharing limits, and a ledger entry before the first byte."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

import click

from fanal.analyse.domain.lists import Sharing
from fanal.cli.failures import CommandRefused, tell
from fanal.formats.indicators import Indicator
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.kernel import clock
from fanal.kernel.actors import Actor
from fanal.ledger.domain.records import ObjectRef

if TYPE_CHECKING:
    from fanal.analyse.queries import ListState

DESK = "Fanal"
COLOURS = ("white", "green", "amber", "red")
_OPEN = frozenset({"white", "green"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A list to export: its state, and its items, which can be read several times.

    `writable`: whether the format can represent an item; `left_out` counts the others by kind.
    """

    state: "ListState"
    writable: Callable[[Indicator], bool]
    left_out: Counter[str] = field(default_factory=Counter)

    @property
    def changed_at(self) -> str:
        """The time of the list's last change (RFC 3339, UTC, milliseconds)."""
        return milliseconds(self.state.changed_at)

    def items(self, *, counted: bool = True) -> Iterator[Indicator]:
        """Yield the items that the format can represent; if `counted`, count the others in `left_out`.

        A withdrawn item counts as WITHDRAWN, any other once for each kind of value. Each pass counts again.
        """
        from fanal.analyse import queries

        for item in queries.items_of_list(list_id=self.state.id):
            if self.writable(item):
                yield item
            elif counted:
                self.left_out.update(["WITHDRAWN"] if item.withdrawn else list(item.values))

    def tell_left_out(self) -> None:
        """Report on standard error the items that the format cannot represent."""
        tell_left_out(self.left_out)


def open_list(
    name: str, *, as_user: str | None, format_: str, writable: Callable[[Indicator], bool],
    tlp: str | None = None,
) -> Listed:  # fmt: skip
    """Return the list `name` for export, after recording its export in the ledger.

    `writable`: whether the format can represent an item; `tlp`: the TLP colour of the export.

    Raises:
        CommandRefused: the user keeps no lists, the list does not exist, or its sharing limit forbids this.
    """
    from fanal.analyse import queries
    from fanal.cli.readers import reader
    from fanal.ledger import operations as ledger

    actor = reader(as_user, motive=f"fanal export {format_}", action="list.keep")
    state = next((found for found in queries.list_lists() if found.name == name), None)
    if state is None:
        raise CommandRefused("NO_LIST", name=name)
    sharing = state.facts.attributes.sharing
    if sharing is Sharing.DESK or (sharing is Sharing.AUTHORITIES and tlp in _OPEN):
        raise CommandRefused("LIST_STAYS", name=name, sharing=sharing)
    ledger.record(
        actor=actor, action="list.export", at=clock.now(),
        objects=[ObjectRef(kind="list", id=state.id)], detail={"format": format_},
    )  # fmt: skip
    return Listed(state=state, writable=writable)


def note_reports(actor: Actor, report_ids: Sequence[UUID], *, format_: str) -> None:
    """Record the export of reports in the ledger, and commit."""
    from fanal.ledger import operations as ledger

    if report_ids:
        ledger.record_batch(
            actor=actor, action="report.export", at=clock.now(), kind="report",
            items=[(report_id, b"") for report_id in report_ids], detail={"format": format_},
        )  # fmt: skip


def records_of(
    actor: Actor, report_ids: Sequence[UUID]
) -> dict[UUID, tuple[HarmonisedReport, str]]:
    """Return the harmonised record and time of receipt (RFC 3339) of each report; others are left out."""
    from fanal.harmonise import queries as harmonised
    from fanal.intake import queries as intake

    records = harmonised.get_records(actor=actor, report_ids=report_ids)
    facts = intake.get_reports(actor=actor, report_ids=report_ids)
    return {
        report_id: (record, milliseconds(facts[report_id].received_at))
        for report_id, record in records.items()
        if report_id in facts
    }


def one_source(*, references: Sequence[str], list_name: str | None) -> None:
    """Check that a command names either reports or a list.

    Raises:
        CommandRefused: REPORTS_OR_LIST: both, or neither.
    """
    if bool(references) is (list_name is not None):
        raise CommandRefused("REPORTS_OR_LIST")


def tell_left_out(left_out: Counter[str]) -> None:
    """Report on standard error the numbers of values, by kind, that a format cannot represent."""
    for kind, count in sorted(left_out.items()):
        tell("LEFT_OUT", count=count, kind=kind)


def milliseconds(instant: datetime) -> str:
    """Return an instant in the notation of the exchange formats (RFC 3339, UTC, milliseconds)."""
    return f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{instant.microsecond // 1000:03}Z"


list_option = click.option("--list", "list_name", metavar="NAME", help="The list to write.")
as_option = click.option("--as", "as_user", metavar="USER", help="In whose name it is written.")
tlp_option = click.option(
    "--tlp", type=click.Choice(COLOURS), default="amber", show_default=True,
    help="How far whoever receives it may pass it on.",
)  # fmt: skip
