"""Compiles the message catalogues and collects the static files, precompressed.

Run by `make` after the installation; needs no database.
"""

import os
import shutil
import sys
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

ROOT = Path(__file__).resolve().parents[1]


def compile_catalogues() -> None:
    """Write each `.mo` beside its `.po`; a fuzzy message is no message."""
    for source in sorted((ROOT / "src/fanal").glob("**/locale/*/LC_MESSAGES/*.po")):
        with source.open("rb") as file:
            catalogue = read_po(file, locale=source.parts[-3], abort_invalid=True)
        temporary = source.with_suffix(".mo.new")
        with temporary.open("wb") as file:
            write_mo(file, catalogue, use_fuzzy=False)
        temporary.replace(source.with_suffix(".mo"))


def collect_static() -> None:
    """Collect into a fresh folder: a file that went away must not linger."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fanal.config.settings")
    from django import setup
    from django.conf import settings
    from django.core.management import call_command

    setup()
    shutil.rmtree(settings.STATIC_ROOT, ignore_errors=True)
    call_command("collectstatic", interactive=False, verbosity=0)


def main() -> None:
    """Compile, then collect."""
    sys.path.insert(0, str(ROOT / "src"))
    compile_catalogues()
    collect_static()


if __name__ == "__main__":
    main()
