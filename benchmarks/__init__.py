"""`fanal bench NAME`: each benchmark measures a function against a reference or a limit, in the same run."""

from importlib import import_module

import click

from fanal.cli.failures import CommandRefused

_BENCHES = {
    "acts": "benchmarks.acts:acts",
    "blocklist": "benchmarks.blocklist:blocklist",
    "pipeline": "benchmarks.pipeline:pipeline",
    "triage": "benchmarks.triage:triage",
    "triage-rank": "benchmarks.triage_rank:triage_rank",
    "bulk": "benchmarks.bulk:bulk",
    "portal": "benchmarks.portal:portal",
    "desk": "benchmarks.desk:desk",
    "selection": "benchmarks.selection:selection",
    "deconflict": "benchmarks.deconflict:deconflict",
    "match": "benchmarks.match:match",
    "hash": "benchmarks.hash:hash_",
    "crosscheck": "benchmarks.crosscheck:crosscheck",
}


class _Benches(click.Group):
    """Click group that imports a benchmark only when it is named, since each needs large libraries."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the benchmarks, sorted."""
        return sorted(_BENCHES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the benchmark with this name, imported now; None if there is none."""
        if cmd_name not in _BENCHES:
            return None
        module, _, attribute = _BENCHES[cmd_name].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def invoke(self, ctx: click.Context) -> object:
        """Run a benchmark.

        Raises:
            CommandRefused: PEER_MISSING: a library to compare with is not installed; no desk needs one.
        """
        try:
            return super().invoke(ctx)
        except ModuleNotFoundError as missing:
            raise CommandRefused("PEER_MISSING", name=missing.name) from missing


@click.group(cls=_Benches)
def bench() -> None:
    """Measure one subsystem against a reference implementation in the same run."""
