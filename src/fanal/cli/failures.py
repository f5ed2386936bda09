"""Error messages of commands: one sentence in the user's language, never a traceback.

Exit status 2 means invalid input, 1 a failure (contracts). Messages are in `reference/data/labels/cli.toml`;
details from other packages or the operating system are quoted unchanged.
"""

import errno
import os
import sys
import traceback
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import IO

import click

from fanal import reference
from fanal.config.databases import DatabaseRefused
from fanal.config.environment import SettingRefused
from fanal.config.installation import KeysElsewhere, VaultElsewhere
from fanal.config.keys import KeysMissing
from fanal.kernel.refusal import Refusal
from fanal.postgres import AccountMissing, ClusterFailed, NoBinaries, PlaceRefused

LANGUAGES = ("fr", "en")
_LONGEST = 400
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS})
_CLASSES: tuple[tuple[type[Exception], str], ...] = (
    (DatabaseRefused, "DATABASE_REFUSED"),
    (NoBinaries, "NO_BINARIES"),
    (PlaceRefused, "PLACE_REFUSED"),
    (AccountMissing, "ACCOUNT_MISSING"),
    (ClusterFailed, "CLUSTER_FAILED"),
    (KeysMissing, "KEY_MISSING"),
    (KeysElsewhere, "KEYS_ELSEWHERE"),
    (SettingRefused, "SETTING_REFUSED"),
    (VaultElsewhere, "VAULT_ELSEWHERE"),
)
_NAMED = {
    "KeyMissing": "KEY_MISSING",
    "SignerMissing": "KEY_MISSING",
    "VaultAway": "VAULT_AWAY",
    "VaultNotOwn": "VAULT_ELSEWHERE",
    "MotiveMissing": "MOTIVE_MISSING",
    "Refused": "NO_RIGHT",
    "OperationalError": "DATABASE_AWAY",
    "InterfaceError": "DATABASE_AWAY",
    "ErasersFailed": "ERASERS_FAILED",
    "DataError": "VALUE_REFUSED",
    "ValueRefused": "VALUE_REFUSED",
    "UnicodeEncodeError": "VALUE_REFUSED",
}
"""Message codes by exception class name: only the commands that need them import these packages."""
_REFUSED = {
    "blocking": "BLOCKING_REFUSED",
    "deconfliction": "DECONFLICTION_REFUSED",
    "exchange": "SOURCE_REFUSED",
    "hold": "HOLD_NOT_DONE",
    "instruction": "INSTRUCTION_REFUSED",
}
"""Message codes by the kind of a refusal, for messages that quote the reason that the pages show as `why`."""
PREFIX = {"acknowledgement": "ANSWER_", "habilitation": "", "ruleset": "RULES_"}
"""What precedes the codes of refusals with a message for commands; for a kind without an entry, its name."""
_BAD_INPUT = frozenset({"VALUE_REFUSED", "MOTIVE_MISSING"})


class CommandRefused(click.ClickException):
    """Error: a command refuses its input (exit status 2).

    `code` identifies the message, `parameters` fill its placeholders.
    """

    exit_code = 2

    def __init__(self, code: str, **parameters: object) -> None:
        super().__init__(code)
        self.code, self.parameters = code, parameters

    def show(self, file: IO[str] | None = None) -> None:
        """Print the message on standard error, for callers that bypass `main`; `file` is ignored."""
        del file
        tell(self.code, **self.parameters)


class Failed(CommandRefused):
    """Error: a command with valid input could not be carried out (exit status 1)."""

    exit_code = 1


def language(arguments: Sequence[str] | None = None) -> str:
    """Return the language of the option `--lang` in the command line, at any position; French without it.

    `arguments` are those of the command line, by default this process's.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    asked = [a.partition("=")[2] for a in given if a.startswith("--lang=")]
    asked += [after for a, after in pairwise(given) if a == "--lang"]
    return next((lang for lang in asked if lang in LANGUAGES), LANGUAGES[0])


def words(code: str, **parameters: object) -> str:
    """Return the message of a command's `code` in the user's language, filled with `parameters`.

    Control characters in parameters are replaced, and long values are cut.
    """
    clean = {name: _printable(value) for name, value in parameters.items()}
    return reference.render(code, clean, language(), kind="cli")


def words_of_refusal(code: str) -> str:
    """Return the message, in the user's language, of the code for which an external document is refused."""
    return reference.render(code, {}, language(), kind="quarantine").rstrip(".")


def tell(code: str, **parameters: object) -> None:
    """Print the message of `code`, filled with `parameters`, on standard error.

    Messages are in `cli.toml`.
    """
    click.echo(f"fanal: {words(code, **parameters)}", err=True)


def told(failure: BaseException) -> int:
    """Print on standard error, in one sentence, the reason why a command failed; return its exit status.

    The status is 2 for invalid input, 1 for any other failure.
    """
    code, parameters, status = _explain(failure)
    tell(code, **parameters)
    return status


def _explain(failure: BaseException) -> tuple[str, dict[str, object], int]:
    if isinstance(failure, Refusal):
        failure = _as_message(failure)
    if isinstance(failure, CommandRefused):
        return failure.code, failure.parameters, failure.exit_code
    if isinstance(failure, click.ClickException):
        code, parameters = _explain_click(failure)
        return code, parameters, failure.exit_code
    if isinstance(failure, click.Abort | KeyboardInterrupt):
        return "STOPPED", {}, 1
    known = _known(failure)
    if known is not None:
        detail = reason(failure) if isinstance(failure, OSError) else failure
        return known, {"detail": detail}, 2 if known in _BAD_INPUT else 1
    if isinstance(failure, OSError) and failure.errno:
        name = failure.filename
        if failure.errno in _NO_ROOM and failure.filename2 is not None:
            name = failure.filename2  # of a copy: the source comes first
        place = {"path": os.fsdecode(name)} if isinstance(name, str | bytes) else {}
        code = "FILE_REFUSED" if place else "SYSTEM_REFUSED"
        return code, {**place, "detail": reason(failure)}, 1
    # The code location only, never the message, which may quote content.
    return "UNEXPECTED", {"name": type(failure).__name__, "place": _place(failure)}, 1


def _as_message(refusal: Refusal) -> CommandRefused:
    """Return the message of a refusal: the one for commands if there is one, else the reason on the pages."""
    prefix = PREFIX.get(refusal.kind, f"{refusal.kind.upper()}_")
    code = _REFUSED.get(refusal.kind, f"{prefix}{refusal.code}")
    if reference.label("cli", code, language()) == code:
        code = "REFUSED"
    why = reference.explain_refusal(refusal, language())
    return CommandRefused(code, **(refusal.parameters | {"why": why}))


def _known(failure: BaseException) -> str | None:
    """Return the code of the message for an expected exception; None for an unexpected one.

    Exceptions of modules that are not imported yet are recognised by the name of their class.
    """
    for kind, code in _CLASSES:
        if isinstance(failure, kind):
            return code
    if type(failure).__name__ == "ProgrammingError" and not getattr(failure, "sqlstate", None):
        return "NO_DATABASE_URL"  # psycopg could not read it; its message quotes the password
    names = (kind.__name__ for kind in type(failure).__mro__)
    return next((_NAMED[name] for name in names if name in _NAMED), None)


def _explain_click(failure: click.ClickException) -> tuple[str, dict[str, object]]:
    """Return (message code, parameters) for an error of click, whose own messages are English only.

    The parameters fill the message: `name` (of the argument or option), `choices`, or `detail` (click's own
    text).
    """
    match failure:
        case click.MissingParameter():
            found = "ARGUMENT_MISSING", {"name": _hint(failure)}
        case click.NoSuchOption():
            found = "NO_OPTION", {"name": failure.option_name}
        case click.exceptions.NoSuchCommand():
            found = "NO_COMMAND", {"name": failure.command_name}
        case click.BadParameter(param=click.Parameter(type=click.Choice() as choice)):
            choices = ", ".join(map(str, choice.choices))
            found = "NOT_A_CHOICE", {"name": _hint(failure), "choices": choices}
        case click.BadParameter():
            found = "BAD_VALUE", {"name": _hint(failure), "detail": failure.message.rstrip(".")}
        case _:
            code = "BAD_CALL" if isinstance(failure, click.UsageError) else "FAILED"
            found = code, {"detail": failure.format_message().rstrip(".")}
    return found[0], dict(found[1])


def _hint(failure: click.BadParameter) -> str:
    """Return the name of the parameter that a click error is about, as the help text writes it."""
    if failure.param_hint:
        hint = failure.param_hint
        return hint if isinstance(hint, str) else " / ".join(hint)
    if isinstance(failure.param, click.Argument):
        return failure.param.metavar or str(failure.param.name).strip("_").upper()
    return failure.param.opts[-1] if failure.param else "?"


def reason(failure: OSError) -> str:
    """Return the operating system's message for an error, in the user's language if it is a common one."""
    code = errno.errorcode.get(failure.errno or 0, "")
    usual = reference.label("errno", code, language())
    return usual if code and usual != code else failure.strerror or type(failure).__name__


def _place(failure: BaseException) -> str:
    frames = traceback.extract_tb(failure.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"


def _printable(value: object) -> str | int:
    if isinstance(value, int):
        return value
    line = " ".join(str(value).split())
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line)
    return shown if len(shown) <= _LONGEST else shown[:_LONGEST] + "…"
