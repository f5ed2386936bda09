"""`fanal bench crosscheck`: what links are worth on a labelled world, and what one new report costs."""

import json

import click

SEED = 20_261_126


@click.command("crosscheck")
@click.option("--size", type=click.IntRange(min=100), default=200_000, show_default=True)
@click.option("--truth", is_flag=True, help="Judge links on a labelled world of SIZE reports.")
@click.option("--crowd", is_flag=True, help="Put SIZE reports behind one address and on one host.")
@click.option(
    "--views", type=click.IntRange(min=20), default=60, show_default=True, help="Of a crowd."
)
@click.option("--seed", type=int, default=SEED, show_default=True, help="Seed of the world.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def crosscheck(size: int, truth: bool, crowd: bool, views: int, seed: int, as_json: bool) -> None:
    """Time one new report against 100 000, 1 000 000 … up to five SIZE earlier sightings, or judge links.

    Of a crowd behind one address, no dossier may join strangers and no page may be slow.
    """
    if crowd:
        from fanal.cli.bench.crosscheck_crowd import measure_crowd

        result = measure_crowd(size, views=views, seed=seed)
    elif truth:
        from fanal.cli.bench.crosscheck_truth import judge_world

        result = judge_world(size, seed=seed)
    else:
        from fanal.cli.bench.crosscheck_cost import measure_new_reports

        decades = [n for n in (100_000, 1_000_000, 10_000_000) if n <= 5 * size] or [5 * size]
        result = measure_new_reports(decades, seed=seed)
    if as_json:
        click.echo(json.dumps(result, ensure_ascii=False))
        return
    for name, value in result.items():
        click.echo(f"{name}: {value}")
