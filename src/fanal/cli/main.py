"""The `fanal` command: each group of commands is a module, imported on first use.

For a new command, write `cli/<topic>.py` and add its line to `COMMANDS`.
"""

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from importlib import import_module

import click

from fanal.cli.failures import LANGUAGES, CommandRefused, told
from fanal.cli.output import ReaderGone
from fanal.kernel.process import FIRST, hurried, loading

COMMANDS: Mapping[str, str] = {
    "retention": "fanal.cli.retention:retention",
    "export": "fanal.cli.export:export",
    "bench": "fanal.cli.bench:bench",
    "recipients": "fanal.cli.recipients:recipients",
    "replay": "fanal.cli.worker:replay",
    "rules": "fanal.cli.rules:rules",
    "report": "fanal.cli.report:report",
    "import": "fanal.cli.imports:import_",
    "demo": "fanal.cli.demo:demo",
    "blocklist": "fanal.cli.blocklist:blocklist",
    "backup": "fanal.cli.backup:backup",
    "crosscheck": "fanal.cli.crosscheck:crosscheck",
    "deconflict": "fanal.cli.deconflict:deconflict",
    "desk": "fanal.cli.accounts:desk",
    "distribution": "fanal.cli.distribution:distribution",
    "doctor": "fanal.cli.doctor:doctor",
    "fsck": "fanal.cli.vault:fsck",
    "instructions": "fanal.cli.instructions:instructions",
    "keys": "fanal.cli.vault:keys",
    "lists": "fanal.cli.lists:lists",
    "ledger": "fanal.cli.ledger:ledger",
    "mail": "fanal.cli.mail:mail",
    "migrate": "fanal.cli.database:migrate",
    "partner": "fanal.cli.accounts:partner",
    "payments": "fanal.cli.payments:payments",
    "provision": "fanal.cli.database:provision",
    "receipt": "fanal.cli.vault:receipt",
    "restore": "fanal.cli.restore:restore",
    "run": "fanal.cli.run:run",
    "signals": "fanal.cli.signals:signals",
    "transparency": "fanal.cli.transparency:transparency",
    "user": "fanal.cli.accounts:user",
    "witness": "fanal.cli.witness:witness",
    "worker": "fanal.cli.worker:worker",
    "calls": "fanal.cli.worker:calls",
}
"""The location of each command: `module:attribute`."""


class LazyGroup(click.Group):
    """A command group that imports its commands only when called, so that `fanal` starts quickly."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, sorted, without importing any."""
        return sorted({*super().list_commands(ctx), *COMMANDS})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return the command `cmd_name`, with its option `--lang`; None if there is none."""
        if cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        # A start behind a flood waited eight seconds for these imports alone.
        with hurried(FIRST) if cmd_name == "run" else nullcontext(), loading():
            command = getattr(import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{COMMANDS[cmd_name]} is no command")
        return speaking(command)


def speaking(command: click.Command) -> click.Command:
    """Add the option `--lang` to a command and its subcommands, unless they have it; return the command."""
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            if found := command.get_command(context, name):
                speaking(found)
    elif not any("--lang" in parameter.opts for parameter in command.params):
        command.params.append(
            click.Option(
                ["--lang"], type=click.Choice(LANGUAGES), expose_value=False, hidden=True,
                help="Language of messages on standard error.",
            )
        )  # fmt: skip
    return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="fanal")
@click.option(
    "--lang", type=click.Choice(LANGUAGES), expose_value=False, help="Language of error messages."
)
def fanal() -> None:
    """Run and administer Fanal, the reporting and triage platform of a national desk."""


def main() -> None:
    """Run the command and exit with its status.

    A failure prints one sentence: status 2 for invalid input, 1 for any other failure. A closed pipe on the
    output ends the command without a message.
    """
    signal.signal(signal.SIGTERM, _leave)
    try:
        _refuse_broken_text(sys.argv)
        status = fanal.main(prog_name="fanal", standalone_mode=False)
    except (BrokenPipeError, ReaderGone) as gone:
        # The reader has closed the pipe; the interpreter must not write at its end either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 0 if isinstance(gone, ReaderGone) else 1
    except click.exceptions.NoArgsIsHelpError as asked:
        click.echo(asked.format_message(), err=True)
        status = 2
    except (Exception, KeyboardInterrupt) as failure:  # noqa: BLE001 - a sentence, never a traceback
        status = told(failure)
    sys.exit(status if isinstance(status, int) else 0)


def _refuse_broken_text(arguments: Sequence[str]) -> None:
    """Check that the arguments are valid UTF-8: neither database nor ledger could store others.

    Raises:
        CommandRefused: TEXT_REFUSED.
    """
    if any("\ud800" <= character <= "\udfff" for character in "".join(arguments)):
        raise CommandRefused("TEXT_REFUSED")


def _leave(number: int, _frame: object) -> None:
    """Exit on the signal `number` (status 128 + number), so that the embedded database is stopped."""
    sys.exit(128 + number)
