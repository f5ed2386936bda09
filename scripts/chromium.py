"""Where the Chromium of this machine is: the one place that knows its names.

python scripts/chromium.py      # prints the path; status 1 and what to install where there is none
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
    """Return the program, looked for in `path` (PATH and the usual folders unless given)."""
    places = f"{os.environ.get('PATH', '')}:{_FOLDERS}" if path is None else path
    return next((found for name in NAMES if (found := shutil.which(name, path=places))), None)


if __name__ == "__main__":
    program = find_chromium()
    print(program or TO_INSTALL, file=sys.stdout if program else sys.stderr)
    sys.exit(0 if program else 1)
