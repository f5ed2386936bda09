"""Takes an uploaded file off the socket into an unlinked temporary file, up to a limit.

The vault seals it in one pass from there: memory stays flat, and nothing readable has a name on disk.
"""

import io
import tempfile
from typing import IO

from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, StopUpload
from django.http import HttpRequest

MAX_FILE = 500 * 1024 * 1024


class Spool(UploadedFile):  # type: ignore[type-arg]
    """An uploaded file in an unlinked temporary file."""


class Counted:
    """A request's body, counted as it is read: one that ends early is no whole upload."""

    def __init__(self, request: HttpRequest) -> None:
        stated = request.META.get("CONTENT_LENGTH") or "0"
        self._request, self._left = request, int(stated) if stated.isdigit() else 0

    def read(self, size: int | None = None, /) -> bytes:
        """Return up to `size` bytes."""
        block = bytes(self._request.read(-1 if size is None else size))
        self._left -= len(block)
        return block

    @property
    def is_cut(self) -> bool:
        """Whether less arrived than the headers promised."""
        return self._left > 0


class SpoolHandler(FileUploadHandler):
    """Streams one file to a spool; a file over `MAX_FILE` stops the upload."""

    chunk_size = 1 << 20
    is_too_large = False

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(request)
        self._file: IO[bytes] = io.BytesIO()

    def new_file(  # noqa: PLR0917 - the signature of the base class
        self,
        field_name: str,
        file_name: str,
        content_type: str,
        content_length: int | None,
        charset: str | None = None,
        content_type_extra: dict[str, bytes] | None = None,
    ) -> None:
        """Start a spool."""
        super().new_file(
            field_name, file_name, content_type, content_length, charset, content_type_extra
        )
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the spool

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Append a chunk.

        Raises:
            StopUpload: over the limit.
        """
        if start + len(raw_data) > MAX_FILE:
            self.upload_interrupted()
            self.is_too_large = True
            raise StopUpload(connection_reset=False)
        self._file.write(raw_data)

    def upload_interrupted(self) -> None:
        """Drop what arrived of a file that ended early."""
        self._file.close()

    def file_complete(self, file_size: int) -> Spool:
        """Return the spool, rewound."""
        self._file.seek(0)
        return Spool(file=self._file, name=self.file_name, size=file_size)
