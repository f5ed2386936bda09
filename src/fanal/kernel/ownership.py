"""The owner of files that root creates: the service's account.

Commands may run as root while web and worker have their own account. New files in the vault or the log must
stay readable for that account. For any other caller this does nothing.
"""

import os
from pathlib import Path


def follow_folder(path: Path) -> None:
    """Set the owner of `path`, just created, to that of its folder, if the caller is root."""
    if os.geteuid() == 0:
        folder = path.parent.stat()
        os.chown(path, folder.st_uid, folder.st_gid, follow_symlinks=False)
