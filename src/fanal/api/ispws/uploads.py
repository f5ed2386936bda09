"""Streaming of an uploaded file into an encrypted, unlinked temporary file, up to a size limit.

The vault then seals the file in one pass, in constant memory. The temporary copy is encrypted with a key
that exists only in this process and for this file: no block of it can be read later.
"""

import contextlib
import secrets
import tempfile
from collections.abc import Iterator
from typing import IO

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.core.exceptions import SuspiciousOperation
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, StopUpload
from django.http import HttpRequest

from fanal.api.body import FORM_LIMIT, accept_chunked, is_chunked
from fanal.intake.queries.work import current_limits
from fanal.kernel.typed import whole_number
from fanal.vault import queries as vault

_TAIL = 1024
_BLOCK = 1 << 20
_TAG = 16


def most_of_a_body() -> int:
    """Return the largest accepted chunked upload in bytes: the largest file plus the overhead of its form."""
    return current_limits().largest_file + FORM_LIMIT


class SealedFile:
    """A write-once unlinked temporary file, encrypted in blocks (AES-256-GCM, key in memory only).

    It lies on the vault's disk, whose free space is checked; the system's temporary folder may be in memory
    or small.
    """

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile(  # noqa: SIM115 - closed with this
            dir=vault.spool_folder()
        )
        self._cipher, self._held, self._written = AESGCM(secrets.token_bytes(32)), bytearray(), 0

    def write(self, data: bytes) -> None:
        """Append bytes; complete blocks are encrypted and written to disk."""
        self._held += data
        while len(self._held) >= _BLOCK:
            self._put(_BLOCK)

    def blocks(self) -> Iterator[bytes]:
        """Yield the decrypted content in blocks, from the beginning."""
        if self._held:
            self._put(len(self._held))
        self._file.seek(0)
        for number in range(self._written):
            yield self._cipher.decrypt(_nonce(number), self._file.read(_BLOCK + _TAG), None)

    def close(self) -> None:
        """Delete the file; its key is lost with this object."""
        self._file.close()
        self._held.clear()

    def _put(self, size: int) -> None:
        nonce = _nonce(self._written)
        self._file.write(self._cipher.encrypt(nonce, bytes(self._held[:size]), None))
        del self._held[:size]
        self._written += 1


def _nonce(number: int) -> bytes:
    return number.to_bytes(12, "big")


class Spool(UploadedFile):  # type: ignore[type-arg]
    """An uploaded file (`name`, `size` in bytes) for Django's form parser, encrypted on disk."""

    def __init__(self, sealed: SealedFile, *, name: str | None, size: int) -> None:
        super().__init__(name=name, size=size)
        self._sealed = sealed

    def blocks(self) -> Iterator[bytes]:
        """Yield the decrypted content in blocks."""
        return self._sealed.blocks()

    def close(self) -> None:
        """Delete the file."""
        self._sealed.close()


class CountedBody:
    """A request body with a byte count, which detects an upload cut off before its end.

    A chunked body has no stated length: it is complete when it ends with the closing delimiter of its form.
    """

    def __init__(self, request: HttpRequest) -> None:
        accept_chunked(request, limit=most_of_a_body())
        self._end = _last_delimiter(request) if is_chunked(request) else b""
        self._tail = b""
        self.stated = whole_number(request.META.get("CONTENT_LENGTH") or "") or 0
        """Stated `Content-Length` in bytes; 0 for a chunked body."""
        self._request, self._left = request, self.stated

    def read(self, size: int | None = None, /) -> bytes:
        """Return up to `size` bytes, or all the remaining bytes without `size`."""
        block = bytes(self._request.read(-1 if size is None else size))
        self._left -= len(block)
        if self._end and block:
            self._tail = (self._tail + block)[-_TAIL:]
        return block

    def drop(self) -> None:
        """Read and discard the rest of the body, up to the largest accepted upload.

        A sender reads the refusal only after sending everything.
        """
        left = most_of_a_body()
        with contextlib.suppress(OSError, SuspiciousOperation):
            while left > 0 and (block := self.read(_BLOCK)):
                left -= len(block)

    @property
    def is_cut(self) -> bool:
        """Whether the body ended before its stated length or, if chunked, before its closing delimiter."""
        return self._left > 0 or self._end not in self._tail


def _last_delimiter(request: HttpRequest) -> bytes:
    boundary = request.content_params.get("boundary", "") if request.content_params else ""
    return f"--{boundary}--".encode()


class SpoolHandler(FileUploadHandler):
    """Django upload handler that writes one file to an encrypted temporary file (`Spool`).

    Above the size limit it stops the upload and sets `is_too_large`. `chunk_size` is Django's: bytes read at
    a time.
    """

    chunk_size = 1 << 20
    is_too_large = False

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(request)
        self._sealed: SealedFile | None = None
        self._largest = current_limits().largest_file

    def new_file(  # noqa: PLR0917 - the signature of the base class
        self,
        field_name: str,
        file_name: str,
        content_type: str,
        content_length: int | None,
        charset: str | None = None,
        content_type_extra: dict[str, bytes] | None = None,
    ) -> None:
        """Open the encrypted temporary file for the next file of the form; the arguments are Django's."""
        super().new_file(
            field_name, file_name, content_type, content_length, charset, content_type_extra
        )
        self._sealed = SealedFile()

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Append a chunk of the file, which begins at byte `start`.

        Raises:
            StopUpload: the file exceeds the size limit.
        """
        if start + len(raw_data) > self._largest:
            self.upload_interrupted()
            self.is_too_large = True
            raise StopUpload(connection_reset=False)
        if self._sealed is not None:
            self._sealed.write(raw_data)

    def upload_interrupted(self) -> None:
        """Delete the part received of an interrupted upload."""
        if self._sealed is not None:
            self._sealed.close()

    def file_complete(self, file_size: int) -> Spool | None:
        """Return the uploaded file of `file_size` bytes; None when no file was opened."""
        if self._sealed is None:
            return None
        sealed, self._sealed = self._sealed, None
        return Spool(sealed, name=self.file_name, size=file_size)
