"""Takes an uploaded file off the socket into an unlinked temporary file, up to a limit.

The vault seals it in one pass from there: memory stays flat, and nothing readable has a name on disk.
"""

import tempfile

from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, StopUpload

MAX_FILE = 500 * 1024 * 1024


class Spool(UploadedFile):  # type: ignore[type-arg]
    """An uploaded file in an unlinked temporary file."""


class SpoolHandler(FileUploadHandler):
    """Streams one file to a spool; a file over `MAX_FILE` stops the upload."""

    chunk_size = 1 << 20

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
            self._file.close()
            raise StopUpload(connection_reset=False)
        self._file.write(raw_data)

    def file_complete(self, file_size: int) -> Spool:
        """Return the spool, rewound."""
        self._file.seek(0)
        return Spool(file=self._file, name=self.file_name, size=file_size)
