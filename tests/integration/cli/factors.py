"""One-time codes of people of a production installation: set up past the browser, told as a phone would."""

import os
import subprocess
import sys
import time
from pathlib import Path

from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
_SET_UP = """
import sys
from fanal.cli.boot import django_as
from fanal.postgres import DatabaseRole
with django_as(DatabaseRole.APP):
    from allauth.mfa.totp.internal.auth import TOTP
    from fanal.accounts.queries.people import find_user
    for login in sys.argv[2:]:
        TOTP.activate(find_user(username=login), sys.argv[1])
"""


def set_up_codes(home: Path, *logins: str) -> None:
    """Give each account one-time codes of `SECRET`."""
    kept = {
        k: v for k, v in os.environ.items() if not k.startswith(("DATABASE_", "FANAL_", "DJANGO_"))
    }
    done = subprocess.run(
        [sys.executable, "-c", _SET_UP, SECRET, *logins],
        env=kept | {"FANAL_HOME": str(home), "PYTHONPATH": "src"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def code(steps: int = 0) -> str:
    """Return the code of this half minute, or of one beside it; each serves one person once."""
    return format_hotp_value(hotp_value(SECRET, int(time.time()) // 30 + steps))


def next_code() -> str:
    """Return the code of the next half minute, accepted for a clock that is ahead."""
    return code(1)
