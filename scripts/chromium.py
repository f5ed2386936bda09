"""Look-up of the Chromium browser on this machine, for tests and screenshots.

python scripts/chromium.py      # prints its path; or exits with status 1 and says what to install
"""

import os
import shutil
import sys

# The shell is the same browser without windows and menus, which take a third of the processor's time.
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser")
TO_INSTALL = (
    "Chromium is not here: the tests in a browser need it."
    " Debian: apt-get install chromium-headless-shell"
)
_FOLDERS = "/usr/bin:/usr/local/bin:/snap/bin"


def find_chromium(path: str | None = None) -> str | None:
    """Return the path of the Chromium program; None if there is none.

    `path`: the folders to search, separated by colons; None: those of PATH and the usual ones.
    """
    places = f"{os.environ.get('PATH', '')}:{_FOLDERS}" if path is None else path
    return next((found for name in NAMES if (found := shutil.which(name, path=places))), None)


if __name__ == "__main__":
    program = find_chromium()
    print(program or TO_INSTALL, file=sys.stdout if program else sys.stderr)
    sys.exit(0 if program else 1)
