"""Some pages of a scan as a file of their own, without touching their pixels."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

from PIL import Image, ImageSequence

from pipeline.formats import PDF, TIFF


def excerpt(data: bytes, media_type: str, numbers: Sequence[int]) -> bytes:
    """Pages `numbers` (from 1) of a PDF or a TIFF in the same format; the same pages always give
    the same bytes.

    PDF pages are copied as they are, TIFF frames are written again with a lossless compression.
    Raises `ValueError` for a format that holds one page only.
    """
    if media_type == PDF:
        return _pdf(data, numbers)
    if media_type == TIFF:
        return _tiff(data, numbers)
    raise ValueError(f"{media_type} holds one page")


def _pdf(data: bytes, numbers: Sequence[int]) -> bytes:
    import pikepdf

    with pikepdf.open(BytesIO(data)) as source, pikepdf.new() as target:
        for number in numbers:
            target.pages.append(source.pages[number - 1])
        out = BytesIO()
        target.save(out, deterministic_id=True)
        return out.getvalue()


def _tiff(data: bytes, numbers: Sequence[int]) -> bytes:
    with Image.open(BytesIO(data)) as image:
        frames = [
            frame.copy()
            for number, frame in enumerate(ImageSequence.Iterator(image), start=1)
            if number in numbers
        ]
        resolution = image.info.get("dpi")
    out = BytesIO()
    bilevel = all(frame.mode == "1" for frame in frames)
    frames[0].save(
        out,
        "TIFF",
        save_all=True,
        append_images=frames[1:],
        compression="group4" if bilevel else "tiff_adobe_deflate",
        **({"dpi": resolution} if resolution else {}),
    )
    return out.getvalue()
