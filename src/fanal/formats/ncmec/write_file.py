"""Writer of the `fileDetails` of one file: strict, valid against the schema, in its order."""

from collections.abc import Mapping
from typing import Final

from fanal.formats.ncmec.outgoing import Outgoing, put_left, serialized
from fanal.formats.ncmec.tree import OutgoingElement, outgoing
from fanal.formats.report.records import File

_HASHES: Final = (("md5", "MD5"), ("sha1", "SHA1"), ("sha256", "SHA256"), ("pdq", "PDQ"))


def write_file_details(sent: Outgoing, index: int, *, report_id: int, file_id: str) -> bytes:
    """Return the `fileDetails` of the file at `index` (from 0), valid against the schema."""
    file = sent.report.files[index]
    prefix = f"fileDetails[{index + 1}]/"
    root, left = outgoing("fileDetails"), list[tuple[str, str]]()
    root.put("reportId", value=str(report_id))
    root.put("fileId", value=file_id)
    own = {path.removeprefix(prefix): v for path, v in sent.extra if path.startswith(prefix)}
    supplemental = own.get("fileRelevance") == "Supplemental Reported"
    _put_hashes(root, file, own=own)
    for path, value in own.items():
        if path in {"reportId", "fileId"} or path.startswith("originalFileHash["):
            continue
        if not root.put(path, value=value):
            left.append((path, value))
    left += _put_file_fields(root, file, supplemental=supplemental)
    left += root.prune()
    put_left(root, left, path=f"additionalInfo[{len(root.indices('additionalInfo')) + 1}]")
    return serialized(root)


def _put_hashes(root: OutgoingElement, file: File, *, own: Mapping[str, str]) -> None:
    pairs = [(label, getattr(file, name)) for name, label in _HASHES if getattr(file, name)]
    for path, value in own.items():
        if path.startswith("originalFileHash[") and "@" not in path:
            pairs.append((own.get(f"{path}/@hashType", "Unknown"), value))
    seen: set[tuple[str, str]] = set()
    kept: list[tuple[str, str]] = []
    for label, value in pairs:  # a hash kept in extra for its capitals is the field's own
        mark = (label.upper().replace("-", ""), value.strip().lower())
        if mark not in seen:
            seen.add(mark)
            kept.append((label, value))
    for number, (label, value) in enumerate(kept, start=1):
        root.put(f"originalFileHash[{number}]", value=value)
        root.put(f"originalFileHash[{number}]/@hashType", value=label)


def _put_file_fields(
    root: OutgoingElement, file: File, *, supplemental: bool
) -> list[tuple[str, str]]:
    left: list[tuple[str, str]] = []
    fields: list[tuple[str, str | None]] = [
        ("fileName", file.name),
        ("fileViewedByEsp", _word(file.seen_by_provider)),
        ("publiclyAvailable", _word(file.publicly_available)),
    ]
    given = file.classification
    if given is not None and given.scheme == "NCMEC" and not supplemental:
        fields.append(("industryClassification", given.code))
    elif given is not None:
        left.append(("classification", f"{given.scheme} {given.code}"))
    left += [(path, value) for path, value in fields if value and not root.put(path, value=value)]
    return left


def _word(value: bool | None) -> str | None:
    return None if value is None else str(value).lower()
