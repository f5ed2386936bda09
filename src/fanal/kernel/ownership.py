"""What root creates in a folder of the service's account belongs to that account.

Commands may be called as root while web and worker run as an account of their own: what such a command adds
to the vault or the log must stay readable to them. For every other caller this is nothing.
"""

import os
from pathlib import Path


def follow_folder(path: Path) -> None:
    """Give `path`, just created, to the owner of its folder when the caller is root."""
    if os.geteuid() == 0:
        folder = path.parent.stat()
        os.chown(path, folder.st_uid, folder.st_gid, follow_symlinks=False)
