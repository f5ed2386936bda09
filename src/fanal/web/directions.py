"""What turns the direction of letters is written out on every page, wherever a sender put it.

U+202E makes `gpj.exe` of `exe.jpg`: names, texts, notes and files come from strangers. Pages are mended as a
whole, so that no template can forget it. What a person edits stays as it was typed: fields are sent back.
"""

import re
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

_FIRST_OCTETS = (b"\xe2\x80", b"\xe2\x81", b"\\u20")
_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")
_TURNING_IN_SCRIPT = re.compile(r"\\u(202[a-e]|206[6-9])", re.IGNORECASE)
_KEPT = re.compile(
    r"(<textarea\b.*?</textarea\s*>|<input\b[^>]*>|<script\b.*?</script\s*>)",
    re.IGNORECASE | re.DOTALL,
)
_PAGE = "text/html"


def directions_written_out(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Return middleware that shows marks of direction in pages as `⟨U+202E⟩`."""

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
    """Return `page` with each mark of direction written out, but in fields that are sent back."""
    return "".join(
        _part(part, is_kept=place % 2 == 1) for place, part in enumerate(_KEPT.split(page))
    )


def _part(part: str, *, is_kept: bool) -> str:
    if not is_kept:
        return _TURNING.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", part)
    if part[:7].lower() == "<script":
        return _TURNING_IN_SCRIPT.sub(lambda found: f"⟨U+{found[1].upper()}⟩", part)
    return part
