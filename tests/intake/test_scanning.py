"""What came in is told by its bytes, and refused in one French sentence with a stable code."""

from __future__ import annotations

import hashlib
from io import BytesIO

import pikepdf
import pytest
from PIL import Image

from pipeline.config import Settings
from pipeline.errors import InputError
from pipeline.intake.scanning import inspect

SETTINGS = Settings()


def image(kind: str, size: tuple[int, int] = (400, 500), mode: str = "L") -> bytes:
    buffer = BytesIO()
    Image.new(mode, size, 1).save(buffer, kind)
    return buffer.getvalue()


def pdf(pages: int, encryption: pikepdf.Encryption | bool = False) -> bytes:
    document = pikepdf.new()
    for _ in range(pages):
        document.add_blank_page()
    buffer = BytesIO()
    document.save(buffer, encryption=encryption)
    return buffer.getvalue()


def tiff(pages: int) -> bytes:
    buffer = BytesIO()
    sheets = [Image.new("1", (400, 500), n % 2) for n in range(pages)]
    sheets[0].save(buffer, "TIFF", compression="group4", save_all=True, append_images=sheets[1:])
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "media_type", "pages"),
    [
        pytest.param(image("JPEG"), "image/jpeg", 1, id="jpeg"),
        pytest.param(image("PNG"), "image/png", 1, id="png"),
        pytest.param(image("WEBP", mode="RGB"), "image/webp", 1, id="webp"),
        pytest.param(image("TIFF"), "image/tiff", 1, id="tiff"),
        pytest.param(tiff(3), "image/tiff", 3, id="fax of three pages"),
        pytest.param(pdf(2), "application/pdf", 2, id="pdf"),
        pytest.param(b"\r\n junk" + pdf(2), "application/pdf", 2, id="pdf after junk"),
        pytest.param(pdf(4) + b"\x00" * 9000, "application/pdf", 4, id="padded pdf"),
    ],
)
def test_scans(data: bytes, media_type: str, pages: int) -> None:
    scan = inspect(data, "faux-nom.doc", SETTINGS)
    assert (scan.media_type, scan.page_count, scan.size) == (media_type, pages, len(data))
    assert scan.sha256 == hashlib.sha256(data).hexdigest()
    assert scan.sha1 == hashlib.sha1(data, usedforsecurity=False).hexdigest()
    assert scan.origins == ("faux-nom.doc",)


LOCKED = pikepdf.Encryption(owner="o", user="secret")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        pytest.param(b"", "fichier-vide", id="zero bytes"),
        pytest.param(b"Bonjour, ceci est du texte." * 50, "format-inconnu", id="text"),
        pytest.param(b"PK\x03\x04" + b"\x00" * 500, "format-inconnu", id="zip"),
        pytest.param(b"%PDF-1.7\nnot really\n%%EOF\n", "fichier-abime", id="pdf of nothing"),
        pytest.param(pdf(3)[:-200], "fichier-abime", id="pdf cut short"),
        pytest.param(pdf(1, encryption=LOCKED), "fichier-protege", id="locked pdf"),
        pytest.param(pdf(0), "sans-page", id="pdf without pages"),
        pytest.param(image("JPEG")[:-40], "fichier-abime", id="jpeg cut short"),
        pytest.param(image("JPEG")[:100] + bytes(5000), "fichier-abime", id="jpeg then zeros"),
        pytest.param(image("PNG")[:-20], "fichier-abime", id="png cut short"),
        pytest.param(image("WEBP", mode="RGB")[:-8], "fichier-abime", id="webp cut short"),
        pytest.param(tiff(1)[:60], "fichier-abime", id="tiff cut short"),
        pytest.param(image("PNG", (1, 1)), "image-trop-petite", id="one pixel"),
        pytest.param(image("PNG", (12_000, 12_000), "1"), "image-trop-grande", id="pixel bomb"),
    ],
)
def test_refusals(data: bytes, code: str) -> None:
    with pytest.raises(InputError) as caught:
        inspect(data, "scan.pdf", SETTINGS)
    assert caught.value.code == code
    assert caught.value.sentence.endswith(".")


def test_too_many_pages() -> None:
    with pytest.raises(InputError, match="séparez-le"):
        inspect(tiff(4), "scan.tif", Settings(max_pages=3))


def test_a_pdf_that_only_its_owner_may_change_is_read() -> None:
    owned = pdf(1, encryption=pikepdf.Encryption(owner="o", user=""))
    assert inspect(owned, "scan.pdf", SETTINGS).page_count == 1
