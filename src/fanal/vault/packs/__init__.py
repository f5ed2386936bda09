"""Sealed bytes on disk: packs for small objects, files for large ones. No database here."""

from fanal.vault.packs.folders import make_folder, sync_folder
from fanal.vault.packs.layout import FILE_HEAD, SEGMENT, Segment, file_path, pack_path
from fanal.vault.packs.reading import (
    BlobDamaged,
    BlobMissing,
    SealedReader,
    VaultAway,
    is_empty,
    read_chunks,
    read_sealed,
    scan_pack,
)
from fanal.vault.packs.writing import PackWriter, blank_segment, write_file

__all__ = [
    "FILE_HEAD",
    "SEGMENT",
    "BlobDamaged",
    "BlobMissing",
    "PackWriter",
    "SealedReader",
    "Segment",
    "VaultAway",
    "blank_segment",
    "file_path",
    "is_empty",
    "make_folder",
    "pack_path",
    "read_chunks",
    "read_sealed",
    "scan_pack",
    "sync_folder",
    "write_file",
]
