"""Every code that this stage can write has words in both languages."""

import re
import tomllib
from pathlib import Path

SOURCES = Path(__file__).resolve().parents[3] / "src" / "fanal"
WRITTEN = re.compile(
    r'"((?:URL|HOST|ONION|IP|TIME|DATE|COUNTRY|CLASS|REPORTER|VALUE|PHONE|IBAN|WALLET|ACCOUNT)_[A-Z_]{4,})"'
)
READ_BY_KIND = (
    "EMAIL",
    "PHONE",
    "HANDLE",
    "DEVICE",
    "ACCOUNT",
    "GAME",
    "SHA256",
    "SHA1",
    "MD5",
    "PDQ",
)


def test_every_warning_has_words() -> None:
    labels = tomllib.loads((SOURCES / "reference/data/labels/harmonise.toml").read_text())["labels"]
    topics = (SOURCES / "harmonise/domain").glob("*.py")
    written = {code for topic in topics for code in WRITTEN.findall(topic.read_text())}
    written |= {f"{kind}_UNREADABLE" for kind in READ_BY_KIND}
    assert len(written) > 25
    assert sorted(written - set(labels["warning"]) - set(labels["quality_part"])) == []
    assert set(labels["harmonise_failure"]) == {"DESK_MISSING", "HARMONISE_FAILED"}
    for group in ("warning", "harmonise_failure"):
        assert all(words["fr"] and words["en"] for words in labels[group].values())
