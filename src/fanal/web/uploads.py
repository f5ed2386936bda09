"""The file of a form: held in memory while the form is read, never written to disk in clear."""

import io

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import InMemoryUploadedFile, UploadedFile
from django.core.files.uploadhandler import FileUploadHandler

from fanal.casework.domain.proofs import MAX_FILE, ProofFile

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
    """Form field for the file that proves a step of an official act; None without one."""

    widget = forms.FileInput

    def clean(self, value: "UploadedFile[bytes] | None") -> ProofFile | None:
        """Return the posted file as the proof of an official act's step; None without a file.

        Raises:
            ValidationError: FILE_TOO_LARGE.
        """
        if value is None:
            return None
        if (value.size or 0) > MAX_FILE:
            raise ValidationError("", code="FILE_TOO_LARGE")
        return ProofFile(
            content=value.read(), name=value.name or "", media_type=value.content_type or ""
        )
