"""Every format comes out as a viewer shows it, and nothing is made up where bytes are missing."""

from __future__ import annotations

import base64
from io import BytesIO

import numpy as np
import pikepdf
import pypdfium2
import pytest
from PIL import Image

from pipeline import formats
from pipeline.config import Settings
from pipeline.errors import CorruptFile, TooManyPixels, TooSmall
from pipeline.imaging.decoding import decode
from tests.imaging.sheets import printed, scanned

SETTINGS = Settings()
SHEET = scanned(printed(dpi=150))


def saved(pixels: np.ndarray, kind: str, **options: object) -> bytes:
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("kind", "media_type", "options", "most_difference"),
    [
        ("PNG", formats.PNG, {}, 0.0),
        ("TIFF", formats.TIFF, {"compression": "tiff_lzw"}, 0.0),
        ("JPEG", formats.JPEG, {"quality": 90}, 3.0),
        ("WEBP", formats.WEBP, {"lossless": True}, 1.0),
    ],
)
def test_formats_keep_their_pixels(
    kind: str, media_type: str, options: dict[str, object], most_difference: float
) -> None:
    data = saved(SHEET, kind, dpi=(150, 150), **options)
    assert formats.media_type(data) == media_type
    raster = decode(data, media_type, 1, SETTINGS)
    shown = raster.pixels if raster.pixels.ndim == 2 else raster.pixels[..., 0]
    assert shown.shape == SHEET.shape
    assert np.abs(shown.astype(int) - SHEET).mean() <= most_difference
    assert raster.dpi == pytest.approx(150, abs=1)


def test_bilevel_fax_stays_black_and_white_and_gets_square_pixels() -> None:
    fax = Image.fromarray(printed(dpi=204)).resize((1687, 1146)).convert("1")
    buffer = BytesIO()
    fax.save(buffer, "TIFF", compression="group4", dpi=(204, 98))
    raster = decode(buffer.getvalue(), formats.TIFF, 1, SETTINGS)
    assert raster.size.width == 1687
    assert raster.size.height == round(1146 * 204 / 98)
    assert raster.dpi == 204
    square = BytesIO()
    fax.save(square, "TIFF", compression="group4", dpi=(204, 204))
    assert set(np.unique(decode(square.getvalue(), formats.TIFF, 1, SETTINGS).pixels)) == {0, 255}


# A white sheet of 240 × 320 with a black bar; our HEIC library only reads.
HEIC = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAT9tZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAA"
    "AAAAAAAAAAAAAA5waXRtAAAAAAABAAAAImlsb2MAAAAAREAAAQABAAAAAAFjAAEAAAAAAAAAdQAAACNpaW5mAAAA"
    "AAABAAAAFWluZmUCAAAAAAEAAGh2YzEAAAAAv2lwcnAAAAChaXBjbwAAAHVodmNDAQNwAAAAAAAAAAAAPPAA/P34"
    "+AAADwMgAAEAGEABDAH//wNwAAADAJAAAAMAAAMAPLoCQCEAAQAoQgEBA3AAAAMAkAAAAwAAAwA8oB4gFBZbqSSm"
    "ubAgAAADACAAAAMAISIAAQAHRAHBcrBiQAAAABRpc3BlAAAAAAAAAPAAAAFAAAAAEHBpeGkAAAAAAwgICAAAABZp"
    "cG1hAAAAAAAAAAEAAQOBAoMAAAB9bWRhdAAAAHEoAa8LSnlhwoaA+rKFN676xZNSj7k/K5/3st5gxq5/++ARff41"
    "L/HoX+bvF8yYBAEpSsWlqjFqEBpB1+71+Nb/wvB2NbYvrm98zyWggHJB7pwSH15HgKeKexjn+CLgkxYHwAEphwAA"
    "AwAv4AAAAwACwg=="
)


def test_heic() -> None:
    assert formats.media_type(HEIC) == formats.HEIC
    shown = decode(HEIC, formats.HEIC, 1, SETTINGS).pixels
    assert shown.shape == (320, 240, 3)
    assert shown[45, 120].max() < 40
    assert shown[200, 120].min() > 215
    for kept in (100, 300, len(HEIC) - 8):
        with pytest.raises(CorruptFile):
            decode(HEIC[:kept], formats.HEIC, 1, SETTINGS)


def test_each_page_of_a_tiff() -> None:
    pages = [Image.fromarray(np.full((400, 300), tone, np.uint8)) for tone in (10, 120, 240)]
    buffer = BytesIO()
    pages[0].save(buffer, "TIFF", save_all=True, append_images=pages[1:])
    data = buffer.getvalue()
    assert formats.page_count(data, formats.TIFF) == 3
    tones = [int(decode(data, formats.TIFF, n, SETTINGS).pixels[0, 0]) for n in (1, 2, 3)]
    assert tones == [10, 120, 240]
    with pytest.raises(CorruptFile):
        decode(data, formats.TIFF, 4, SETTINGS)


@pytest.mark.parametrize(("orientation", "turns"), [(1, 0), (3, 2), (6, 3), (8, 1)])
def test_exif_orientation_is_what_a_viewer_shows(orientation: int, turns: int) -> None:
    image = Image.fromarray(SHEET)
    exif = image.getexif()
    exif[0x0112] = orientation
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=95, exif=exif)
    shown = decode(buffer.getvalue(), formats.JPEG, 1, SETTINGS).pixels
    expected = np.rot90(SHEET, turns)
    assert shown.shape == expected.shape
    assert np.abs(shown.astype(int) - expected).mean() < 3


@pytest.mark.parametrize("mode", ["L", "RGB", "P", "1", "I;16", "LA"])
def test_a_png_of_any_kind_comes_out_as_pillow_has_it(mode: str) -> None:
    colours = np.random.default_rng(7).integers(0, 256, (480, 420, 3), np.uint8)
    image = Image.fromarray(colours)
    image = Image.fromarray(colours[..., 0].astype(np.uint16) << 8) if "16" in mode else (
        image.convert("L").convert(mode) if mode in "LA1" else image.convert(mode)
    )  # fmt: skip
    buffer = BytesIO()
    image.save(buffer, "PNG")
    expected = np.asarray(image.convert("RGB")) if mode in ("P", "LA") else np.asarray(image)
    if mode == "1":
        expected = expected * np.uint8(255)
    if mode == "I;16":
        expected = (expected >> 8).astype(np.uint8)
    assert np.array_equal(decode(buffer.getvalue(), formats.PNG, 1, SETTINGS).pixels, expected)


def test_a_png_that_says_how_it_is_turned_is_turned() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = saved(SHEET, "PNG", exif=exif)
    shown = decode(data, formats.PNG, 1, SETTINGS).pixels
    assert np.array_equal(shown, np.rot90(SHEET, -1))


@pytest.mark.parametrize("colours", [1, 3])
def test_a_png_with_a_hole_is_refused(colours: int) -> None:
    data = bytearray(saved(np.stack([SHEET] * 3, axis=-1) if colours == 3 else SHEET, "PNG"))
    middle = len(data) // 2
    data[middle : middle + 400] = bytes(400)
    with pytest.raises(CorruptFile):
        decode(bytes(data), formats.PNG, 1, SETTINGS)


def test_transparent_parts_are_paper() -> None:
    pixels = np.zeros((300, 300, 4), np.uint8)
    pixels[100:200, 100:200, 3] = 255
    shown = decode(saved(pixels, "PNG"), formats.PNG, 1, SETTINGS).pixels
    assert (shown[0, 0] == 255).all()
    assert (shown[150, 150] == 0).all()


@pytest.mark.parametrize("kept", [0.02, 0.3, 0.6, 0.95, 0.999])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_short_file_is_refused_and_never_filled_in(kind: str, kept: float) -> None:
    data = saved(SHEET, kind)
    media_type = formats.media_type(data)
    with pytest.raises(CorruptFile):
        decode(data[: int(len(data) * kept)], media_type, 1, SETTINGS)


def test_a_jpeg_with_a_hole_and_an_end_is_refused() -> None:
    data = saved(scanned(SHEET, tone=215), "JPEG")
    with pytest.raises(CorruptFile):
        decode(data[: len(data) // 2] + b"\xff\xd9", formats.JPEG, 1, SETTINGS)


def test_pixel_bomb_is_refused_by_its_header() -> None:
    bomb = BytesIO()
    Image.new("1", (12_000, 12_000)).save(bomb, "PNG")
    with pytest.raises(TooManyPixels):
        decode(bomb.getvalue(), formats.PNG, 1, SETTINGS)


def test_a_huge_photograph_is_halved_while_loading() -> None:
    data = saved(np.full((2000, 1500, 3), 200, np.uint8), "JPEG")
    raster = decode(data, formats.JPEG, 1, Settings(max_pixels=3_000_000))
    assert raster.size.width == 750


def test_one_pixel_is_no_page() -> None:
    with pytest.raises(TooSmall):
        decode(saved(np.zeros((1, 1), np.uint8), "PNG"), formats.PNG, 1, SETTINGS)


def pdf_of(image: Image.Image, resolution: float) -> bytes:
    buffer = BytesIO()
    image.save(buffer, "PDF", resolution=resolution)
    return buffer.getvalue()


@pytest.mark.parametrize(("native", "rendered"), [(150, 150), (200, 200), (600, 300)])
def test_a_scan_in_a_pdf_keeps_its_resolution_up_to_ours(native: int, rendered: int) -> None:
    page = Image.new("L", (round(8.27 * native), round(11.69 * native)), 230)
    raster = decode(pdf_of(page, native), formats.PDF, 1, SETTINGS)
    assert raster.dpi == pytest.approx(rendered, rel=0.01)
    assert raster.size.height == pytest.approx(11.69 * rendered, rel=0.01)


def test_a_pdf_page_of_one_point_a_pixel_is_no_bomb() -> None:
    page = Image.new("L", (3000, 4000), 230)
    raster = decode(pdf_of(page, 72), formats.PDF, 1, SETTINGS)
    assert raster.size.height == pytest.approx(4000, abs=2)
    assert raster.dpi == pytest.approx(4000 / 11.69, rel=0.01)  # the sheet is taken for A4


def test_a_pdf_image_that_cannot_be_decoded_is_not_a_white_page() -> None:
    pdf = pikepdf.open(BytesIO(pdf_of(Image.fromarray(SHEET), 150)))
    image = next(iter(pdf.pages[0].images.values()))
    image.write(b"\xff\xd8\xff\xe0 nothing", filter=pikepdf.Name.DCTDecode)
    buffer = BytesIO()
    pdf.save(buffer)
    assert len(pypdfium2.PdfDocument(buffer.getvalue())) == 1
    with pytest.raises(CorruptFile):
        decode(buffer.getvalue(), formats.PDF, 1, SETTINGS)
