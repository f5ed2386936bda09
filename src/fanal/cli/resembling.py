"""Commands for the record linkage model: train a candidate, show it, activate it."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fanal import reference
from fanal.cli.boot import find_home, with_django
from fanal.cli.failures import CommandRefused
from fanal.kernel import clock
from fanal.kernel.actors import system_actor
from fanal.postgres import DatabaseRole

if TYPE_CHECKING:
    from fanal.cli.linkage.versions import Model, Worth

_file = click.Path(exists=True, dir_okay=False, path_type=Path)
language = click.option(
    "--lang", type=click.Choice(["fr", "en"]), default="fr", help="Language of words."
)


@click.command("train")
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@language
@with_django(DatabaseRole.WORKER)
def train(out: Path, seed: int, as_json: bool, lang: str) -> None:
    """Train the next model on dossiers and answers, measure it on them, and write it to OUT as a candidate.

    People who stand in one dossier are one; answers to suggestions have moved reports in and out of them. It
    learns from half of the dossiers and says what it and the model in use are worth on the other half. It
    changes nothing by itself: read it with `fanal crosscheck model OUT`, use it with `fanal crosscheck
    activate OUT`, then `fanal crosscheck rebuild --engine duckdb`.
    """
    from fanal.cli.linkage.stored import labels_of, stored_persons
    from fanal.cli.linkage.training import candidate

    used = model_in_use()
    actor = system_actor("fanal crosscheck train")
    stored = stored_persons(actor)
    labels = labels_of(actor, stored.ids)
    name = f"{clock.now():%Y-%m-%dT%H%M}"
    try:
        found = candidate(stored.persons, labels, seed=seed, shipped=used.model, name=name)
    except ValueError as error:
        raise CommandRefused("NOTHING_TO_LEARN") from error
    found["compared_with"] = used.version
    out.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    _show(_read(out), as_json=as_json, lang=lang)


@click.command("model")
@click.argument("file", type=_file, required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@language
def model(file: Path | None, as_json: bool, lang: str) -> None:
    """Print what the model in FILE, or the one in use, rests on, and how much each agreement is worth."""
    _show(model_in_use() if file is None else _read(file), as_json=as_json, lang=lang)


@click.command("activate")
@click.argument("file", type=_file, required=False)
@click.option("--shipped", is_flag=True, help="Use the model that comes with Fanal again.")
@language
def activate(file: Path | None, shipped: bool, lang: str) -> None:
    """Use the model in FILE from the next `fanal crosscheck rebuild --engine` on.

    Only a file of the shape that this version trains is taken: a model's conditions are run by the engine.
    """
    from fanal.cli.linkage import versions

    if (file is None) is not shipped:
        raise click.UsageError("FILE or --shipped")
    home = find_home()
    if file is None:
        found = versions.use_shipped(home)
    else:
        _read(file)
        found = versions.activate(home, file)
    click.echo(reference.render("MODEL_ACTIVATED", {"name": found.version}, lang, kind="cli"))


def model_in_use() -> "Model":
    """Return the active linkage model.

    Raises:
        CommandRefused: MODEL_REFUSED: the activated file is not a valid model for this version.
    """
    from fanal.cli.linkage import versions

    home = find_home()
    try:
        return versions.active(home)
    except versions.ModelRefused as error:
        raise CommandRefused("MODEL_REFUSED", path=versions.place(home), detail=error) from error


def _read(file: Path) -> "Model":
    from fanal.cli.linkage import versions

    try:
        return versions.read_model(file)
    except versions.ModelRefused as error:
        raise CommandRefused("MODEL_REFUSED", path=file, detail=error) from error


def _show(found: "Model", *, as_json: bool, lang: str) -> None:
    from fanal.cli.linkage.engine import agreements

    bits = agreements(found.model)
    if as_json:
        told = {
            "version": found.version,
            "trained_on": found.trained_on,
            "measured": found.measured,
            "compared_with": found.compared_with or None,
            "shipped_measured": found.shipped_measured,
            "bits": bits,
        }
        click.echo(json.dumps(told))
        return
    click.echo(found.version)
    if found.trained_on:
        click.echo("trained on: " + _numbers(found.trained_on))
    click.echo("measured: " + _numbers(found.measured))
    if found.shipped_measured is not None:
        click.echo(f"{found.compared_with or 'shipped'}: " + _numbers(found.shipped_measured))
    for code, worth in sorted(bits.items(), key=lambda item: -item[1]):
        click.echo(f"{worth:+7.2f} bits  {reference.label('link_because', f'LIKE_{code}', lang)}")


def _numbers(numbers: "Worth") -> str:
    return ", ".join(f"{name} {value}" for name, value in numbers.items())
