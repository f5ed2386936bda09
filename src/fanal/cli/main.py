"""The `fanal` command: one module for each group of commands, loaded when it is called.

To add a command, write `cli/<topic>.py` and add its line to `COMMANDS`.
"""

import signal
import sys
from collections.abc import Mapping
from importlib import import_module

import click

from fanal.config.databases import DatabaseRefused
from fanal.config.environment import SettingRefused
from fanal.config.keys import KeysMissing
from fanal.config.vault_identity import VaultElsewhere
from fanal.postgres import AccountMissing, ClusterFailed, NoBinaries, PlaceRefused

COMMANDS: Mapping[str, str] = {
    "retention": "fanal.cli.retention:retention",
    "export": "fanal.cli.export:export",
    "bench": "fanal.cli.bench:bench",
    "replay": "fanal.cli.replay:replay",
    "rules": "fanal.cli.rules:rules",
    "report": "fanal.cli.report:report",
    "import": "fanal.cli.imports:import_",
    "demo": "fanal.cli.demo:demo",
    "backup": "fanal.cli.backup:backup",
    "doctor": "fanal.cli.doctor:doctor",
    "fsck": "fanal.cli.vault:fsck",
    "keys": "fanal.cli.vault:keys",
    "ledger": "fanal.cli.ledger:ledger",
    "migrate": "fanal.cli.migrate:migrate",
    "partner": "fanal.cli.partner:partner",
    "receipt": "fanal.cli.vault:receipt",
    "restore": "fanal.cli.backup:restore",
    "run": "fanal.cli.run:run",
    "user": "fanal.cli.user:user",
    "worker": "fanal.cli.worker:worker",
}
"""Name of each command, and where it is: `module:attribute`."""

_SENTENCES = (
    *(DatabaseRefused, NoBinaries, PlaceRefused, AccountMissing, ClusterFailed),
    *(KeysMissing, SettingRefused, VaultElsewhere),
)


class LazyGroup(click.Group):
    """A group whose commands are imported only when named: `fanal` starts at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return sorted({*super().list_commands(ctx), *COMMANDS})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command `cmd_name`, imported now."""
        if cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        command = getattr(import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{COMMANDS[cmd_name]} is no command")
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="fanal")
def fanal() -> None:
    """Fanal: reporting and triage platform of a national desk."""


def main() -> None:
    """Run the command; exit with 2 for bad input, 1 for a failure told in a sentence."""
    signal.signal(signal.SIGTERM, _leave)
    try:
        fanal.main(prog_name="fanal")
    except _SENTENCES as failure:
        click.echo(f"fanal: {failure}", err=True)
        sys.exit(1)


def _leave(number: int, _frame: object) -> None:
    """Leave by the normal way, so that a started database is stopped and files are closed."""
    sys.exit(128 + number)
