"""Client of partners' list sources, whatever their protocol: one page, for import or for a test."""

from datetime import datetime
from typing import Final

from fanal.connectors import hashsharing, taxii
from fanal.connectors.outside import Door
from fanal.exchange.domain.records import ListSource, RemotePage, Service

_FETCHERS: Final = {
    Service.HASHSHARING: hashsharing.fetch_page,
    Service.TAXII: taxii.fetch_page,
}


def fetch_page(
    door: Door, *, source: ListSource, secret: str, position: str, now: datetime
) -> RemotePage:
    """Return the page of a partner's list at the checkpoint `position`, in the source's protocol.

    `position` is an opaque text, "" at the start. Nothing is stored, so it also tests a connection. `door` is
    the HTTPS client, `secret` the password for `source.login`.

    Raises:
        OutsideRefused: the server gave no usable response; the code is the reason.
        FormatRefused: the response is no valid page.
    """
    return _FETCHERS[source.kind](door, source=source, secret=secret, position=position, now=now)
