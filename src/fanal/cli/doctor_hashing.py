"""`fanal doctor` on hashing: whether a child can be had, what it gave up, and whether videos are hashed."""

from collections.abc import Iterator

from fanal.cli.finding import Finding, fine, note, problem
from fanal.hashing import video
from fanal.hashing.pool import FileToHash, HasherAway, Pool


def look_at_hashing() -> Iterator[Finding]:
    """Yield what holds for files that are uploaded here: a child is started and asked."""
    pool = Pool(size=1)
    try:
        pool.hash_files([FileToHash(size=4, pieces=[b"fine"])])
    except HasherAway as failure:
        yield problem(f"uploaded files get no fingerprints: {failure}")
        return
    finally:
        pool.stop()
    if pool.without_network and pool.filtered:
        yield fine("files are hashed in children without network, their system calls filtered")
    else:
        missing = [] if pool.without_network else ["their network is open"]
        missing += [] if pool.filtered else ["their system calls are not filtered"]
        yield note(
            f"files are hashed in children with caps, but {' and '.join(missing)}: this system does not"
            " allow it (docs: Uploaded files)"
        )
    if pool.videos:
        yield fine("videos are hashed by vPDQ")
    elif video.is_installed() and not pool.closed:
        yield note(
            "videos get exact hashes only: this kernel has no Landlock, without which a child that reads a"
            " hostile video could open the keys of this account (docs: Uploaded files)"
        )
    elif video.is_installed():
        yield note(
            "videos get exact hashes only: the library vpdq is installed and cannot be loaded (was it built"
            " against this machine's FFmpeg?)"
        )
    else:
        yield note("videos get exact hashes only: the library vpdq (with FFmpeg) is not installed")
