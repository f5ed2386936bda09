"""Subscriber-data retention window: how long a provider can still name the user of an address or account.

The address is an IP address. Pure, from dated rules. An address counts from the instant of its use, under the
rule of its country in force that day; an account from the receipt of the report. Windows in months end with
their day in Europe/Paris, windows in days count from the instant. Without a known rule there is no deadline:
a guess would suggest that time is left.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from msgspec import Struct

from fanal.formats.report.records import IpSighting, PersonRole
from fanal.harmonise.domain.computed import captured_addresses
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.kernel.calendar import add_months, end_of_day, paris_day, read_instant
from fanal.reference import Asking, Catalogue

HOME = "FR"
"""Country assumed for an address without one, since the report came to this national desk."""


class Askable(Struct, frozen=True, kw_only=True):
    """An IP address in use at `used_at`, whose subscriber the access provider can still name until `until`.

    `value` is the address, `rule` the retention rule that gives the deadline. `assumed`: the address had no
    country, so that the rule of the desk's country was taken.
    """

    value: str
    used_at: datetime
    until: datetime
    rule: Asking
    assumed: bool
    """The address had no country, so the desk's was assumed."""

    @property
    def unchecked(self) -> bool:
        """Whether the retention rule was not verified in an official text; then it is only a hint."""
        return self.rule.unchecked(paris_day(self.used_at))


def ask_owner(
    report: HarmonisedReport,
    *,
    catalogue: Catalogue,
    captured: Sequence[IpSighting] | None = None,
) -> Askable | None:
    """Return the suspects' IP address whose subscriber can be requested for longest; None without any.

    `catalogue` holds the dated rules; `captured` are the addresses captured with files, if the caller has
    already read them.
    """
    found = list(askable_of(report, catalogue=catalogue, captured=captured))
    return max(found, key=lambda asked: (asked.until, asked.value)) if found else None


def askable_of(
    report: HarmonisedReport,
    *,
    catalogue: Catalogue,
    captured: Sequence[IpSighting] | None = None,
) -> Iterator[Askable]:
    """Yield each dated address of a suspect with its request deadline, in the order of the report.

    Addresses captured with files come last. The retention rule (in `catalogue`) is that of the country of the
    suspect (for captured addresses: of the only suspect), else of the report's place, else of the desk. An
    address without a known rule is left out. `captured` spares the search for captured addresses if the
    caller has them.
    """
    suspects = [person for person in report.persons if person.role is PersonRole.SUSPECT]
    place = report.place.country if report.place else None
    seen = [(ip, person.country or place) for person in suspects for ip in person.ips]
    alone = suspects[0].country if len(suspects) == 1 else None
    captured = captured_addresses(report) if captured is None else captured
    seen += [(ip, alone or place) for ip in captured]
    for ip, country in seen:
        asked = _ask(ip, (country or HOME).upper(), catalogue)
        if asked is not None:
            yield Askable(
                value=ip.value,
                used_at=asked[0],
                until=asked[1],
                rule=asked[2],
                assumed=country is None,
            )


def ask_provider(
    *, platform: str | None, received_at: datetime, catalogue: Catalogue
) -> tuple[datetime, Asking] | None:
    """Return until when the reporting service keeps its data, and the retention rule that says so.

    The rule is the service's own, or the general one; None if neither is in force on the day of receipt
    (`received_at`). `platform` is the service's name as reported, None if unknown; `catalogue` holds the
    rules.
    """
    rules = catalogue.in_force(Asking, paris_day(received_at))
    of_accounts = {r.value.provider.casefold(): r for r in rules if r.value.subject == "ACCOUNT"}
    rule = of_accounts.get((platform or "").casefold()) or of_accounts.get("*")
    return None if rule is None else (deadline(rule, received_at), rule)


def deadline(rule: Asking, start: datetime) -> datetime:
    """Return the last instant for a subscriber-data request: `start` plus the retention period of `rule`."""
    if rule.value.unit == "DAYS":
        return start.astimezone(UTC) + timedelta(days=rule.value.length)
    return _month_end(rule, paris_day(start))


def instant_of(value: str | None) -> datetime | None:
    """Return the instant of a text, in UTC if it has no zone; None if it is no instant."""
    instant = read_instant(value)
    return instant.replace(tzinfo=instant.tzinfo or UTC) if instant else None


def _ask(
    ip: IpSighting, country: str, catalogue: Catalogue
) -> tuple[datetime, datetime, Asking] | None:
    used = instant_of(ip.at)
    if used is None:
        return None
    try:
        found = _rule(catalogue, country, paris_day(used))
        if found is None:
            return None
        rule, until = found
        return used, deadline(rule, used) if until is None else until, rule
    except (OverflowError, ValueError):
        return None  # a year outside the calendar


@lru_cache(maxsize=4096)
def _rule(catalogue: Catalogue, country: str, day: date) -> tuple[Asking, datetime | None] | None:
    """Return the retention rule of a country's addresses on a day, and the deadline if the day sets it.

    The deadline is None if it depends on the instant of use; the result is None without a rule on that day.
    """
    rule = catalogue.by_code(Asking, f"ADDRESS_{country}", day)
    if rule is None:
        return None
    return rule, None if rule.value.unit == "DAYS" else _month_end(rule, day)


def _month_end(rule: Asking, day: date) -> datetime:
    return end_of_day(add_months(day, rule.value.length))
