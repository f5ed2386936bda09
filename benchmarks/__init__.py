"""`fanal bench NAME`: measures one thing against its peer or its limit, in the same run."""

from importlib import import_module

import click

from fanal.cli.failures import CommandRefused

_BENCHES = {
    "acts": "benchmarks.acts:acts",
    "pipeline": "benchmarks.pipeline:pipeline",
    "triage": "benchmarks.triage:triage",
    "triage-rank": "benchmarks.triage_rank:triage_rank",
    "bulk": "benchmarks.bulk:bulk",
    "portal": "benchmarks.portal:portal",
    "desk": "benchmarks.desk:desk",
    "deconflict": "benchmarks.deconflict:deconflict",
    "match": "benchmarks.match:match",
    "hash": "benchmarks.hash:hash_",
    "crosscheck": "benchmarks.crosscheck:crosscheck",
}


class _Benches(click.Group):
    """Benches are imported when named: each needs much."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the benches."""
        return sorted(_BENCHES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return one bench."""
        if cmd_name not in _BENCHES:
            return None
        module, _, attribute = _BENCHES[cmd_name].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def invoke(self, ctx: click.Context) -> object:
        """Run a bench; say which library it compares with is not here, since no desk needs one."""
        try:
            return super().invoke(ctx)
        except ModuleNotFoundError as missing:
            raise CommandRefused("PEER_MISSING", name=missing.name) from missing


@click.group(cls=_Benches)
def bench() -> None:
    """Measure one subsystem against a reference implementation in the same run."""
