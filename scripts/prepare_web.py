"""Compilation of message catalogues, static files (precompressed) and guides, if their sources changed.

It also stores the known words of the text reader, which every worker would count as it starts. `make` runs
it after the installation; it needs no database.
"""

import os
import shutil
import sys
from importlib import resources
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

import render_guides  # noqa: E402

from fanal.analyse.signals.domain.model import (  # noqa: E402
    WORDS,
    encode_words,
    load,
    shipped_files,
    stored_words,
)
from fanal.config.prepared import WEB, catalogues, is_prepared, mark_of, sources_digest  # noqa: E402


def compile_catalogues() -> None:
    """Compile each `.po` catalogue, without fuzzy messages, to a `.mo`; delete each `.mo` without a `.po`."""
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    for left in WEB.glob("**/locale/*/LC_MESSAGES/*.mo"):
        if not left.with_suffix(".po").exists():
            left.unlink()
    for source in catalogues():
        with source.open("rb") as file:
            catalogue = read_po(file, locale=source.parts[-3], abort_invalid=True)
        temporary = source.with_suffix(".mo.new")
        with temporary.open("wb") as file:
            write_mo(file, catalogue, use_fuzzy=False)
        temporary.replace(source.with_suffix(".mo"))


def collect_static() -> None:
    """Collect the static files into an empty folder, so that no deleted file remains."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fanal.config.settings")
    from django import setup
    from django.conf import settings
    from django.core.management import call_command

    setup()
    shutil.rmtree(settings.STATIC_ROOT, ignore_errors=True)
    call_command("collectstatic", interactive=False, verbosity=0)


def store_words() -> None:
    """Count the known words of the shipped text reader and store them, unless those stored are its own."""
    shipped = shipped_files()
    if stored_words(shipped) is not None:
        return
    with resources.as_file(shipped) as folder:
        temporary = folder / f"{WORDS}.new"
        temporary.write_bytes(encode_words(shipped, load(shipped).words))
        temporary.replace(folder / WORDS)


def main() -> None:
    """Compile, collect and render unless the sources are unchanged; then store the digest of the sources."""
    store_words()
    if is_prepared():
        return
    digest = sources_digest()
    compile_catalogues()
    render_guides.main()
    collect_static()
    mark_of().write_text(f"{digest}\n")


if __name__ == "__main__":
    main()
