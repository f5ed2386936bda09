"""Report formats in which a document holds one report: parsers, and the check of the law they rest on."""

from collections.abc import Callable, Mapping
from datetime import datetime

import click

from fanal import reference
from fanal.cli.failures import CommandRefused
from fanal.formats.com209 import read_provider_report
from fanal.formats.dsa18 import read_notification
from fanal.formats.ncmec_json import read_export
from fanal.formats.xarf import read_xarf
from fanal.intake.domain.records import Format
from fanal.kernel.calendar import paris_day

trial = click.option(
    "--even-if-not-in-force",
    is_flag=True,
    help="Allow a format whose law is not in force, as a trial.",
)
"""The option `--even-if-not-in-force`, for commands that read and write such formats."""
Envelope = tuple[str, bool]
"""The reference of a report (empty if it has none), and whether the report is urgent."""


def _export(body: bytes) -> Envelope:
    return read_export(body).text("reportId"), False


def _xarf(body: bytes) -> Envelope:
    return read_xarf(body).text("report_id"), False


def _dsa18(body: bytes) -> Envelope:
    found, report = read_notification(body)
    return found.notification_id, report.emergency or found.stage in {"ONGOING", "LIKELY"}


def _com209(body: bytes) -> Envelope:
    found, report = read_provider_report(body)
    return found.report_id, report.emergency or found.urgent


READERS: Mapping[Format, Callable[[bytes], Envelope]] = {
    Format.NCMEC_JSON: _export,
    Format.XARF: _xarf,
    Format.DSA_18: _dsa18,
    Format.COM_2022_209: _com209,
}
"""The parser of each format, run before the document is sealed. Each raises FormatRefused."""


def require_in_force(format_: str, *, now: datetime, even_if_not: bool) -> None:
    """Check that the law which prescribes the report format `format_` is in force on the day of `now`.

    `even_if_not` allows it all the same, as a trial. A format that no law prescribes passes.

    Raises:
        CommandRefused: NOT_IN_FORCE: the reference data has laws for this format, none in force that day.
    """
    day = paris_day(now)
    law = reference.load()
    made = [i for i in law.entries(reference.Instrument) if i.value.format == format_]
    in_force = any(i.in_force(day) and i.value.status == "IN_FORCE" for i in made)
    if made and not in_force and not even_if_not:
        raise CommandRefused("NOT_IN_FORCE", text=made[0].code, entry=made[0].entry_id)
