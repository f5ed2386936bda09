"""Forms of pages: they parse posted fields into typed values, and keep the texts as they were typed.

A form only parses. A missing text is an empty one: the operation refuses it, with its own code. An uploaded
file is held in memory while the form is read, never written to disk unencrypted.
"""

import io
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from datetime import datetime, time, timedelta
from hashlib import sha256
from typing import Self
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import InMemoryUploadedFile, UploadedFile
from django.core.files.uploadhandler import FileUploadHandler
from django.http import HttpRequest

from fanal.casework.domain.proofs import MAX_FILE, ProofFile
from fanal.kernel.calendar import PARIS, paris_day, read_day
from fanal.kernel.refusal import Refusal
from fanal.web.account.actors import now_of

_REFUSED = object()


def digest_of(shown: Collection[UUID]) -> str:
    """Return a digest of a set of ids, which a form sends back to say which objects its page showed.

    32 hexadecimal digits; the order of the ids does not matter.
    """
    return sha256(b"".join(sorted(one.bytes for one in shown))).hexdigest()[:32]


class Parsed(forms.Field):
    """Form field whose value is `parse(text)`; unreadable if that raises ValueError or returns None.

    `code`: the refusal of an unreadable text; `otherwise`: the value of an unreadable text instead of a
    refusal. `posted`: the field's name in the page, if another. An optional field (`required=False`) left
    blank gives None.
    """

    def __init__(
        self,
        parse: Callable[[str], object] = str,
        code: str = "",
        *,
        posted: str = "",
        required: bool = True,
        otherwise: object = _REFUSED,
    ) -> None:
        super().__init__(required=required)
        self.parse, self.code, self.posted, self.otherwise = parse, code, posted, otherwise

    def clean(self, value: str | None) -> object:
        """Return the parsed value of a posted text; `otherwise`, if the field has one, for an unreadable one.

        None for a blank text if the field is optional.

        Raises:
            ValidationError: the text is unreadable, and the field has no `otherwise`.
        """
        typed = value or ""
        if not self.required and not typed.strip():
            return None
        with suppress(ValueError):
            if (found := self.parse(typed)) is not None:
                return found
        if self.otherwise is _REFUSED:
            raise ValidationError("", code=self.code)
        return self.otherwise


class Several(Parsed):
    """Form field that is posted once for each choice (checkboxes); its value is a list of parsed values."""

    widget = forms.MultipleHiddenInput

    def clean(self, value: list[str]) -> object:  # type: ignore[override] # of this widget
        """Return the list of the values of the posted texts (`value`), each parsed, in their order.

        A blank text is no choice and is left out. An unreadable one gives `otherwise`, if the field has one.

        Raises:
            ValidationError: a text is unreadable, and the field has no `otherwise`.
        """
        return [super(Several, self).clean(typed) for typed in value if typed.strip()]


def text(*, posted: str = "") -> Parsed:
    """Return a form field for a text, whose value has no white space around it.

    `posted` is the field's name in the page, if another.
    """
    return Parsed(str.strip, posted=posted)


def lines() -> Parsed:
    """Return a form field for a text of several lines; its value has line feeds (LF) as line ends."""
    return Parsed(lambda typed: typed.replace("\r\n", "\n"))


def midnight(typed: str, *, days: int = 0) -> datetime | None:
    """Return the beginning of a typed day in Europe/Paris, `days` later; None if the text is no day."""
    day = read_day(typed)
    return datetime.combine(day + timedelta(days=days), time(), PARIS) if day else None


class PostedForm(forms.Form):
    """Base of the forms of pages: the posted fields of one act, as typed values. Made from the request.

    A field's name is that of an argument of the operation to call; `Parsed.posted` names it in the page.
    """

    refuses = ""
    """The kind of the refusals that the fields' codes name."""

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(request.POST, request.FILES)
        self.request = request

    def add_prefix(self, field_name: str) -> str:
        """Return the name that the field `field_name` has in the posted form."""
        return getattr(self.fields.get(field_name), "posted", "") or field_name

    def checked(self) -> Self:
        """Return this form, with the values of its fields in `cleaned_data`, as arguments of the operation.

        Raises:
            Refusal: with the code of the first unreadable field, and the form's kind `refuses`.
            ValueError: that field has no code.
        """
        if not self.is_valid():
            code = next(iter(self.errors.as_data().values()))[0].code
            raise Refusal(self.refuses, code) if code else ValueError("unreadable field")
        return self

    @property
    def typed(self) -> Mapping[str, object]:
        """The fields as they were typed, by their names in the page, to fill a refused form again."""
        return {field.html_name: field.data or "" for field in self}


class DatedForm(PostedForm):
    """Base of forms of permissions with a first day (`valid_from`), read as midnight; today means now."""

    def clean_valid_from(self) -> datetime:
        """Return the instant from which the permission of the form is valid.

        Midnight of the posted day in Europe/Paris, or now if that day is today.
        """
        begins: datetime = self.cleaned_data["valid_from"]
        now = now_of(self.request)
        return now if paris_day(begins) == paris_day(now) else begins


FIELD = "file"
"""Name of the form field of a file; files of other fields are discarded."""


class HeldInMemory(FileUploadHandler):
    """Django's upload handler for all forms: holds one file, of the field `file`, in memory.

    A file above 10 MB (`MAX_FILE`) is read to its end and discarded, so that the form's other fields arrive;
    its size shows the view that it was too large.
    """

    _held: bytearray | None = None

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Append a piece of the file (`raw_data`) to the one in memory, unless it is already too large."""
        if self.field_name != FIELD:
            return
        if self._held is None or start == 0:
            self._held = bytearray()
        if len(self._held) <= MAX_FILE:
            self._held += raw_data

    def file_complete(self, file_size: int) -> "UploadedFile[bytes] | None":
        """Return the file with its true size; its content is empty if it is too large.

        None for a file of another form field.
        """
        if self.field_name != FIELD:
            return None
        held, self._held = self._held or bytearray(), None
        return InMemoryUploadedFile(
            file=io.BytesIO(held if file_size <= MAX_FILE else b""),
            field_name=FIELD,
            name=self.file_name,
            content_type=self.content_type,
            size=file_size,
            charset=self.charset,
            content_type_extra=self.content_type_extra,
        )


class Proof(forms.Field):
    """Form field for the file that proves a step of an official act, at most 10 MB (`MAX_FILE`).

    Its cleaned value is a `ProofFile`, or None if no file was posted.
    """

    widget = forms.FileInput

    def clean(self, value: "UploadedFile[bytes] | None") -> ProofFile | None:
        """Return the posted file as the proof of an official act's step; None without a file.

        Raises:
            ValidationError: FILE_TOO_LARGE (over 10 MB).
        """
        if value is None:
            return None
        if (value.size or 0) > MAX_FILE:
            raise ValidationError("", code="FILE_TOO_LARGE")
        return ProofFile(
            content=value.read(), name=value.name or "", media_type=value.content_type or ""
        )
