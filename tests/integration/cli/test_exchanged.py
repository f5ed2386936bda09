"""VICS, CSV, STIX and MISP by the commands: lists and cases in and out, what stays inside, what is told."""

import csv
import json
from pathlib import Path

import pytest
from pymisp import MISPEvent
from stix2validator import ValidationOptions, validate_string

from fanal.formats import vics
from fanal.formats.misp import OutEvent, is_object, write_event
from fanal.formats.stix.write import OutBundle, write_bundle
from tests.formats.indicator_items import ITEMS
from tests.integration.cli.installing import CHIEF, Installed, all_done, working

pytestmark = pytest.mark.xdist_group("installed")
SAMPLES = Path(vics.__path__[0]) / "samples"
STRICT = ValidationOptions(version="2.1", strict=True, enforce_refs=True)
LISTED = [item for item in ITEMS if item.scope == "MATCH"]


def rows(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as text:
        return sorted(csv.reader(text))


def test_a_list_goes_out_and_comes_in_again_in_every_format(
    installed: Installed, tmp_path: Path
) -> None:
    bundle, event = tmp_path / "in.stix.json", tmp_path / "in.misp.json"
    bundle.write_text("".join(write_bundle(LISTED, OutBundle(desk="Other", subject="s"))))
    several, alone = ([i for i in LISTED if is_object(i) is yes] for yes in (True, False))
    head = OutEvent(desk="Other", subject="s", tlp="green")
    event.write_text("".join(write_event(head, attributes=alone, objects=several)))
    outs = {name: tmp_path / name for name in ("csv", "vics", "stix", "misp")}
    loads = [
        ["lists", "load", "first", str(bundle), "--format", "stix"],
        ["lists", "load", "second", str(event), "--format", "misp"],
        ["lists", "load", "second", str(event), "--format", "misp"],
    ]
    exports = [
        ["export", "csv-hashes", "--list", "first", "--out", str(outs["csv"]), *CHIEF],
        ["export", "vics", "--list", "first", "--out", str(outs["vics"]), *CHIEF],
        ["export", "stix", "--list", "first", "--out", str(outs["stix"]), *CHIEF],
        ["export", "misp", "--list", "first", "--out", str(outs["misp"]), "--tlp", "red", *CHIEF],
    ]
    back = [
        ["lists", "load", f"back-{name}", str(path), "--format", name]
        for name, path in outs.items()
    ]
    again = [
        [*exports[0][:3], name, "--out", str(tmp_path / f"{name}.csv"), *CHIEF]
        for name in ("second", *(f"back-{name}" for name in outs))
    ]
    answers = installed.call(*loads, *exports, *back, *again)
    assert [(a.call, a.status, a.err) for a in answers if a.status] == []
    told = {a.call: a.err for a in answers}
    in_force = [item for item in LISTED if not item.withdrawn]
    assert len(answers[0].out.splitlines()) == len(in_force)
    assert answers[1].out == answers[2].out
    assert "TLP:AMBER" in answers[0].err
    assert "TLP:GREEN" in answers[1].err
    # What a format has no room for is told, never dropped in silence.
    assert "1 × URL" in told[" ".join(exports[0])]
    assert "1 × PDQ" in told[" ".join(exports[1])]
    assert told[" ".join(exports[2])] == told[" ".join(exports[3])] == ""
    hashes = rows(tmp_path / "second.csv")
    assert len(hashes) == 1 + 4
    assert rows(outs["csv"]) == hashes
    for name in ("csv", "stix", "misp"):
        assert rows(tmp_path / f"back-{name}.csv") == hashes, name
    assert rows(tmp_path / "back-vics.csv") == [row for row in hashes if row[1]]
    assert validate_string(outs["stix"].read_text(), STRICT).is_valid
    read = MISPEvent()
    read.load_file(outs["misp"])
    assert (read.info, [tag.name for tag in read.tags]) == ("first", ["tlp:red"])
    out = installed.count("SELECT count(*) FROM ledger_entry WHERE action = 'list.export'")
    assert out == len(exports) + len(again)


def test_a_withdrawal_travels_and_bytes_do_not_change(installed: Installed, tmp_path: Path) -> None:
    source = tmp_path / "source.csv"
    source.write_text(f"MD5;Class\n{'a1' * 16};A1\n{'b2' * 16};A2\n")
    out = [tmp_path / f"{number}.json" for number in range(4)]
    write = ["export", "stix", "--list", "moving", *CHIEF, "--out"]
    loaded, *_ = installed.call(
        ["lists", "load", "moving", str(source)],
        [*write, str(out[0])],
        [*write, str(out[1])],
        ["lists", "load", "follower", str(out[0]), "--format", "stix"],
    )
    first = json.loads(loaded.out.splitlines()[0])["id"]
    assert out[0].read_bytes() == out[1].read_bytes()
    _, _, followed, shown = installed.call(
        ["lists", "withdraw", "moving", first],
        [*write, str(out[2])],
        ["lists", "load", "follower", str(out[2]), "--format", "stix"],
        ["lists", "show", "follower", "--json"],
    )
    assert "follower: 1" in followed.err
    assert json.loads(shown.out)["entries"] == 1
    revoked = [o["pattern"] for o in json.loads(out[2].read_text())["objects"] if o.get("revoked")]
    assert revoked == [f"[file:hashes.MD5 = '{'a1' * 16}']"]
    # Back in force: one object, no longer revoked.
    installed.call(["lists", "load", "moving", str(source)], [*write, str(out[3])])
    back = [o for o in json.loads(out[3].read_text())["objects"] if o["type"] == "indicator"]
    assert [o["revoked"] for o in back] == [False, False]
    assert len({o["id"] for o in back}) == 2


def test_what_is_no_list_is_refused_in_a_sentence(installed: Installed, tmp_path: Path) -> None:
    person, report, british = (tmp_path / n for n in ("p.json", "r.json", "b.json"))
    person.write_text(
        json.dumps({"Event": {"Object": [{"name": "person", "Attribute": []}], "info": ""}})
    )
    report.write_text(json.dumps({"type": "bundle", "objects": [{"type": "report"}]}))
    british.write_bytes((SAMPLES / "hashset-1.2.json").read_bytes())
    load = ["lists", "load", "none"]
    american, case = str(SAMPLES / "hashset-2.0.json"), str(SAMPLES / "case-2.0.json")
    answers = installed.call(
        [*load, str(person), "--format", "misp"],
        [*load, str(report), "--format", "stix"],
        [*load, str(british), "--format", "vics"],
        [*load, case, "--format", "vics"],
        ["lists", "show", "--json"],
        ["import", "vics", american],
        ["lists", "create", "staying", "--sharing", "DESK"],
        ["export", "stix", "--list", "staying", "--out", str(tmp_path / "x"), *CHIEF],
        ["export", "stix", "--list", "first", "--out", str(tmp_path / "x"), "--as", "keeper"],
        ["export", "stix", "--list", "nothing", "--out", str(tmp_path / "x"), *CHIEF],
        ["export", "misp", "--out", str(tmp_path / "x"), *CHIEF],
    )
    said = [a.err for a in answers]
    assert "describes a person (person)" in said[0]
    assert "1 × report (a report is not loaded" in said[1]
    assert "no indicator to load" in said[1]
    assert "VICS-UK" in said[2]
    assert "fanal import vics" in said[3]
    assert '"none"' not in answers[4].out
    assert "fanal lists load" in said[5]
    assert "may not be shared that widely" in said[7]
    assert "may not manage lists" in said[8]
    assert "no list nothing" in said[9]
    assert "--list NAME" in said[10]
    assert [a.status for a in answers if a.call.startswith(("export", "lists load"))] == [2] * 8
    assert not (tmp_path / "x").exists()
    taken, *_ = installed.call([*load, str(british), "--format", "vics", "--category", "1"])
    assert (taken.status, len(taken.out.splitlines())) == (0, 1)
    assert "1 × VICS-UK:2" in taken.err


def test_a_hash_set_is_loaded_without_what_nobody_can_use(
    installed: Installed, tmp_path: Path
) -> None:
    names = ("some", "most", "cut")
    some, most, cut = (tmp_path / f"{name}.json" for name in names)
    good = [{"MD5": f"{n:032X}", "PhotoDNA": "x" if n else None} for n in range(70, 73)]
    whole = {"@odata.context": "x/DataModels/2.0.xml/US#Media", "value": [*good, {"MediaID": 4}]}
    some.write_text(json.dumps(whole))
    most.write_text(json.dumps(whole | {"value": [good[0], *[{"MediaID": 4}] * 2]}))
    cut.write_text(json.dumps(whole)[:-20])
    loaded, again, refused, broken = installed.call(
        *[["lists", "load", "usable", str(path), "--format", "vics"] for path in (some, some, most, cut)]
    )  # fmt: skip
    assert (loaded.status, len(loaded.out.splitlines()), again.out) == (0, 3, loaded.out)
    assert "unusable entry: 1 × A required field is missing; first at value[4]/MD5" in loaded.err
    assert "malformed hash: 3 × PHOTODNA" in loaded.err
    assert "value[1]/PhotoDNA, value[2]/PhotoDNA, value[3]/PhotoDNA" in loaded.err
    assert (refused.status, broken.status, refused.out + broken.out) == (2, 2, "")
    assert "unusable entry: 2 ×" in refused.err
    assert "nothing is loaded: 2 entries of 3 are unusable" in refused.err
    assert "nothing is loaded" in broken.err
    assert installed.count("SELECT count(*) FROM analyse_list WHERE name = 'usable'") == 1


def test_a_single_case_of_odata_comes_in(installed: Installed, tmp_path: Path) -> None:
    context = "http://github.com/VICSDATAMODEL/ProjectVic/DataModels/2.0.xml/US/$metadata#Cases"
    case = {"CaseID": "single", "Media": [{"MediaID": 1, "MD5": "D4" * 16}]}
    value, entity = (tmp_path / name for name in ("value.json", "entity.json"))
    value.write_text(json.dumps({"@odata.context": context, "value": case}))
    entity.write_text(
        json.dumps({"@odata.context": f"{context}/$entity", **case, "CaseID": "entity"})
    )
    [brought] = installed.call(["import", "vics", str(value), str(entity)])
    assert json.loads(brought.out)["received"] == 2, brought.err
    with working(installed):
        all_done(installed)
        shown = installed.call(
            *[
                ["report", "show", f"import:{name}", "--json", *CHIEF]
                for name in ("single", "entity")
            ]
        )
    for one in shown:
        assert [f["md5"] for f in json.loads(one.out)["harmonised"]["files"]] == ["d4" * 16]


CASE = {
    "reference": "with-people",
    "kind": "GROOMING",
    "urls": ["https://social.example.test/kid_name_9/photo", "https://host.example.test/page"],
    "description": "Write to found.in.text@mail.example.",
    "persons": [
        {
            "role": "SUSPECT",
            "name": "Pat Example",
            "emails": ["suspect@mail.example", "shared@mail.example"],
            "ips": [{"value": "192.0.2.91"}],
            "phones": ["+33199001291"],
        },
        {
            "role": "VICTIM",
            "name": "Kid Example",
            "handles": [{"value": "kid_name_9", "platform": "Blocks"}],
            "emails": ["kid@mail.example", "shared@mail.example"],
        },
        {"role": "REPORTER", "name": "Rene Example", "emails": ["rene@mail.example"]},
    ],
    "files": [{"name": "a.jpg", "md5": "c3" * 16, "pdq": "5a" * 32, "classification": {"scheme": "COPINE", "code": "6"}}],
}  # fmt: skip
INSIDE = ("Example", "kid_name_9", "kid@", "shared@", "rene@", "found.in.text")


def test_cases_and_indicators_of_reports(installed: Installed, tmp_path: Path) -> None:
    case = SAMPLES / "case-2.0.json"
    source = installed.write("people.jsonl", CASE, CASE | {"reference": "with-people-again"})
    brought = installed.call(
        ["import", "vics", str(case)], ["import", "vics", str(case)], ["import", "jsonl", source]
    )
    counts = [json.loads(a.out) for a in brought]
    first, *rest = [(c["received"], c["repeated"], c["refused"]) for c in counts]
    assert first in {
        (1, 0, 0),
        (0, 1, 0),
    }  # another test of this installation may have brought it in
    assert rest == [(0, 1, 0), (2, 0, 0)]
    assert "TotalMediaFiles states 7, the file contains 3" in brought[0].err
    reference = json.loads(case.read_bytes().decode("utf-8-sig"))["value"][0]["CaseID"]
    proof = [*CHIEF, "--code", installed.chief_code]
    with working(installed):
        all_done(installed)
        written = installed.call(
            ["export", "vics", reference, "--out", str(tmp_path / "v"), "--country", "US", *proof],
            ["export", "stix", "with-people", reference, "--out", str(tmp_path / "s"), *proof],
            ["export", "misp", "with-people", "--out", str(tmp_path / "m"), *proof],
        )
        assert [a.status for a in written] == [0, 0, 0], [a.err for a in written]
        out = tmp_path / "v" / f"{reference}.json"
        [back] = installed.call(["import", "vics", str(out), "--partner", "other"])
        assert json.loads(back.out)["received"] == 1, back.err
        all_done(installed)
    shown = [
        json.loads(a.out)
        for a in installed.call(
            ["report", "show", f"import:{reference}", "--json", *CHIEF],
            ["report", "show", f"other:{reference}", "--json", *CHIEF],
        )
    ]
    [person] = installed.call(["report", "show", "with-people", "--json", *CHIEF])
    dossier = json.loads(person.out)["dossier"]
    [together] = installed.call(["export", "stix", dossier, "--out", str(tmp_path / "d"), *proof])
    assert together.status == 0, together.err
    text = (tmp_path / "d" / f"{dossier}.json").read_text()
    assert f"dossier {dossier}" in text
    assert text.count('"suspect@mail.example"') == 1  # two reports, one indicator
    first, second = (view["harmonised"] for view in shown)
    assert first["files"] == second["files"]
    assert {(e["path"], e["value"]) for e in first["extra"] if "Media[" in e["path"]} <= {
        (e["path"], e["value"]) for e in second["extra"]
    }
    bundle, event = (tmp_path / f"{f}/with-people.json" for f in "sm")
    assert validate_string(bundle.read_text(), STRICT).is_valid
    MISPEvent().load_file(event)
    for path in (bundle, event, tmp_path / f"s/{reference}.json"):
        text = path.read_text()
        assert [word for word in INSIDE if word in text] == [], path
        assert "Officer" not in text
    for path in (bundle, event):
        for value in (
            "suspect@mail.example",
            "192.0.2.91",
            "c3" * 16,
            "5a" * 32,
            "host.example.test",
        ):
            assert value in path.read_text()
    assert "+33199001291" in event.read_text()
    assert "1 × PHONE" in written[1].err
