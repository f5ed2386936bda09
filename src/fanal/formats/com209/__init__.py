"""A provider's report of potential child sexual abuse: the fields of article 13(1), proposal COM(2022)209.

The proposal is not in force: callers check the reference data before reading or writing this format. The
letters (a) to (k) in this module are those of the paragraph; content, available data and users ((c), (d) and
(g)) are in the enclosed report.
"""

from typing import Literal

from msgspec import structs

from fanal.formats.envelope import (
    Part,
    Provider,
    from_leaves,
    read_envelope,
    write_envelope,
    written_report,
)
from fanal.formats.ncmec.instants import is_instant
from fanal.formats.refusal import DocumentFault, FormatRefused
from fanal.formats.report.records import Report, ReportKind

_SOLICITED = frozenset({ReportKind.GROOMING, ReportKind.SOLICITATION, ReportKind.SEXTORTION})


class Location(Part, frozen=True, kw_only=True):
    """The origin of the potential abuse, as far as an IP address shows it (article 13(1)(f)).

    `ip` and `port` are the source address of the upload, `at` its instant, `time_zone` the time zone that
    belongs to it, `country` its country. None: not stated.
    """

    ip: str | None = None
    port: int | None = None
    time_zone: str | None = None
    country: str | None = None
    at: str | None = None


class ThirdCountry(Part, frozen=True, kw_only=True):
    """A country outside the Union in which the potential abuse was also reported (article 13(1)(h)).

    `body` is the authority or organisation that received the report there, `reference` its reference, `at`
    the date; None if not stated.
    """

    country: str
    body: str | None = None
    reference: str | None = None
    at: str | None = None


class ProviderReport(Part, frozen=True, kw_only=True):
    """The fields of article 13(1) of COM(2022)209 that a provider's report adds to the enclosed report.

    `format` is the mark of the format, `report_id` the provider's id, `issued_at` the date of issue,
    `signature` the signature that authenticates it. `abuse` are the kinds of potential abuse: known or new
    material, or solicitation of children. `locations` are its origins by IP address, `third_countries` those
    where it was also reported. `access` is whether the content was removed, disabled or is still available,
    since `access_changed_at`. `urgent`: it requires immediate action. `legal_basis` and `detection_order` are
    the provider's grounds for detecting it. Dates are texts; a None or empty field was not stated.
    """

    format: Literal["fanal/com-2022-209-13/1"]
    report_id: str
    provider: Provider  # (a)
    issued_at: str  # (b)
    signature: str | None = None  # (b)
    other_data: str | None = None  # (d)
    abuse: tuple[Literal["KNOWN", "NEW", "SOLICITATION"], ...]  # (e)
    locations: tuple[Location, ...] = ()  # (f)
    third_countries: tuple[ThirdCountry, ...] = ()  # (h)
    access: Literal["REMOVED", "DISABLED", "AVAILABLE"] | None = None  # (i)
    access_changed_at: str | None = None  # (i)
    urgent: bool  # (j)
    legal_basis: str | None = None  # (k)
    detection_order: str | None = None  # (k)


def read_provider_report(body: bytes) -> tuple[ProviderReport, Report]:
    """Parse a provider's report under article 13; return (its own fields, the enclosed report).

    Raises:
        FormatRefused: not such a report, an empty id, no kind of abuse, or a malformed instant.
    """
    found, report = read_envelope(body, ProviderReport)
    if not found.report_id.strip():
        raise FormatRefused(DocumentFault.MISSING_FIELD, "report_id")
    if not found.abuse:
        raise FormatRefused(DocumentFault.MISSING_FIELD, "abuse")
    instants = [("issued_at", found.issued_at), ("access_changed_at", found.access_changed_at)]
    instants += [(f"locations[{n}]/at", i.at) for n, i in enumerate(found.locations, start=1)]
    instants += [(f"third_countries[{n}]/at", c.at) for n, c in enumerate(found.third_countries, 1)]
    for path, text in instants:
        if text is not None and not is_instant(text):
            raise FormatRefused(DocumentFault.BAD_DATE, path)
    return found, report


def provider_report_of(
    report: Report, *, pairs: list[tuple[str, str]], provider: str, received_at: str
) -> bytes:
    """Serialise a report as JSON of article 13: with its original fields (`pairs`), else derived ones.

    `pairs` are the (path, value) pairs of the envelope that the report came in, if any (`envelope.leaves`).
    Derived fields state no more than the report: solicitation by its kind, otherwise new material. For these,
    `provider` is the name of the provider and `received_at` becomes the date of issue. Associated persons,
    which the enclosed report may not hold, become text in `other_data`.
    """
    kept, told = written_report(report, pairs=pairs)
    found = from_leaves(pairs, ProviderReport) or _drawn(
        kept, provider=provider, received_at=received_at
    )
    if told:
        given = found.other_data
        found = structs.replace(found, other_data=f"{given}\n{told}" if given else told)
    return write_envelope(found, kept)


def _drawn(report: Report, *, provider: str, received_at: str) -> ProviderReport:
    return ProviderReport(
        format="fanal/com-2022-209-13/1",
        report_id=report.reference,
        provider=Provider(name=provider),
        issued_at=received_at,
        abuse=("SOLICITATION",) if report.kind in _SOLICITED else ("NEW",),
        locations=tuple(
            Location(ip=seen.value, port=seen.port, country=person.country, at=seen.at)
            for person in report.persons
            for seen in person.ips
        ),
        urgent=report.emergency,
    )
