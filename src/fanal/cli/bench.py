"""`fanal bench`: runs the benchmarks next to the package in a source tree; an installation has none."""

import os
import sys
from importlib import import_module
from pathlib import Path

import click

import fanal
from fanal.cli.failures import CommandRefused

_ROOT = Path(fanal.__file__).parents[2]


def _group() -> click.Command:
    """Return the command group of the benchmarks; in an installation, a command that says they are absent."""
    if not (_ROOT / "benchmarks/__init__.py").is_file():
        anything = click.Argument(["words"], nargs=-1, type=click.UNPROCESSED)
        return click.Command(
            "bench",
            callback=_refuse,
            params=[anything],
            context_settings={"ignore_unknown_options": True},
            help="Measure one thing against its peer in the same run (from a clone).",
        )
    sys.path.insert(0, str(_ROOT))
    # Child processes of a benchmark need the path too.
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(_ROOT), os.getenv("PYTHONPATH")]))
    group = import_module("benchmarks").bench
    if not isinstance(group, click.Command):
        raise TypeError("benchmarks.bench is no command")
    return group


def _refuse(**_words: object) -> None:
    raise CommandRefused("NO_BENCHES")


bench = _group()
