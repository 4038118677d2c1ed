"""Captured pages as files: PDF, TIFF (G4 where one bit), JPEG with EXIF, PNG, WebP and HEIC."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import img2pdf
import numpy as np
from PIL import Image

from samples.generator import heic
from samples.generator.degradation import Capture

Container = Literal["pdf", "tif", "jpg", "png", "webp", "heic"]
_EXIF_ORIENTATION = 0x0112
_QUARTER_TURN = 6  # the EXIF orientation of a picture to be shown turned clockwise


def _image(capture: Capture) -> Image.Image:
    image = Image.fromarray(capture.pixels)
    return image.convert("1", dither=Image.Dither.NONE) if capture.bilevel else image


def _encoded(capture: Capture, quality: int) -> bytes:
    """One page as JPEG, or as G4 TIFF where it has one bit a pixel."""
    buffer = io.BytesIO()
    dpi = (capture.dpi, capture.dpi)
    image = _image(capture)
    if capture.bilevel:
        image.save(buffer, "TIFF", compression="group4", dpi=dpi)
    else:
        exif = Image.Exif()
        exif[_EXIF_ORIENTATION] = capture.orientation
        image.save(buffer, "JPEG", quality=quality, dpi=dpi, exif=exif.tobytes(), optimize=True)
    return buffer.getvalue()


def save(captures: Sequence[Capture], path: Path, container: Container, quality: int) -> None:
    """Write pages to `path`. JPEG, PNG and WebP hold one page, PDF and TIFF any number.

    Raises `ValueError` for several pages in a one-page container.
    """
    if container not in ("pdf", "tif") and len(captures) != 1:
        raise ValueError(f"{container} holds one page, not {len(captures)}")
    first = captures[0]
    match container:
        case "pdf":
            pages = [_encoded(capture, quality) for capture in captures]
            layout = img2pdf.get_layout_fun(None)
            data = img2pdf.convert(
                pages,
                nodate=True,
                layout_fun=layout,
                engine=img2pdf.Engine.internal,
                rotation=img2pdf.Rotation.ifvalid,
            )
            path.write_bytes(data)
        case "jpg":
            path.write_bytes(_encoded(first, quality))
        case "png":
            _image(first).save(path, optimize=True, dpi=(first.dpi, first.dpi))
        case "heic":
            grey = np.asarray(_image(first).convert("L"))
            even = np.ascontiguousarray(grey[: len(grey) // 2 * 2, : grey.shape[1] // 2 * 2])
            turns = 3 if first.orientation == _QUARTER_TURN else 0
            path.write_bytes(heic.encode(even, quarter_turns=turns))
        case "webp":
            _image(first).save(path, quality=quality, method=4)
        case "tif":
            images = [_image(capture) for capture in captures]
            bilevel = all(capture.bilevel for capture in captures)
            images[0].save(
                path, "TIFF", save_all=True, append_images=images[1:],
                compression="group4" if bilevel else "tiff_lzw", dpi=(first.dpi, first.dpi),
            )  # fmt: skip
