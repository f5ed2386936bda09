"""Reference page of the data model: content of each table, tables that it refers to, retention class."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Set
from html import escape
from pathlib import Path
from typing import NamedTuple

from django.db import models
from docs_routes import set_up_django
from docs_tables import code, page, paragraphs, table

import fanal
from fanal import reference

_WIDTH, _HEIGHT, _GAP_X, _GAP_Y = 230, 26, 60, 10
_HUBS = {
    "report_id": "intake_report",
    "other_report_id": "intake_report",
    "person_id": "accounts_person",
    "desk_id": "accounts_desk",
    "sender_id": "accounts_sender",
    "object_id": "vault_object",
    "act_id": "casework_act",
    "measure_id": "casework_act",
    "decision_id": "orient_decision",
    "author_id": "accounts_person",
    "approver_id": "accounts_person",
    "proposer_id": "accounts_person",
    "overseer_id": "accounts_person",
    "claimed_by": "accounts_person",
    "dossier_id": "crosscheck_dossier",
    "ruleset_id": "analyse_ruleset",
    "instruction_id": "accounts_instruction",
    "package_id": "distribution_package",
    "session_id": "measures_session",
    "entry_id": "analyse_entry",
    "counterpart_id": "deconfliction_counterpart",
    "round_id": "deconfliction_round",
    "hit_id": "deconfliction_hit",
    "pack_id": "vault_pack",
}
"""Columns without a foreign key whose name says the table they point to: partitions allow no other way."""


class _Table(NamedTuple):
    name: str
    holds: str
    key: tuple[str, ...]
    targets: frozenset[str]


_SOURCE = Path(fanal.__file__).parent
_STATEMENTS = re.compile(
    r"CREATE (?:UNLOGGED )?TABLE (?P<created>\w+) \((?P<body>.*?)\n?\)(?: PARTITION BY[^;]*)?;"
    r"|ALTER TABLE (?P<table>\w+)\s+(?:ADD COLUMN (?P<added>\w+)|DROP COLUMN (?P<dropped>\w+))",
    re.DOTALL,
)
_COLUMN = re.compile(
    r"(?:^|\n|, ?)\s*(?!or\b)([a-z]\w*) (?:uuid|text|integer|smallint|bigint|boolean|bytea|date|real|double"
    r"|timestamptz|timestamp|jsonb|interval|char|inet)\b"
)
Edges = Mapping[str, set[str]]
"""Tables by the table that points to them."""


def model() -> str:
    """Return the page of the data model, in Markdown."""
    set_up_django()
    from django.apps import apps

    packages: dict[str, list[_Table]] = defaultdict(list)
    for one in apps.get_models():
        if one.__module__.startswith("fanal."):
            packages[one.__module__.split(".")[1]].append(_read(one))
    for one in _written_in_sql({held.name for tables in packages.values() for held in tables}):
        packages[one.name.partition("_")[0]].append(one)
    known = {held.name for tables in packages.values() for held in tables}
    return page(
        "Data model",
        "the `models` of each package and `src/fanal/reference/data/fr/retention.toml`",
        "An arrow goes from a table to the one whose key it holds; a dashed box stands in another package. "
        "Only a package's own code reads and writes its tables.",
        *(_package(label, tables, known) for label, tables in sorted(packages.items())),
    )


def _read(one: type[models.Model]) -> _Table:
    meta = one._meta  # noqa: SLF001 - Django's documented interface
    targets = set()
    for held in meta.concrete_fields:
        to = held.related_model
        if isinstance(to, type) and issubclass(to, models.Model):
            targets.add(to._meta.db_table)  # noqa: SLF001 - as above
        elif held.attname in _HUBS:
            targets.add(_HUBS[held.attname])
    key = getattr(meta.pk, "field_names", None) or (meta.pk.attname,)
    holds = paragraphs(one.__doc__).partition("\n\n")[0]
    return _Table(meta.db_table, holds, tuple(key), frozenset(targets - {meta.db_table}))


def _written_in_sql(modelled: Set[str]) -> Iterator[_Table]:
    """Yield the tables without a Django model, with the columns that the migrations' SQL gives them.

    `modelled`: names of the tables with a model.
    """
    kept = {t for one in reference.load().entries(reference.Retention) for t in one.value.tables}
    columns: dict[str, list[str]] = {}
    for path in sorted(_SOURCE.glob("*/migrations/*.py")):
        for line in _STATEMENTS.finditer(path.read_text()):
            if created := line["created"]:
                columns[created] = list(dict.fromkeys(_COLUMN.findall(line["body"])))
            elif line["table"] in columns and line["added"]:
                columns[line["table"]].append(line["added"])
            elif line["dropped"] in columns.get(line["table"], ()):
                columns[line["table"]].remove(line["dropped"])
    for name in sorted(kept & columns.keys() - modelled):
        held = columns[name]
        targets = {_HUBS[column] for column in held if column in _HUBS}
        yield _Table(name, ", ".join(map(code, held)), (), frozenset(targets - {name}))


def _package(label: str, tables: list[_Table], known: set[str]) -> str:
    rows = [
        (code(one.name), one.holds, [code(name) for name in one.key], _ends(one.name))
        for one in tables
    ]
    return "\n\n".join(
        [
            f"## {label.capitalize()}",
            _picture(label, {one.name: set(one.targets & known) for one in tables}),
            table(("Table", "Holds", "Key", "Retention class"), rows),
        ]
    )


def _ends(name: str) -> list[str]:
    entries = reference.load().entries(reference.Retention)
    return sorted(
        {code(entry.entry_id.partition("@")[0]) for entry in entries if name in entry.value.tables}
    )


def _picture(label: str, edges: Edges) -> str:
    """Return an SVG of a package's tables with an arrow to each table that they refer to, further left.

    `label` is the package, `edges` the referenced tables by table.
    """
    columns: dict[int, list[str]] = defaultdict(list)
    names = sorted({*edges, *(target for held in edges.values() for target in held)})
    for name in names:
        columns[_depth(name, edges, frozenset())].append(name)
    places = {
        name: (depth * (_WIDTH + _GAP_X), row * (_HEIGHT + _GAP_Y))
        for depth, held in columns.items()
        for row, name in enumerate(held)
    }
    width = (max(columns) + 1) * (_WIDTH + _GAP_X)
    height = max(map(len, columns.values())) * (_HEIGHT + _GAP_Y)
    arrows = (_arrow(places[one], places[to]) for one, held in edges.items() for to in sorted(held))
    boxes = (_box(name, places[name], own=name in edges) for name in names)
    return (
        f'<svg role="img" aria-label="Tables of {escape(label)}" viewBox="-2 -2 {width} {height + 2}"'
        f' style="max-width: {width}px; width: 100%" font-size="13"'
        ' fill="currentColor" stroke="currentColor">'
        f"{''.join([*arrows, *boxes])}</svg>"
    )


def _depth(name: str, edges: Edges, above: Iterable[str]) -> int:
    seen = {*above, name}
    return max(
        (1 + _depth(to, edges, seen) for to in edges.get(name, ()) if to not in seen), default=0
    )


def _arrow(one: tuple[int, int], to: tuple[int, int]) -> str:
    x, y = to[0] + _WIDTH, to[1] + _HEIGHT // 2
    return f'<path d="M{one[0]} {one[1] + _HEIGHT // 2}L{x} {y}m6 -4l-6 4l6 4" fill="none" opacity=".45"/>'


def _box(name: str, at: tuple[int, int], *, own: bool) -> str:
    dashes = "" if own else ' stroke-dasharray="4 3"'
    return (
        f'<rect x="{at[0]}" y="{at[1]}" width="{_WIDTH}" height="{_HEIGHT}" fill="none"{dashes}/>'
        f'<text x="{at[0] + 8}" y="{at[1] + 18}" stroke="none">{escape(name)}</text>'
    )
