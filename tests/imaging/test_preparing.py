"""Pages come out upright, straight and flat, and every pixel finds its way back."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.config import Settings
from pipeline.errors import NotADocument
from pipeline.imaging.decoding import decode
from pipeline.imaging.likeness import are_alike
from pipeline.imaging.preparing import prepare
from pipeline.intake.separator import separator_pdf
from pipeline.intake.splitting import SEPARATOR
from pipeline.model import Legibility, ZoneKind
from pipeline.raster import Pixels, Prepared, Raster
from tests.imaging.sheets import LINES, leaning, photographed, printed, scanned

SETTINGS = Settings()
SHEET = scanned(printed())


def prepared(pixels: Pixels, dpi: float = 200) -> Prepared:
    return prepare(Raster(np.ascontiguousarray(pixels), dpi), SETTINGS)


def alike(one: Pixels, other: Pixels) -> float:
    """Correlation of two pages reduced to 12 dpi: what is where, to some 4 mm."""
    small = [
        cv2.resize(page, (103, 146), interpolation=cv2.INTER_AREA).ravel().astype(float)
        for page in (one, other)
    ]
    return float(np.corrcoef(small)[0, 1])


def test_a_clean_upright_page_is_left_as_it_is() -> None:
    page = prepared(SHEET)
    assert page.grey is not None
    assert np.array_equal(page.grey, SHEET)
    assert np.array_equal(page.transform.matrix, np.eye(3))
    assert (page.rotation, page.rotation_sure, page.blank) == (0, True, False)
    assert page.quality.legibility is Legibility.GOOD
    assert page.quality.advice == ""


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
@pytest.mark.parametrize("degrees", [0.0, 2.5, -6.0])
def test_pages_are_turned_upright_and_straightened(turns: int, degrees: float) -> None:
    page = prepared(np.rot90(leaning(SHEET, degrees), turns))
    assert page.rotation == 90 * turns
    assert page.rotation_sure
    height, width = SHEET.shape
    top = max((page.grey.shape[0] - height) // 2, 0)
    left = max((page.grey.shape[1] - width) // 2, 0)
    middle = page.grey[top : top + height, left : left + width]
    assert alike(middle, SHEET) > 0.8


@pytest.mark.parametrize("turns", [0, 1])
@pytest.mark.parametrize("degrees", [0.0, 3.0])
def test_a_rule_beside_few_lines_does_not_turn_the_page(turns: int, degrees: float) -> None:
    sheet = printed(lines=LINES[:4])
    sheet[150:2100, 150:153] = 60
    page = prepared(np.rot90(leaning(sheet, degrees), turns))
    assert page.rotation == 90 * turns


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_boxes_lead_back_to_the_original(turns: int) -> None:
    original = np.rot90(leaning(SHEET, 1.7), turns)
    page = prepared(original)
    rows, columns = np.nonzero(page.grey < 100)
    chosen = np.random.default_rng(0).choice(len(rows), 300, replace=False)
    points = np.column_stack([columns[chosen], rows[chosen]]).astype(float)
    back = np.rint(page.transform.points(points)).astype(int)
    # around each of these points the original has ink too
    darkest = cv2.erode(np.ascontiguousarray(original), np.ones((5, 5), np.uint8))
    assert (darkest[back[:, 1], back[:, 0]] < 140).mean() > 0.98
    assert page.size.width == original.shape[1]


@pytest.mark.parametrize("shadow", [False, True])
@pytest.mark.parametrize("turns", [0, 1])
def test_a_photographed_sheet_is_flattened(shadow: bool, turns: int) -> None:
    photograph, corners = photographed(printed(), shadow=shadow)
    page = prepared(np.rot90(photograph, turns))
    assert page.rotation == 90 * turns
    assert alike(page.grey, SHEET) > 0.6
    left, right = np.array_split(page.grey[-800:-100], 2, axis=1)  # the shadow is gone
    assert abs(float(np.median(left)) - float(np.median(right))) < 12
    height, width = page.grey.shape
    found = page.transform.points(
        np.array([[0, 0], [width, 0], [width, height], [0, height]], float)
    )
    if turns == 0:
        assert np.abs(found - corners).max() < 0.02 * max(photograph.shape)


def test_no_ink_is_eaten_in_a_photograph() -> None:
    lines = [line or "." for line in LINES]
    photograph, _ = photographed(printed(lines=lines), shadow=True)
    page = prepared(photograph)
    ink = cv2.countNonZero(cv2.inRange(page.grey, 0, 150)) / page.grey.size
    expected = cv2.countNonZero(cv2.inRange(printed(lines=lines), 0, 150)) / SHEET.size
    assert 0.7 * expected < ink < 1.6 * expected


def test_real_hands_are_told_up_from_down(shared_dir: Path) -> None:
    right = wrong_and_sure = 0
    files = sorted((shared_dir / "handwriting" / "pages" / "dev").glob("*.jpg"))[::3]
    for number, file in enumerate(files):
        turns = number % 4
        scan = np.asarray(cv2.imread(str(file), cv2.IMREAD_GRAYSCALE), np.uint8)
        page = prepared(np.rot90(scan, turns))
        right += page.rotation == 90 * turns
        wrong_and_sure += page.rotation != 90 * turns and page.rotation_sure
    assert wrong_and_sure == 0
    assert right >= len(files) - 1


def test_resolution_is_brought_within_what_engines_read() -> None:
    fine = prepared(scanned(printed(dpi=600)), 600)
    assert (fine.dpi, fine.grey.shape[0]) == (300, pytest.approx(3507, abs=2))
    coarse = prepared(scanned(printed(dpi=100)), 100)
    assert (coarse.dpi, coarse.grey.shape[0]) == (200, pytest.approx(2338, abs=2))
    assert coarse.transform.matrix[0, 0] == pytest.approx(0.5, rel=0.01)
    assert "résolution" in coarse.quality.advice


# --- blank pages ----------------------------------------------------------------------------


def paper_sheet(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    sheet = np.full((2338, 1654), 235.0)
    sheet += 2.5 * np.asarray(cv2.resize(rng.normal(0, 1, (292, 206)), (1654, 2338)))
    return np.asarray(sheet + rng.normal(0, 3, sheet.shape))


def as_pixels(sheet: np.ndarray) -> Pixels:
    return np.asarray(np.clip(sheet, 0, 255), np.uint8)


def with_note(sheet: np.ndarray, darkness: float) -> np.ndarray:
    strokes = np.zeros(sheet.shape, np.float32)
    for start in range(300, 700, 80):
        wave = [(start + x, int(700 + 18 * np.sin(x / 7))) for x in range(60)]
        cv2.polylines(strokes, [np.array(wave)], False, 1.0, 3, cv2.LINE_AA)
    return np.asarray(sheet * (1 - darkness * strokes))


def shining_through(sheet: np.ndarray) -> np.ndarray:
    back = cv2.GaussianBlur(cv2.flip(printed(), 1), (0, 0), 3.4)
    return np.asarray(sheet * (1 - 0.15 * (255.0 - back) / 255))


def ruled_and_punched(sheet: np.ndarray) -> np.ndarray:
    page = sheet.copy()
    for y in range(200, 2300, 64):
        page[y : y + 2] -= 45
    for y in (855, 1483):
        cv2.circle(page, (87, y), 24, 40, -1)
    return page


@pytest.mark.parametrize(
    ("sheet", "blank"),
    [
        pytest.param(paper_sheet(), True, id="nothing"),
        pytest.param(shining_through(paper_sheet()), True, id="other side shines through"),
        pytest.param(ruled_and_punched(paper_sheet()), True, id="ruled and punched"),
        pytest.param(with_note(paper_sheet(), 0.12), False, id="faint pencil"),
        pytest.param(with_note(ruled_and_punched(paper_sheet()), 0.15), False, id="on rules"),
        pytest.param(with_note(shining_through(paper_sheet()), 0.2), False, id="over the back"),
        pytest.param(with_note(paper_sheet(), 0.8), False, id="pen"),
    ],
)
def test_blank_is_told_from_faint(sheet: np.ndarray, blank: bool) -> None:
    assert prepared(as_pixels(sheet)).blank is blank


# --- quality --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pixels", "legibility", "word"),
    [
        pytest.param(cv2.GaussianBlur(SHEET, (0, 0), 2.7), "poor", "floue", id="soft"),
        pytest.param(cv2.GaussianBlur(SHEET, (0, 0), 6), "unreadable", "floue", id="blurred"),
        pytest.param(scanned(SHEET, tone=50, noise=1), "poor", "sombre", id="dark"),
        pytest.param(255 - (255 - printed()) // 12, "poor", "pâle", id="faint"),
        pytest.param(SHEET[:, 280:], "poor", "coupée", id="cut"),
    ],
)
def test_bad_scans_are_told_with_what_to_do(pixels: Pixels, legibility: str, word: str) -> None:
    quality = prepared(pixels).quality
    assert quality.legibility == legibility
    assert word in quality.advice


# --- what is no document --------------------------------------------------------------------


def landscape() -> Pixels:
    """Sky, hills and grain in colour: no paper, no letters."""
    rng = np.random.default_rng(3)
    layers = [
        cv2.resize(rng.normal(0, 1, (size, size)), (1600, 1200), interpolation=cv2.INTER_CUBIC)
        for size in (4, 9, 20, 45, 100)
    ]
    rough = sum(layer / (number + 1) for number, layer in enumerate(layers))
    scene = 120 + 45 * rough + np.linspace(60, -60, 1200)[:, None]
    return as_pixels(scene[..., None] * np.array([0.8, 1.0, 1.1]))


def test_a_picture_of_something_else_is_refused() -> None:
    with pytest.raises(NotADocument):
        prepared(landscape())


# --- marks ----------------------------------------------------------------------------------


@pytest.mark.parametrize("turns", [0, 1, 2])
def test_the_separator_sheet_is_known_by_its_code(turns: int) -> None:
    raster = decode(separator_pdf(), "application/pdf", 1, SETTINGS)
    page = prepared(np.rot90(raster.pixels, turns), raster.dpi)
    codes = [zone for zone in page.zones if zone.kind is ZoneKind.BARCODE]
    assert [zone.payload for zone in codes] == [SEPARATOR] * 3
    for zone in codes:
        assert 0 <= zone.box.x < zone.box.right <= page.size.width


@pytest.mark.parametrize("colour", [(40, 60, 170), (20, 20, 20)])
def test_a_round_stamp_is_a_zone(colour: tuple[int, int, int]) -> None:
    sheet = np.dstack([SHEET] * 3)
    cv2.circle(sheet, (1200, 1900), 140, colour, 6, cv2.LINE_AA)
    cv2.putText(sheet, "CABINET", (1110, 1910), cv2.FONT_HERSHEY_SIMPLEX, 1.3, colour, 4)
    stamps = [zone for zone in prepared(sheet).zones if zone.kind is ZoneKind.STAMP]
    assert len(stamps) == 1
    box = stamps[0].box
    assert box.x == pytest.approx(1060, abs=15)
    assert box.bottom == pytest.approx(2040, abs=15)


def test_a_tilted_block_of_small_print_is_a_stamp_and_the_lines_stay_level() -> None:
    words = ["Dr Claire Martineau", "12 rue des Lilas", "75099 Ville-Exemple", "RPPS 10990000017"]
    block = printed(lines=words, points=9, spacing=0.15)[150:440, 190:560]
    turn = cv2.getRotationMatrix2D((185, 145), 6, 1.0)
    tilted = cv2.warpAffine(block, turn, (370, 290), borderValue=255)
    sheet = SHEET.copy()
    sheet[1900:2190, 1000:1370] = np.minimum(sheet[1900:2190, 1000:1370], tilted)
    page = prepared(sheet)
    assert np.array_equal(page.transform.matrix, np.eye(3))
    stamps = [zone for zone in page.zones if zone.kind is ZoneKind.STAMP]
    assert len(stamps) == 1
    assert 990 < stamps[0].box.x < stamps[0].box.right < 1390
    assert 1890 < stamps[0].box.y < stamps[0].box.bottom < 2200


def test_blue_writing_is_no_stamp() -> None:
    sheet = np.dstack([np.full_like(SHEET, 250)] * 3)
    writing = with_note(np.full(SHEET.shape, 1.0), 1.0)[..., None]
    sheet = as_pixels(sheet * writing + (1 - writing) * np.array([30, 50, 160]))
    assert not [zone for zone in prepared(sheet).zones if zone.kind is ZoneKind.STAMP]


# --- rescans --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rescan",
    [
        pytest.param(scanned(printed(), tone=215, noise=6, seed=4), id="paler"),
        pytest.param(leaning(SHEET, 1.0), id="leaning"),
        pytest.param(scanned(printed(dpi=150)), id="coarser"),
        pytest.param(np.rot90(SHEET, 2), id="upside down"),
    ],
)
def test_rescans_have_like_fingerprints(rescan: Pixels) -> None:
    assert are_alike(prepared(SHEET).fingerprint, prepared(rescan).fingerprint)


def test_other_sheets_on_one_letterhead_do_not() -> None:
    other = [*LINES[:6], "Monsieur Paul Martin", "", "Ibuprofène 400 mg comprimé", *LINES[-1:]]
    sheet = prepared(scanned(printed(lines=other)))
    assert not are_alike(prepared(SHEET).fingerprint, sheet.fingerprint)
    nothing = prepared(np.full_like(SHEET, 240))
    assert not are_alike(nothing.fingerprint, nothing.fingerprint)
