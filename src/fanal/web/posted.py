"""Posted form fields, read even from bodies that Django refuses, so that typed texts can be shown again."""

import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from django.core.exceptions import (
    BadRequest,
    RequestDataTooBig,
    TooManyFieldsSent,
    TooManyFilesSent,
)
from django.http import HttpRequest
from django.http.multipartparser import MultiPartParserError
from django.http.request import RawPostDataException

MOST_READ = 8 * 1024 * 1024
"""Bytes read of a form's body: some twenty times the largest form of the site."""
MOST_SIGNS = 300_000
"""Maximum characters to be HTML-escaped (up to six bytes each) in the text given back."""
MOST_FIELDS = 1000
UNREADABLE = (
    BadRequest,
    MultiPartParserError,
    RequestDataTooBig,
    TooManyFieldsSent,
    TooManyFilesSent,
)
"""Exceptions of Django for an unreadable form: too large, too many fields, wrong encoding."""

WRITTEN = (
    "address", "claims", "closed", "contact", "conversation", "description", "grounds", "members", "motive",
    "names",
    "reason", "reasons", "summary", "suspect_contact", "text", "words",
)  # fmt: skip
"""Names of all multi-line fields, on any page; no password, code or token is among them."""
WORTH_KEEPING = 20
"""Minimum length of a text given back; shorter ones are quickly typed again."""
_READ = "fanal_posted"
_HALF_A_BYTE = re.compile(rb"%[0-9A-Fa-f]?\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """The fields of a posted form by name, as texts.

    `whole` is false if some fields were not read, or were cut.
    """

    fields: dict[str, str]
    whole: bool = True

    def get(self, name: str) -> str:
        """Return the posted text of the field `name`, or an empty string."""
        return self.fields.get(name, "")


def read_posted(request: HttpRequest) -> Posted:
    """Return the posted fields; of a form that Django refuses (too large, too many fields), a part of them.

    These are the fields at the beginning of the body; a multipart body already consumed in part, or a chunked
    one, gives none. Long texts may be cut. `Posted.whole` is false where something is missing. The result is
    kept for the request.

    Raises:
        UnreadablePostError: the client disconnected.
    """
    known = request.__dict__.get(_READ)
    if not isinstance(known, Posted):
        known = request.__dict__[_READ] = _bounded(_read(request))
    return known


def written(request: HttpRequest) -> tuple[str, ...]:
    """Return the long texts that a person typed into a posted form, in its order; empty if it is not a POST.

    Only texts of twenty characters or more in the fields for free text (`WRITTEN`).
    """
    if request.method != "POST":
        return ()
    fields = read_posted(request).fields
    return tuple(
        text
        for name, text in fields.items()
        if name in WRITTEN and len(text.strip()) >= WORTH_KEEPING
    )


def _read(request: HttpRequest) -> Posted:
    try:
        fields = {name: str(value) for name, value in request.POST.items()}
    except UNREADABLE:
        return Posted(fields=_beginning(request), whole=False)
    # After such an error, Django returns an empty form.
    beginning = {} if fields else _beginning(request)
    return Posted(fields=fields or beginning, whole=not beginning)


def _bounded(posted: Posted) -> Posted:
    """Return the fields, with texts cut where more than `MOST_SIGNS` characters would need HTML escaping.

    Escaping multiplies their size on the page that gives the texts back. `whole` is false where one was cut.
    """
    if sum(map(_signs, posted.fields.values())) <= MOST_SIGNS:
        return posted
    left, fields = MOST_SIGNS, dict[str, str]()
    for name, text in posted.fields.items():
        fields[name] = text if _signs(text) <= left else text[:left]
        left -= _signs(fields[name])
    return Posted(fields=fields, whole=False)


def _signs(text: str) -> int:
    return sum(map(text.count, "&<>\"'"))


def _beginning(request: HttpRequest) -> dict[str, str]:
    try:
        body = request.body
    except RequestDataTooBig:
        if not request.META.get("CONTENT_LENGTH"):
            return {}  # chunked: its beginning was consumed
        body = request.read(MOST_READ)
    except RawPostDataException:
        return {}  # multipart, partly consumed
    pairs = (pair.partition(b"=") for pair in body.split(b"&", MOST_FIELDS)[:MOST_FIELDS])
    return {_text(name): _text(value) for name, _, value in pairs if name}


def _text(value: bytes) -> str:
    whole = _HALF_A_BYTE.sub(b"", value.replace(b"+", b" "))
    return unquote_to_bytes(whole).decode(errors="replace")
