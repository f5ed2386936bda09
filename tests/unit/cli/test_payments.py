"""`fanal payments score`: every format, a line for each payer, bad files told."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import fanal.formats
from fanal.cli.main import fanal as program

ROOT = Path(fanal.formats.__path__[0])
PAYMENTS = [
    {"at": f"2026-11-{day:02d}T23:15:00+01:00", "amount": amount, "currency": "EUR", "sender": sender,
     "beneficiary": "counter-31", "beneficiary_country": "PH", "label": "family support", "operator": "Transfers Example"}
    for sender in ("payer-1", "payer-2", "payer-3")
    for day, amount in ((2, "25"), (6, "30"), (9, "40"), (14, "60"))
]  # fmt: skip


def run(*arguments: str) -> Result:
    return CliRunner().invoke(program, ["payments", "score", *arguments])


def lines(path: Path) -> list[dict[str, object]]:
    result = run("--json", str(path))
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.mark.parametrize("compact", [True, False])
def test_reports_of_payments_are_scored_by_payer(tmp_path: Path, compact: bool) -> None:
    file = tmp_path / "r.jsonl"
    body = {"reference": "r-1", "kind": "OTHER", "payments": PAYMENTS}
    file.write_text(json.dumps(body) if compact else json.dumps(body, indent=2))
    found = lines(file)
    assert [line["sender"]["value"] for line in found] == [
        f"payer-{n}@transfersexample" for n in (1, 2, 3)
    ]
    for line in found:
        assert (line["typology"], line["suspected"]) == ("LIVESTREAM", True)
        assert line["score"] > 0.75
        own = {transfer["id"] for transfer in line["transfers"]}
        for point in line["indicators"]:
            assert set(point["transfers"]) <= own
            assert point["because"]["fr"] != point["because"]["en"]
            assert "?" not in point["because"]["fr"] + point["because"]["en"]
            assert point["source"]
    assert "PAYMENT_COMMON_BENEFICIARY" in {p["code"] for p in found[0]["indicators"]}


@pytest.mark.parametrize(
    ("name", "payers"),
    [
        ("transfers/samples/agency-en.csv", 2),
        ("transfers/samples/agency-fr.csv", 2),
        ("transfers/samples/wallet-en.csv", 1),
        ("iso20022/samples/pacs008.xml", 2),
        ("iso20022/samples/camt053.xml", 3),
    ],
)
def test_files_of_operators_are_scored(name: str, payers: int) -> None:
    assert len(lines(ROOT / name)) == payers


def test_what_is_no_file_of_transfers_is_told(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text("a,b\n1,2\n")
    assert run(str(file)).exit_code == 2
    good = ROOT / "transfers/samples/agency-en.csv"
    file.write_bytes(good.read_bytes() + b"broken,row\n")
    damaged = run("--json", str(file))
    assert damaged.exit_code == 2
    assert len(damaged.stdout.splitlines()) == 2
    assert ":5" in damaged.stderr
