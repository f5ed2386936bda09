"""Addresses that a source captured beside no person: where a file was uploaded from, where a peer was seen.

A provider that knows one address only, that of the upload, writes it with the file. It is the suspect's all
the same: what an access provider is asked about.
"""

import re
from typing import Final

from fanal.formats.report.records import IpSighting
from fanal.harmonise.domain.addresses import is_routable, read_ip, read_port
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.harmonise.domain.reporter import is_of_reporter

_LEAVES: Final = ("/ipAddress", "/value", "/ip")
# `ipCaptureEvent` of NCMEC's XML, `sourceCaptures` of its JSON, `locations` of COM(2022)209. Those of persons
# are in fields; what later details replaced lies under `earlier`.
_ELSEWHERE: Final = r"(?!.*/(?:earlier\[|reportedPersons|intendedRecipients))"
_CAPTURE: Final = re.compile(
    _ELSEWHERE + r"((?:.*/)?(?:ipCaptureEvent|sourceCaptures|locations)(?:\[[0-9]+\])?)/[a-zA-Z]+"
)


def captured_addresses(report: HarmonisedReport) -> tuple[IpSighting, ...]:
    """Return the addresses that a report holds beside its persons, with port and instant as written."""
    found: list[tuple[str, str]] = []
    for extra in report.extra:
        if extra.path.endswith(_LEAVES) and (place := _CAPTURE.fullmatch(extra.path)):
            read = None if is_of_reporter(extra.path) else read_ip(extra.value)
            if read is not None and is_routable(read.value):
                found.append((place[1], read.value))
    if not found:
        return ()
    beside = {extra.path: extra.value for extra in report.extra}
    return tuple(
        IpSighting(
            value=value,
            port=read_port(beside.get(f"{place}/port")),
            at=beside.get(f"{place}/dateTime") or beside.get(f"{place}/at"),
        )
        for place, value in found
    )
