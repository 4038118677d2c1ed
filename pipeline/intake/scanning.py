"""A file's bytes become a `Scan`, or are refused with the reason."""

from __future__ import annotations

import hashlib

from pipeline.config import Settings
from pipeline.errors import CorruptFile, TooManyPixels
from pipeline.formats import JPEG, PDF, check_pixels, is_whole, media_type, open_image, page_count
from pipeline.model import Scan

_TOO_MANY_PAGES = "Le fichier contient trop de pages : séparez-le en plusieurs fichiers."


def inspect(data: bytes, origin: str, settings: Settings) -> Scan:
    """Tell what came in, without decoding a pixel.

    Raises `EmptyFile`, `UnsupportedFile`, `CorruptFile`, `EncryptedFile`, `NoPage`,
    `TooManyPixels`, `TooSmall`.
    """
    kind = media_type(data)
    if not is_whole(data, kind):
        raise CorruptFile
    pages = page_count(data, kind)
    if pages > settings.max_pages:
        raise TooManyPixels(_TOO_MANY_PAGES)
    # The pages of a longer file are judged one by one when decoded, and JPEG shrinks on loading.
    if kind != PDF and pages == 1:
        with open_image(data, kind) as image:
            width, height = image.size
            check_pixels(width, height, 0 if kind == JPEG else 1, settings)
    return Scan(
        sha256=hashlib.sha256(data).hexdigest(),
        sha1=hashlib.sha1(data, usedforsecurity=False).hexdigest(),
        size=len(data),
        media_type=kind,
        origins=(origin,),
        page_count=pages,
    )
