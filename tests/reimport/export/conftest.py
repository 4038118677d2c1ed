"""An output folder with validated documents of every kind, and the ledger of their pages."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

from pipeline.config import Settings
from pipeline.fhir.drafting import Attachment, draft
from pipeline.fhir.serialising import dumps
from pipeline.fhir.validating import validate
from pipeline.model import Box, DocumentKind, Line, Page, Size, Word, ZoneKind
from pipeline.store.files import write_atomically
from pipeline.store.ledger import Ledger
from pipeline.store.packing import pack
from tests.fhir.examples import DOCTOR, RECORDED, VALIDATED, decisions, extraction, page

SEEDS = range(12)
SIZE = Size(width=620, height=877)


@dataclass(frozen=True)
class Outcome:
    """The folder, and its validated Bundles by document id."""

    path: Path
    bundles: dict[str, dict[str, Any]]


def scan_of(seed: int) -> bytes:
    """A drawn page that only this seed has, as PNG."""
    image = Image.new("L", (SIZE.width, SIZE.height), 255)
    ImageDraw.Draw(image).text((60, 60), f"Ordonnance {seed}", fill=0)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", dpi=(75, 75))
    return buffer.getvalue()


def page_of_scan() -> Page:
    word = Word(text="Ordonnance", box=Box(x=60, y=60, width=80, height=14), confidence=0.9)
    line = Line(words=(word,), box=word.box, kind=ZoneKind.PRINTED, engine="tesseract 5.3.0")
    return page(1).model_copy(update={"size": SIZE, "dpi": 75.0, "lines": (line,)})


@pytest.fixture(scope="package")
def validated_out(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    out = tmp_path_factory.mktemp("out")
    ledger = Ledger(out / "ledger.sqlite")
    bundles = {}
    kinds = list(DocumentKind)
    for seed in SEEDS:
        read, document, _ = extraction(kinds[seed % len(kinds)], seed)
        data = scan_of(seed)
        scan = document.scan.model_copy(
            update={
                "sha256": hashlib.sha256(data).hexdigest(),
                "sha1": hashlib.sha1(data).hexdigest(),
                "size": len(data),
                "media_type": "image/png",
            }
        )
        document = document.model_copy(update={"scan": scan})
        made = draft(
            read, document, Attachment(data, "image/png", "feuille.png"), Settings(), RECORDED
        )
        bundle = validate(made, decisions(made), DOCTOR, VALIDATED)
        ledger.take(scan)
        page = page_of_scan()
        ledger.page_read(scan.sha256, page.number, pack(page), "essai")
        write_atomically(out / "validated" / f"{document.id}.json", dumps(bundle).encode())
        bundles[document.id] = bundle
    ledger.close()
    return Outcome(out, bundles)
