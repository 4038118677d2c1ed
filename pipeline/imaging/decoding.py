"""Bytes of a scan become the pixels of one page, as a viewer shows them.

Lossless for what came in: bilevel faxes stay black and white, EXIF orientation is applied, unequal
resolutions (fax: 204 × 98 dpi) are stretched to square pixels. PDFs are always rasterised: text
that is embedded in a scan may be wrong or hidden.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import cv2
import numpy as np
import pypdfium2
from PIL import Image, ImageOps

from pipeline.config import Settings
from pipeline.errors import CorruptFile, TooManyPixels
from pipeline.formats import JPEG, PDF, PNG, TIFF, check_pixels, is_whole, open_image, open_pdf
from pipeline.raster import Pixels, Raster

POINTS_PER_INCH = 72.0
A4_LONG_SIDE = 11.69  # inches
# Long sides (inches) that a scanned sheet may have, A6 to A3; a resolution that implies another
# one is a default some program wrote, not a measure.
_PAPER_LONG_SIDES = (5.5, 17.5)
# How OpenCV is told to give what Pillow has in these modes.
_PLAIN = {"L": cv2.IMREAD_GRAYSCALE, "RGB": cv2.IMREAD_COLOR_RGB}


def decode(data: bytes, media_type: str, number: int, settings: Settings) -> Raster:
    """The raster of page `number` (from 1): uint8, (height, width) grey or (height, width, 3) RGB.

    Raises `CorruptFile` (also where data stops short: nothing is filled in), `EncryptedFile`,
    `NoPage`, `TooManyPixels`, `TooSmall`.
    """
    if media_type == PDF:
        return _decode_pdf(data, number, settings)
    return _decode_image(data, media_type, number, settings)


# --- images ---------------------------------------------------------------------------------


def _decode_image(data: bytes, media_type: str, number: int, settings: Settings) -> Raster:
    if not is_whole(data, media_type):
        raise CorruptFile
    with open_image(data, media_type) as image:
        try:
            if media_type == TIFF:
                image.seek(number - 1)
            density = _density(image)
            if media_type == JPEG:
                _shrink_on_load(image, settings)
            check_pixels(*image.size, _bytes_per_pixel(image), settings)
            if media_type == PNG and _is_plain(data, image):
                return _square(_png(data, image.mode), density)
            orientation = image.getexif().get(0x0112, 1)
            pixels = _pixels(ImageOps.exif_transpose(image))
        except (OSError, ValueError, SyntaxError, EOFError, RuntimeError) as e:
            raise CorruptFile from e
    if media_type == JPEG and _filled_in(pixels):
        raise CorruptFile
    if orientation in (5, 6, 7, 8):  # a quarter turn swaps the axes
        density = density[::-1]
    return _square(pixels, density)


def _density(image: Image.Image) -> tuple[float, float]:
    """Dots per inch across and down as the file says, (0, 0) where it does not."""
    x, y = image.info.get("dpi", (0.0, 0.0))
    try:
        return max(float(x), 0.0), max(float(y), 0.0)
    except (TypeError, ValueError, ZeroDivisionError):
        return 0.0, 0.0


def _bytes_per_pixel(image: Image.Image) -> int:
    return 1 if image.mode in ("1", "L", "P", "I;16", "I;16B") else 3


def _shrink_on_load(image: Image.Image, settings: Settings) -> None:
    """Let libjpeg halve a huge photograph while decoding, until it fits the budget."""
    width, height = image.size
    budget = settings.max_pixels / _bytes_per_pixel(image)
    if width * height > budget:
        factor = 2 ** math.ceil(math.log(width * height / budget, 4))
        if factor > 8:  # more than libjpeg can do
            raise TooManyPixels
        image.draft(None, (math.ceil(width / factor), math.ceil(height / factor)))


def _is_plain(data: bytes, image: Image.Image) -> bool:
    """Whether a PNG is opaque, of eight bits a colour or grey, and says nothing of a turn."""
    words = (b"eXIf", b"exif", b"com.adobe.xmp")
    turned = any(word in said for said in _beside_pixels(data) for word in words)
    return image.mode in _PLAIN and "transparency" not in image.info and not turned


def _beside_pixels(data: bytes) -> Iterator[bytes]:
    """Name and content of each chunk of a PNG that holds no pixels (they are most of it)."""
    place = len(b"\x89PNG\r\n\x1a\n")
    while place + 8 <= len(data):
        end = place + 8 + int.from_bytes(data[place : place + 4], "big")
        if data[place + 4 : place + 8] != b"IDAT":
            yield data[place + 4 : end]
        place = end + 4


def _png(data: bytes, mode: str) -> Pixels:
    """What `_pixels` makes of a plain PNG, in half the memory: Pillow holds four bytes a colour
    and copies all of them twice on their way out."""
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), _PLAIN[mode])
    if pixels is None:
        raise CorruptFile
    return np.asarray(pixels, np.uint8)


def _pixels(image: Image.Image) -> Pixels:
    """Grey or RGB bytes; transparent parts become paper."""
    if image.mode == "1":
        return np.asarray(image, dtype=np.uint8) * np.uint8(255)
    if image.mode in ("I;16", "I;16B"):
        return (np.asarray(image, dtype=np.uint16) >> 8).astype(np.uint8)
    if image.mode == "L":
        return np.asarray(image)
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        colours = image.convert("RGBA")
        paper = Image.new("RGBA", colours.size, (255, 255, 255, 255))
        return np.asarray(Image.alpha_composite(paper, colours).convert("RGB"))
    return np.asarray(image.convert("RGB"))


def _filled_in(pixels: Pixels) -> bool:
    """Whether the last rows are one flat grey that the page does not have elsewhere: libjpeg goes
    on with one tone where data is missing."""
    tone = pixels[-1, -1]
    if not 30 < int(tone.max()) < 225 or not (pixels[-16:] == tone).all():
        return False
    flat = (pixels[:, ::16] == tone).reshape(len(pixels), -1).all(axis=1)
    end = len(flat) - int(np.argmin(flat[::-1])) if not flat.all() else 0
    return end > 0 and bool((pixels[:end:8, ::8] == tone).mean() < 0.2)


def _square(pixels: Pixels, density: tuple[float, float]) -> Raster:
    """Stretch to square pixels and settle the resolution."""
    x, y = density
    if min(x, y) >= 50 and max(x, y) / min(x, y) > 1.05:
        height, width = pixels.shape[:2]
        target = max(x, y)
        size = (round(width * target / x), round(height * target / y))
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_LINEAR), np.uint8)
        x = target
    return Raster(pixels=pixels, dpi=_plausible(x, max(pixels.shape[:2])))


def _plausible(dpi: float, long_side: int) -> float:
    """`dpi` if the sheet it implies exists, else the one that makes the picture an A4 sheet."""
    low, high = _PAPER_LONG_SIDES
    if dpi > 0 and low <= long_side / dpi <= high:
        return round(dpi, 1)
    return round(long_side / A4_LONG_SIDE, 1)


# --- PDF ------------------------------------------------------------------------------------


def _decode_pdf(data: bytes, number: int, settings: Settings) -> Raster:
    with open_pdf(data) as document:
        try:
            page = document[number - 1]
            dpi = _render_dpi(page, settings)
            width, height = (side * dpi / POINTS_PER_INCH for side in page.get_size())
            check_pixels(math.ceil(width), math.ceil(height), 3, settings)
            bitmap = page.render(scale=dpi / POINTS_PER_INCH, rev_byteorder=True)
            pixels = np.array(bitmap.to_numpy()[..., :3])
            if pixels.min() > 250 and _holds_broken_image(page):
                raise CorruptFile
        except (pypdfium2.PdfiumError, ValueError, IndexError) as e:
            raise CorruptFile from e
    return Raster(pixels=pixels, dpi=_plausible(dpi, max(pixels.shape[:2])))


def _images(page: pypdfium2.PdfPage) -> list[pypdfium2.PdfImage]:
    return list(page.get_objects(filter=[pypdfium2.raw.FPDF_PAGEOBJ_IMAGE], max_depth=3))


def _render_dpi(page: pypdfium2.PdfPage, settings: Settings) -> float:
    """The resolution of a full-page image up to `settings.dpi`, else `settings.dpi`.

    Pages of absurd size (a phone app's one point per pixel, a poster) are held to an A3 sheet's
    worth of pixels.
    """
    width, height = page.get_size()
    dpi = float(settings.dpi)
    for image in _images(page):
        left, bottom, right, top = image.get_bounds()
        if (right - left) * (top - bottom) >= 0.9 * width * height:
            across, down = sorted(image.get_px_size())
            sides = sorted((right - left, top - bottom))
            native = POINTS_PER_INCH * min(across / sides[0], down / sides[1])
            dpi = min(dpi, native)
    longest = _PAPER_LONG_SIDES[1] * POINTS_PER_INCH
    return float(min(dpi, settings.dpi * longest / max(width, height)))


def _holds_broken_image(page: pypdfium2.PdfPage) -> bool:
    """Whether an image on the page cannot be decoded (pdfium then leaves white)."""
    for image in _images(page):
        try:
            image.get_bitmap().close()
        except pypdfium2.PdfiumError:
            return True
    return False
