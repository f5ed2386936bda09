"""Folders of the vault: private, and durable once made."""

import os
from pathlib import Path

from fanal.kernel.ownership import follow_folder


def make_folder(folder: Path) -> None:
    """Make a folder and its parents, private, each entry synced into its parent."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    follow_folder(folder)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Make new names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
