"""What the wire itself must read of a request; the rest is sealed and read by harmonise."""

from django.core.exceptions import BadRequest, SuspiciousOperation
from django.core.files.uploadhandler import StopUpload
from django.http import HttpRequest, UnreadablePostError
from django.http.multipartparser import MultiPartParserError

from fanal.api.body import FORM_LIMIT, accept_chunked, form_headers
from fanal.formats.ncmec.read import Document
from fanal.formats.refusal import FormatRefused, Refusal
from fanal.kernel.typed import whole_number

UNREADABLE = (
    MultiPartParserError,
    BadRequest,
    SuspiciousOperation,
    StopUpload,
    UnreadablePostError,
)
"""What a form that is torn, too large or in another encoding raises while it is read."""


def is_urgent(document: Document) -> bool:
    """Return whether the provider asks for high priority: such a report never waits behind others."""
    summary = document.root.child("incidentSummary")
    return summary is not None and summary.child("escalateToHighPriority") is not None


def file_reference(document: Document) -> tuple[int, str]:
    """Return the report number and file id that a details document names.

    Raises:
        FormatRefused: the report's is no number.
    """
    number = whole_number(document.text("reportId"))
    if number is None:
        raise FormatRefused(Refusal.WRONG_TYPE, "fileDetails/reportId")
    return number, document.text("fileId")


def reference_of(request: HttpRequest) -> int | None:
    """Return the `id` of a form post: url-encoded or multipart, as old clients send it.

    A body that is no form names no report.
    """
    accept_chunked(request, limit=FORM_LIMIT)
    request.META = form_headers(request, limit=FORM_LIMIT)
    try:
        return number_of(request.POST.get("id"))
    except UNREADABLE:
        return None


def number_of(text: str | None) -> int | None:
    """Return a report number out of a form's field, or None where it is none."""
    return whole_number((text or "").strip())
