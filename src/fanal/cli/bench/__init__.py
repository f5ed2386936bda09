"""`fanal bench NAME`: measures one thing against its peer or its limit, in the same run."""

from importlib import import_module

import click

from fanal.cli.failures import Refused

_BENCHES = {
    "acts": "fanal.cli.bench.acts:acts",
    "pipeline": "fanal.cli.bench.pipeline:pipeline",
    "triage": "fanal.cli.bench.triage:triage",
    "bulk": "fanal.cli.bench.bulk:bulk",
    "portal": "fanal.cli.bench.portal:portal",
    "desk": "fanal.cli.bench.desk:desk",
    "deconflict": "fanal.cli.bench.deconflict:deconflict",
    "match": "fanal.cli.bench.match:match",
    "hash": "fanal.cli.bench.hash:hash_",
    "crosscheck": "fanal.cli.bench.crosscheck:crosscheck",
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
            raise Refused("PEER_MISSING", name=missing.name) from missing


@click.group(cls=_Benches)
def bench() -> None:
    """Measure one thing against its peer in the same run."""
