"""`fanal export rpz|blocking-csv|blocking-json`: the blocking list in a format, with its manifest."""

from pathlib import Path

import click

from fanal.cli.actors import code_option, exporter_option, proven
from fanal.cli.boot import with_django
from fanal.cli.output import folder_option, make_private, write_whole
from fanal.kernel import clock
from fanal.postgres import DatabaseRole

_HELP = {
    "rpz": "Write DIR/rpz.fanal.zone, the blocking list as a response policy zone, and its signed manifest.",
    "csv": "Write DIR/blocking.csv, the blocking list as CSV, and its signed manifest.",
    "json": "Write DIR/blocking.json, the blocking list as JSON, and its signed manifest.",
}


def write_list(form: str, *, out: Path, as_user: str | None, code: str | None) -> None:
    """Make the list of the names blocked now, and write it into the folder `out` in the format `form`.

    The manifest is the file with `.manifest.json` appended to its name. The file is written first: a manifest
    never names a file that is not there.

    Raises:
        CommandRefused: nobody, or nobody with the right, is named outside a demo.
        SignerMissing: this installation holds no key that signs.
        OSError: the folder cannot be written.
    """
    from fanal.ledger import signer
    from fanal.measures.blocking.formats import FORMATS, write_file
    from fanal.measures.blocking.manifest import sign_manifest
    from fanal.measures.blocking.register import make_blocklist

    actor = proven(as_user, code=code, motive=f"fanal export {form}", action="export.write")
    keys = signer.current()
    if keys.signing_key is None:
        raise signer.SignerMissing("this process may not sign")
    block, chosen = make_blocklist(actor=actor, now=clock.now()), FORMATS[form]
    content = write_file(block, chosen)
    manifest = sign_manifest(
        block, file=chosen.file, content=content, name=keys.origin, key=keys.signing_key
    )
    make_private(out)
    write_whole(out / chosen.file, content)
    write_whole(out / f"{chosen.file}.manifest.json", manifest)


def _command(name: str, form: str) -> click.Command:
    @with_django(DatabaseRole.WORKER)
    def run(out: Path, as_user: str | None, code: str | None) -> None:
        write_list(form, out=out, as_user=as_user, code=code)

    return click.command(name, help=_HELP[form])(folder_option(exporter_option(code_option(run))))


COMMANDS = tuple(
    _command(name, form)
    for name, form in (("rpz", "rpz"), ("blocking-csv", "csv"), ("blocking-json", "json"))
)
"""The export commands of the blocking list."""
