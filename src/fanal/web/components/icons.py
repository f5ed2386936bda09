"""The pictograms of `icons.toml`, by name: the inside of a 24 × 24 SVG."""

import tomllib
from pathlib import Path

ICONS: dict[str, str] = tomllib.loads(Path(__file__).with_name("icons.toml").read_text())
