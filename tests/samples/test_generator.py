"""The generator: people who cannot exist, papers that say what their truth says, honest splits.

Pages are drawn with the fonts that every development machine has; handwriting fonts, which come
from a package registry, are not needed here.
"""

from __future__ import annotations

import io
import json
from pathlib import Path
from random import Random

import numpy as np
import pi_heif
import pypdfium2
import pytest
from PIL import Image, ImageOps

from samples.generator import degradation, heic, writing
from samples.generator.contents import KINDS, Paper, paper, strength_facts
from samples.generator.drawing import HEIGHT, Sheet, millimetres
from samples.generator.identities import (
    PHONE_RANGES,
    luhn_digit,
    nir_key,
    person,
    phone,
    professional,
    unaccented,
)
from samples.generator.letterheads import LETTERHEADS, letterhead
from samples.generator.rendering import Rendered, look, render
from samples.generator.scans import Mode, capture_page, turn
from samples.generator.vocabulary import Split, vocabulary

ROOT = Path(__file__).parents[2]
SPLITS: tuple[Split, ...] = ("development", "heldout")


@pytest.mark.parametrize(
    ("body", "key"), [("2740375115001", 97 - 2740375115001 % 97), ("180032A901123", None)]
)
def test_nir_key(body: str, key: int | None) -> None:
    expected = 97 - 1800319901123 % 97 if key is None else key
    assert nir_key(body) == expected


@pytest.mark.parametrize("split", SPLITS)
def test_nobody_generated_can_exist(split: Split) -> None:
    rng = Random(3)
    words = vocabulary(split)
    for _ in range(300):
        who = person(rng, words, None, (18, 90))
        assert 901 <= int(who.nir[7:10]) <= 988
        assert int(who.nir[13:]) == nir_key(who.nir[:13])
        assert who.nir[0] == ("2" if who.sex == "female" else "1")
        assert who.nir[1:5] == f"{who.birth_date:%y%m}"
        doctor = professional(rng, words, midwife=False)
        assert doctor.rpps.startswith("1099")
        assert len(doctor.rpps) == 11
        assert doctor.rpps[-1] == luhn_digit(doctor.rpps[:-1])
        digits = phone(rng).replace(" ", "")
        assert digits.startswith(tuple(r.replace(" ", "") for r in PHONE_RANGES))
        assert len(digits) == 10


def test_the_splits_share_no_person_brand_or_layout_word() -> None:
    ours, theirs = vocabulary("development"), vocabulary("heldout")
    for key in ("families", "female", "male", "prescribers", "towns"):
        assert not set(ours.people[key]) & set(theirs.people[key]), key
    assert not {d.name.casefold() for d in ours.drugs} & {d.name.casefold() for d in theirs.drugs}
    assert set(theirs.wording) <= set(ours.wording)
    assert set(ours.posology) == set(theirs.posology)
    assert len(ours.drugs) >= 50
    assert len(theirs.drugs) >= 50


@pytest.mark.parametrize("split", SPLITS)
def test_papers_say_what_their_truth_says(split: Split) -> None:
    words = vocabulary(split)
    kinds = set()
    for seed in range(200):
        sheet = paper(Random(seed), words)
        kinds.add(sheet.kind)
        body = unaccented("\n".join(p.text for p in sheet.body)).casefold()
        for medication in sheet.facts["medications"]:
            assert unaccented(medication["drug"]).casefold() in body
            assert unaccented(medication["dosageText"]).casefold() in body
            assert medication["dosage"]
        patient = sheet.facts["patient"]
        if "nir" in patient:
            said = "".join(p.text.replace(" ", "") for p in sheet.patient_lines)
            assert patient["nir"] in said
        if sheet.patient.sex == "male":
            assert "Mme" not in " ".join(p.text for p in sheet.patient_lines)
        assert json.loads(json.dumps(sheet.facts)) == sheet.facts
    assert kinds == set(KINDS)


def test_the_same_seed_gives_the_same_paper_and_page() -> None:
    words = vocabulary("development")
    papers = [paper(Random(5), words) for _ in range(2)]
    assert papers[0] == papers[1]
    drawn = [render(p, Random(6), "development", "printed", "{n}/{total}") for p in papers]
    assert np.array_equal(drawn[0][0].pixels, drawn[1][0].pixels)
    assert drawn[0][0].marks == drawn[1][0].marks


@pytest.mark.parametrize(
    ("written", "facts"),
    [
        ("500 mg", [{"value": 500, "unit": "mg"}]),
        ("2,5 mg", [{"value": 2.5, "unit": "mg"}]),
        ("1 g/125 mg", [{"value": 1, "unit": "g"}, {"value": 125, "unit": "mg"}]),
        ("100 UI/mL", [{"value": 100, "unit": "UI/mL"}]),
    ],
)
def test_strengths(written: str, facts: list[dict[str, object]]) -> None:
    assert strength_facts(written) == facts


def _ink(pixels: np.ndarray, box: list[float]) -> float:
    """Share of dark pixels in a box given in percent."""
    height, width = pixels.shape[:2]
    x, y, w, h = box
    part = pixels[
        round(y * height / 100) : round((y + h) * height / 100),
        round(x * width / 100) : round((x + w) * width / 100),
    ]
    grey = part if part.ndim == 2 else part.mean(axis=2)
    return float((grey < np.median(grey) - 60).mean())


@pytest.fixture(scope="module")
def drawn() -> tuple[Paper, list[Rendered]]:
    rng = Random(31)
    sheet = paper(rng, vocabulary("development"), "ordonnance")
    return sheet, render(sheet, rng, "development", "printed", "{n}/{total}")


@pytest.mark.parametrize(
    ("mode", "degrees"),
    [("printed", 0), ("printed", 90), ("printed", 180), ("fax", 270), ("photo", 0)],
)
def test_places_lie_on_ink_whatever_the_scanner_does(
    drawn: tuple[Paper, list[Rendered]], mode: Mode, degrees: int
) -> None:
    sheet, pages = drawn
    captures, truth = capture_page(Random(8), mode, sheet, pages, 1, hardness=0.4)
    if degrees:
        captures, truth = turn(captures, truth, degrees)
    assert len(truth["places"]) > 5
    shown = [
        np.rot90(c.pixels, -1) if c.orientation == 6 else c.pixels for c in captures
    ]  # as a viewer shows them
    assert all(set(np.unique(c.pixels)) <= {0, 255} for c in captures if c.bilevel)
    for place in truth["places"]:
        assert _ink(shown[place["page"] - 1], place["box"]) > 0.02, place


def _capture(value: int = 200) -> degradation.Capture:
    pixels = np.full((300, 200), value, np.uint8)
    pixels[:40, :20] = 0
    return degradation.Capture(pixels, 300, np.eye(3), orientation=6)


def test_jpeg_tells_viewers_how_to_turn_it(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    writing.save([_capture()], path, "jpg", 80)
    with Image.open(path) as image:
        assert image.size == (200, 300)
        assert ImageOps.exif_transpose(image).size == (300, 200)


def test_fax_pages_are_group_4(tmp_path: Path) -> None:
    pixels = np.where(np.arange(400 * 300).reshape(400, 300) % 7, 255, 0).astype(np.uint8)
    capture = degradation.Capture(pixels, 200, np.eye(3), bilevel=True)
    path = tmp_path / "fax.tif"
    writing.save([capture, capture], path, "tif", 80)
    with Image.open(path) as image:
        assert image.n_frames == 2  # type: ignore[attr-defined]
        assert image.info["compression"] == "group4"
        assert image.mode == "1"


def test_a_pdf_holds_every_page_and_repeats_byte_for_byte(tmp_path: Path) -> None:
    pages = [_capture(180), degradation.Capture(np.full((300, 200), 255, np.uint8), 300, np.eye(3))]
    data = []
    for name in ("a.pdf", "b.pdf"):
        writing.save(pages, tmp_path / name, "pdf", 80)
        data.append((tmp_path / name).read_bytes())
    assert data[0] == data[1]
    assert len(pypdfium2.PdfDocument(io.BytesIO(data[0]))) == 2


@pytest.mark.parametrize("size", [(90, 118), (64, 64), (1200, 34)])
def test_heic_comes_back_as_it_was(size: tuple[int, int]) -> None:
    """Decoded by the library that reads what phones store."""
    grey = np.random.default_rng(2).integers(0, 256, size, dtype=np.uint8)
    grey[: size[0] // 2] = 0  # long runs of zeros are what start codes look like
    for depth, turns in ((8, 0), (4, 3)):
        picture = pi_heif.open_heif(io.BytesIO(heic.encode(grey, depth, turns)))
        shown = np.asarray(picture.to_pillow().convert("L"))
        expected = np.rot90(grey, turns) & (256 - (1 << (8 - depth)))
        assert np.array_equal(shown, expected)


@pytest.mark.parametrize(("size", "depth"), [((3, 4), 4), ((4, 4), 0), ((4, 4), 9)])
def test_heic_refuses_what_it_cannot_write(size: tuple[int, int], depth: int) -> None:
    with pytest.raises(ValueError, match="even sides"):
        heic.encode(np.zeros(size, np.uint8), depth)


def test_one_page_containers_refuse_two(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="one page"):
        writing.save([_capture(), _capture()], tmp_path / "x.png", "png", 80)


def test_the_committed_inbox_has_one_of_everything() -> None:
    inbox, truth = ROOT / "samples" / "inbox", ROOT / "samples" / "truth"
    files = [path for path in inbox.rglob("*") if path.is_file()]
    assert len(files) >= 12
    assert sum(path.stat().st_size for path in files) < 6_000_000
    assert {path.suffix for path in files} >= {".pdf", ".jpg", ".png", ".tif", ".webp", ".heic"}
    scans = [json.loads(path.read_text(encoding="utf-8")) for path in truth.glob("*.json")]
    modes = {document["mode"] for scan in scans for document in scan["documents"]}
    assert modes == {"printed", "typewritten", "handwritten", "mixed", "fax", "photo"}
    assert any(len(scan["documents"]) > 2 for scan in scans)
    assert any(scan["separators"] for scan in scans)
    assert any(scan["rotation"] for scan in scans)
    assert any(scan["blank"] for scan in scans)
    known = {scan["scan"] for scan in scans}
    assert len({str(path.relative_to(inbox)) for path in files} - known) == 1  # the broken one
    assert all((inbox / name).is_file() for name in known)


@pytest.mark.parametrize("split", SPLITS)
def test_every_letterhead_names_the_prescriber_and_leaves_room(split: Split) -> None:
    sheet_paper = paper(Random(5), vocabulary(split))
    face = look(Random(5), split, "printed").head
    for layout in LETTERHEADS[split]:
        sheet = Sheet.blank()
        below = letterhead(sheet, sheet_paper, layout, face, millimetres(20), millimetres(15))
        assert below < HEIGHT / 3, layout
        assert any(sheet_paper.prescriber.family.casefold() in m.text.casefold()
                   for m in sheet.marks), layout  # fmt: skip
