"""Middleware that makes bidirectional control characters visible on every page.

U+202E makes `gpj.exe` look like `exe.jpg`: names, texts, notes and file names come from strangers. Whole
pages are processed, so that no template can omit it. Fields for editing keep the text as typed: they are
posted back.
"""

import re
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from fanal.kernel.texts import written_out

_FIRST_OCTETS = (b"\xe2\x80", b"\xe2\x81", b"\\u20")
_TURNING_IN_SCRIPT = re.compile(r"\\u(202[a-e]|206[6-9])", re.IGNORECASE)
_KEPT = re.compile(
    r"(<textarea\b.*?</textarea\s*>|<input\b[^>]*>|<script\b.*?</script\s*>)",
    re.IGNORECASE | re.DOTALL,
)
_PAGE = "text/html"


def directions_written_out(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Return a Django middleware that shows bidirectional controls in HTML pages as `⟨U+202E⟩`."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        is_page = response.get("Content-Type", "").startswith(_PAGE)
        if (
            is_page
            and isinstance(response, HttpResponse)
            and not response.has_header("Content-Encoding")
            and any(octets in response.content for octets in _FIRST_OCTETS)
        ):
            response.content = write_out(response.content.decode(response.charset)).encode(
                response.charset
            )
            if response.has_header("Content-Length"):
                response["Content-Length"] = str(len(response.content))
        return response

    return middleware


def write_out(page: str) -> str:
    """Return the HTML `page` with bidirectional controls written out, except in form fields.

    In scripts, only those written as an escape are changed.
    """
    return "".join(
        _part(part, is_kept=place % 2 == 1) for place, part in enumerate(_KEPT.split(page))
    )


def _part(part: str, *, is_kept: bool) -> str:
    if not is_kept:
        return written_out(part)
    if part[:7].lower() == "<script":
        return _TURNING_IN_SCRIPT.sub(lambda found: f"⟨U+{found[1].upper()}⟩", part)
    return part
