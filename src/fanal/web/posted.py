"""What a form posted, however large or odd its body: read as far as it can be, so that it is given back."""

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
"""Bytes of a form's body: some twenty times what the fullest form of the site may hold."""
MOST_SIGNS = 300_000
"""Quotation marks, brackets and the like that are given back: a page writes six characters for each."""
MOST_FIELDS = 1000
UNREADABLE = (
    BadRequest,
    MultiPartParserError,
    RequestDataTooBig,
    TooManyFieldsSent,
    TooManyFilesSent,
)
"""What Django raises for a form that it does not read: too large, too many fields, of another encoding."""

WRITTEN = (
    "address", "contact", "conversation", "description", "grounds", "members", "motive", "names",
    "reason", "reasons", "summary", "suspect_contact", "text", "words",
)  # fmt: skip
"""Every field of several lines, on any page; no password, code or token is among them."""
WORTH_KEEPING = 20
"""Characters from which a text is given back: a word is typed again."""
_READ = "fanal_posted"
_HALF_A_BYTE = re.compile(rb"%[0-9A-Fa-f]?\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """The fields of a form; `whole` is false where only its beginning was read, or is given back."""

    fields: dict[str, str]
    whole: bool = True

    def get(self, name: str) -> str:
        """Return what a field holds, empty when the form has none of that name."""
        return self.fields.get(name, "")


def read_posted(request: HttpRequest) -> Posted:
    """Return what a form holds; of one that Django refuses, the fields at the beginning of its body.

    Raises:
        UnreadablePostError: the sender went away.
    """
    known = request.__dict__.get(_READ)
    if not isinstance(known, Posted):
        known = request.__dict__[_READ] = _bounded(_read(request))
    return known


def written(request: HttpRequest) -> tuple[str, ...]:
    """Return what a person wrote at length into the form that this request posted, in its order."""
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
    # Once Django has answered such a failure, it shows an empty form.
    beginning = {} if fields else _beginning(request)
    return Posted(fields=fields or beginning, whole=not beginning)


def _bounded(posted: Posted) -> Posted:
    """Return what is given back of a form: of texts made of signs that swell on a page, the beginning."""
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
            return {}  # it came in pieces, and its beginning is gone
        body = request.read(MOST_READ)
    except RawPostDataException:
        return {}  # several parts, of which some were read
    pairs = (pair.partition(b"=") for pair in body.split(b"&", MOST_FIELDS)[:MOST_FIELDS])
    return {_text(name): _text(value) for name, _, value in pairs if name}


def _text(value: bytes) -> str:
    whole = _HALF_A_BYTE.sub(b"", value.replace(b"+", b" "))
    return unquote_to_bytes(whole).decode(errors="replace")
