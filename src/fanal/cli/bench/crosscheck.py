"""`fanal bench crosscheck`: what links are worth on a labelled world."""

import json

import click

SEED = 20_261_126


@click.command("crosscheck")
@click.option("--size", type=click.IntRange(min=100), default=200_000, show_default=True)
@click.option("--truth", is_flag=True, required=True, help="Judge links on a labelled world.")
@click.option("--seed", type=int, default=SEED, show_default=True, help="Seed of the world.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def crosscheck(size: int, truth: bool, seed: int, as_json: bool) -> None:  # noqa: ARG001
    """Link SIZE reports of a labelled world, and say what the links are worth."""
    from fanal.cli.bench.crosscheck_truth import judge_world

    result = judge_world(size, seed=seed)
    if as_json:
        click.echo(json.dumps(result, ensure_ascii=False))
        return
    for name, value in result.items():
        click.echo(f"{name}: {value}")
