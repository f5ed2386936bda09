"""Name, hashes and size of received files, compared with the sender's statements about them."""

from fanal.harmonise.domain.records import SourceFile
from fanal.harmonise.domain.sources.building import FileBuilding, ReportBuilding

_HASHES = ("sha256", "sha1", "md5", "pdq")


def add_received(
    building: ReportBuilding, source: SourceFile, *, file: FileBuilding, path: str
) -> None:
    """Complete a file with the name, hashes and size of its received bytes (`source`).

    Where they differ from the sender's statement, both are kept, with a warning.
    """
    if not file.name and not file.original_name:
        file.name = source.name or None
    elif source.name not in {"", file.name, file.original_name}:
        building.add_extra(f"{path}/name", value=source.name)
    for name in _HASHES:
        value: str | None = getattr(source, name)
        if value is None:
            continue
        computed = f"{path}/{name}"
        if not building.set_hash(file, name=name, value=value, path=computed):
            building.warn(computed, code="HASH_DIFFERS_FROM_REPORTED", value=value)
            building.add_extra(computed, value=value)
    if source.size is not None:
        building.add_extra(f"{path}/size", value=str(source.size))


def add_package(building: ReportBuilding, files: tuple[SourceFile, ...]) -> None:
    """Match the files of a package with the files listed in its report: by hash, then by name.

    An unlisted file becomes a file of its own (`FILE_NOT_LISTED`); a listed file that is missing gets a
    warning (`FILE_NOT_RECEIVED`). Without any received file, nothing is compared.
    """
    if not files:
        return
    matched = _matched(building, files)
    for file in building.files:
        if not any(found is file for found in matched.values()):
            building.warn(file.path, code="FILE_NOT_RECEIVED", value=file.name or "")
    for place, source in enumerate(files):
        if place in matched:
            file, path = matched[place], f"{matched[place].path}/received"
        else:
            path = f"package/file[{place + 1}]"
            file = FileBuilding(path=path)
            building.files.append(file)
            building.warn(path, code="FILE_NOT_LISTED", value=source.name)
        add_received(building, source, file=file, path=path)


def _matched(building: ReportBuilding, files: tuple[SourceFile, ...]) -> dict[int, FileBuilding]:
    """Return the listed file that matches each received file, by the index of the latter in `files`."""
    ids = {
        item.path.removesuffix("/submittalId"): item.value
        for item in building.extra
        if item.path.endswith("/submittalId")
    }
    left, matched = list(building.files), dict[int, FileBuilding]()
    for agrees in (_same_hash, _same_name):
        for place, source in enumerate(files):
            if place in matched:
                continue
            found = next((f for f in left if agrees(f, source, ids.get(f.path, ""))), None)
            if found is not None:
                matched[place] = found
                left = [file for file in left if file is not found]
    return matched


def _same_hash(file: FileBuilding, source: SourceFile, _: str) -> bool:
    return any(
        value is not None and file.hashes.get(name) == value
        for name, value in ((name, getattr(source, name)) for name in _HASHES)
    )


def _same_name(file: FileBuilding, source: SourceFile, submittal_id: str) -> bool:
    own = _base(source.name)
    return bool(own) and own in {
        _base(name) for name in (file.name, file.original_name, submittal_id) if name
    }


def _base(name: str) -> str:
    return name.replace("\\", "/").rpartition("/")[2].casefold()
