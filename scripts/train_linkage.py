"""Train the shipped model of record linkage on invented labelled reports that no benchmark uses; write it."""

import json
from importlib import resources

from benchmarks.crosscheck_truth import harmonised
from benchmarks.truth.world import World
from fanal.crosscheck.linkage.model import MODEL_FILE, candidate
from fanal.crosscheck.linkage.stored import persons_table

SIZE, SEED = 20_000, 404


def main() -> None:
    """Train the model, write it to `data/linkage.json` of the cross-check package, and print its quality."""
    told = World(SIZE, seed=SEED).reports()
    persons = persons_table(enumerate(harmonised(told)))
    labels = [one.label for one in told]
    found = candidate(persons, labels, seed=SEED, shipped=None, name="2026-11-26.1")
    found["trained_on"] = {"world": SIZE, "seed": SEED}
    path = resources.files("fanal.crosscheck").joinpath("data", MODEL_FILE)
    with resources.as_file(path) as file:
        file.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    print(found["measured"])


if __name__ == "__main__":
    main()
