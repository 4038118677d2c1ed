"""The file formats that come in: told by their bytes, opened by header only, never decoded here.

Pillow and pdfium open them; their failures become our errors, so that intake (which counts pages)
and imaging (which decodes them) refuse a bad file in the same words.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO

import pi_heif
import pypdfium2
from PIL import Image

from pipeline.config import Settings
from pipeline.errors import (
    CorruptFile,
    EmptyFile,
    EncryptedFile,
    InputError,
    NoPage,
    TooManyPixels,
    TooSmall,
    UnsupportedFile,
)

PDF = "application/pdf"
TIFF = "image/tiff"
JPEG = "image/jpeg"
PNG = "image/png"
HEIC = "image/heic"
WEBP = "image/webp"

_SIGNATURES = (
    (b"\xff\xd8\xff", JPEG),
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"II*\x00", TIFF),
    (b"MM\x00*", TIFF),
    (b"II+\x00", TIFF),
    (b"MM\x00+", TIFF),
)
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_PILLOW_FORMATS = {TIFF: "TIFF", JPEG: "JPEG", PNG: "PNG", HEIC: "HEIF", WEBP: "WEBP"}

# Where a PDF header may start and its end marker may stand (ISO 32000-1, annex H.3.4.1 and
# H.3.4.4 say 1024 bytes; scanners pad the end with more).
_PDF_HEAD = 1024
_PDF_TAIL = 4096

# Pixels are counted against `Settings.max_pixels` from the header; Pillow's own limit would only
# warn, and at another number.
Image.MAX_IMAGE_PIXELS = None
pi_heif.register_heif_opener()


def media_type(data: bytes) -> str:
    """The true media type, from the first bytes and never from the name.

    Raises `EmptyFile`, `UnsupportedFile`.
    """
    if not data:
        raise EmptyFile
    for signature, kind in _SIGNATURES:
        if data.startswith(signature):
            return kind
    if data[4:8] == b"ftyp" and data[8:12] in _HEIF_BRANDS:
        return HEIC
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return WEBP
    if b"%PDF-" in data[:_PDF_HEAD]:
        return PDF
    raise UnsupportedFile


def is_whole(data: bytes, kind: str) -> bool:
    """Whether the bytes reach the end that their format promises (a copy may have stopped)."""
    if kind == PDF:
        tail = data.rstrip(b"\x00\r\n\t ")[-_PDF_TAIL:]
        return b"%%EOF" in tail or b"startxref" in tail
    if kind == JPEG:
        # After the last "start of scan" an "end of image"; phones append data of their own.
        return data.rfind(b"\xff\xd9") > data.rfind(b"\xff\xda") >= 0
    if kind == PNG:
        return data.rfind(b"IEND") > 0
    if kind == WEBP:
        return len(data) >= 8 + int.from_bytes(data[4:8], "little")
    if kind == HEIC:
        return _boxes_reach_end(data)
    return True  # a TIFF may keep its directory anywhere: decoding tells


def _boxes_reach_end(data: bytes) -> bool:
    """Whether ISO base media boxes (ISO/IEC 14496-12: length, name) fill the file."""
    position = 0
    while position + 8 <= len(data):
        length = int.from_bytes(data[position : position + 4], "big")
        if length == 1:
            length = int.from_bytes(data[position + 8 : position + 16], "big")
        if length == 0:
            return True
        if length < 8:
            return False
        position += length
    return position == len(data)


@contextmanager
def open_image(data: bytes, kind: str) -> Iterator[Image.Image]:
    """An image file, header read, pixels not. Raises `CorruptFile`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of damage that decoding then meets
        try:
            image = Image.open(BytesIO(data), formats=(_PILLOW_FORMATS[kind],))
        except (OSError, ValueError, SyntaxError, EOFError, RuntimeError) as e:
            raise CorruptFile from e
        with image:
            yield image


@contextmanager
def open_pdf(data: bytes) -> Iterator[pypdfium2.PdfDocument]:
    """A PDF. Raises `EncryptedFile`, `NoPage`, `CorruptFile`."""
    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as e:
        raise _why_not_opened(data) from e
    try:
        if len(document) == 0:
            raise NoPage
        yield document
    finally:
        document.close()


def _why_not_opened(data: bytes) -> InputError:
    """Ask qpdf, since pdfium's error codes outlive the file they were about."""
    import pikepdf

    try:
        with pikepdf.open(BytesIO(data)) as document:
            return CorruptFile() if len(document.pages) else NoPage()
    except pikepdf.PasswordError:
        return EncryptedFile()
    except pikepdf.PdfError:
        return CorruptFile()


def page_count(data: bytes, kind: str) -> int:
    """How many pages the file holds. Raises `CorruptFile`, `EncryptedFile`, `NoPage`."""
    if kind == PDF:
        with open_pdf(data) as document:
            return len(document)
    if kind == TIFF:
        with open_image(data, kind) as image:
            try:
                return int(getattr(image, "n_frames", 1))
            except (OSError, ValueError, SyntaxError, EOFError) as e:
                raise CorruptFile from e
    return 1  # animations and bursts count as their first picture


def check_pixels(width: int, height: int, bytes_per_pixel: int, settings: Settings) -> None:
    """Refuse a raster that memory cannot hold or that no text can stand in.

    `bytes_per_pixel` is what decoding takes: colour has a third of the budget of grey.
    Raises `TooManyPixels`, `TooSmall`.
    """
    if min(width, height) < settings.min_side:
        raise TooSmall
    if width * height * bytes_per_pixel > settings.max_pixels:
        raise TooManyPixels
