"""Geometric pictures, drawn as the tests run and kept nowhere."""

import io

import numpy as np
from PIL import Image, ImageDraw

KINDS = ("noise", "gradient", "shapes", "bars", "flat")


def draw(kind: str, rows: int, columns: int, *, seed: int = 0) -> np.ndarray:
    """Return a picture as uint8[rows, columns, 3]."""
    chance = np.random.default_rng([seed, rows, columns])
    if kind == "noise":
        return chance.integers(0, 256, (rows, columns, 3), dtype=np.uint8)
    if kind == "flat":
        return np.full((rows, columns, 3), chance.integers(0, 256, 3), np.uint8)
    if kind == "gradient":
        grey = np.linspace(0, 255, columns)[None, :] * np.linspace(0.2, 1, rows)[:, None]
        return np.stack([grey, grey[::-1], 255 - grey], 2).astype(np.uint8)
    picture = Image.new("RGB", (columns, rows), tuple(chance.integers(0, 256, 3).tolist()))
    pen = ImageDraw.Draw(picture)
    for number in range(12):
        x, y = np.sort(chance.integers(0, columns, 2)), np.sort(chance.integers(0, rows, 2))
        colour = tuple(chance.integers(0, 256, 3).tolist())
        if kind == "bars":  # as lines of a text lie
            top = rows * number // 12
            pen.rectangle((int(x[0]), top, int(x[1]), top + max(1, rows // 30)), fill=colour)
        else:
            (pen.ellipse if number % 2 else pen.rectangle)(
                (int(x[0]), int(y[0]), int(x[1]) + 1, int(y[1]) + 1), fill=colour
            )
    return np.asarray(picture)


def encoded(picture: Image.Image | np.ndarray, name: str, **options: object) -> bytes:
    """Return a picture's file."""
    file = io.BytesIO()
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    image.save(file, name, **options)
    return file.getvalue()
