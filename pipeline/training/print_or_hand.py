"""Trains the small network that tells print from handwriting (`pipeline/ocr/print_or_hand.onnx`).

    python -m pipeline.training.print_or_hand --lines ../shared/handwriting/lines \\
        --out pipeline/ocr/print_or_hand.onnx

Handwriting: real lines of the training writers and lines in the training group of handwriting
fonts. Print: the same words in the printed and typewriter faces of this system. Both go through
the same papers, scanners and phones, so that only the letters tell them apart. It is tried on
the development writers, the held-out handwriting fonts and printed faces kept out of training.
"""

from __future__ import annotations

import argparse
import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor, nn

from pipeline.ocr.handwriting import HEIGHT, STEP, strip
from pipeline.raster import Pixels
from pipeline.training.data import read_lines
from samples.generator.fonts import Group, handwriting_fonts
from samples.generator.lines import any_line, render

WINDOW = 256
"""Columns of a training sample, at the network's height."""
NAMES = ("Doliprane", "Amoxicilline", "Kardégic", "Metformine", "Ramipril", "Lévothyrox", "Spasfon")
KEPT_OUT = ("NimbusRoman", "Caladea", "DejaVuSerif", "NotoSans", "CourierPrime", "Lato")
"""Printed families that only measure."""
_NO_PRINT = (
    "breip", "dkg", "ecolier", "d050000l", "z003", "symbol", "math", "emoji", "dingbat", "script",
    "icon", "chancery", "opens___",
)  # fmt: skip

log = logging.getLogger(__name__)
Images = npt.NDArray[np.uint8]


class PrintOrHand(nn.Module):
    """Ink (batch, 1, 32, width) → log-odds of handwriting for every `STEP` columns."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *_stage(1, 16, (2, 2)),
            *_stage(16, 24, (2, 2)),
            *_stage(24, 32, (2, 2)),
            *_stage(32, 48, (2, 1)),
            nn.Conv2d(48, 48, (2, 5), padding=(0, 2)),
            nn.ReLU(),
        )
        self.head = nn.Conv1d(48, 1, 5, padding=2)

    def forward(self, ink: Tensor) -> Tensor:
        features: Tensor = self.body(ink)
        odds: Tensor = self.head(features.squeeze(2))
        return odds.squeeze(1)


def _stage(inward: int, outward: int, stride: tuple[int, int]) -> tuple[nn.Module, ...]:
    return (
        nn.Conv2d(inward, outward, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(outward),
        nn.ReLU(),
    )


# --- lines to learn from --------------------------------------------------------------------


@dataclass(frozen=True)
class Sources:
    """Where lines come from: transcripts to print, real lines, handwriting and printed fonts."""

    texts: tuple[str, ...]
    real: tuple[Pixels, ...]
    hands: tuple[Path, ...]
    faces: tuple[Path, ...]


def sources(lines: Path, group: Group, kept_out: bool) -> Sources:
    """Lines of a folder with its own texts; `kept_out` picks the faces that only measure."""
    read = [line for line in read_lines(lines) if "consent" not in line.flags]
    faces = [
        path
        for path in sorted(Path("/usr/share/fonts").rglob("*.[ot]tf"))
        if not any(part in path.name.lower() for part in _NO_PRINT)
        and any(name in path.name.replace(" ", "") for name in KEPT_OUT) == kept_out
    ]
    return Sources(
        texts=tuple(line.text for line in read),
        real=tuple(line.grey for line in read),
        hands=tuple(handwriting_fonts(group)),
        faces=tuple(faces),
    )


def printed_line(text: str, face: Path, chance: random.Random) -> Pixels:
    """`text` in a printed face: grey (height, width), tightly cropped, ink 0 on paper 255."""
    size = chance.randint(30, 60)
    font = ImageFont.truetype(str(face), size)
    if chance.random() < 0.2:
        text = text.upper()
    spread = chance.uniform(0.02, 0.2) * size if chance.random() < 0.1 else 0.0
    sheet = Image.new(
        "L", (int(font.getlength(text) + spread * len(text)) + 2 * size, 2 * size), 255
    )
    draw = ImageDraw.Draw(sheet)
    pen = float(size // 2)
    for piece in text if spread else (text,):
        draw.text((pen, size * 1.4), piece, fill=chance.randint(0, 70), font=font, anchor="ls")
        pen += font.getlength(piece) + spread
    if chance.random() < 0.08:
        y = int(size * 1.4) + chance.randint(3, 10)
        draw.line((0, y, sheet.width, y), fill=chance.randint(0, 90), width=chance.randint(1, 4))
    ink = np.asarray(sheet)
    rows, columns = np.nonzero(ink < 200)
    if not len(rows):
        return ink[: size // 2, : size // 2]
    return ink[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]


def _body(grey: Pixels) -> Pixels:
    """A real line without the rows that hold little ink, as loosely cropped as print is."""
    ink = (grey < np.percentile(grey, 80) - 40).sum(axis=1)
    rows = np.flatnonzero(ink > 0.1 * ink.max())
    return grey[rows.min() : rows.max() + 1] if len(rows) > 8 else grey


def captured(grey: Pixels, chance: random.Random) -> Pixels:
    """The line as scanners, fax machines and phones would show it, with a careless crop."""
    noise = np.random.default_rng(chance.getrandbits(32))
    height, width = grey.shape
    roomy = 0.9 if chance.random() < 0.3 else 0.35
    above, below = (round(height * chance.uniform(-0.06, roomy)) for _ in range(2))
    beside = round(height * chance.uniform(0, 0.4))
    paper = int(np.percentile(grey, 85))
    page = np.full((height + 2 * height, width + 2 * beside), paper, np.uint8)
    page[height : 2 * height, beside : beside + width] = grey
    if chance.random() < 0.3:  # feet and heads of the lines above and below
        shift = chance.randint(0, max(width - 1, 1))
        other = np.roll(grey, shift, axis=1)
        gap = round(height * chance.uniform(0.05, 0.5))
        rows = max(height - gap, 0)
        page[:rows, beside : beside + width] = other[height - rows :]
        page[2 * height + gap :, beside : beside + width] = other[: height - gap]
    # Stamps lean, and so do notes in margins.
    lean = chance.uniform(-0.12, 0.12) if chance.random() < 0.12 else chance.gauss(0, 0.012)
    slant = chance.uniform(-0.12, 0.12) if chance.random() < 0.2 else 0.0
    middle = page.shape[0] / 2
    shear = np.array(
        [[1, slant, -slant * middle], [lean, 1, -lean * page.shape[1] / 2]], np.float32
    )
    values: npt.NDArray[Any] = cv2.warpAffine(
        page, shear, page.shape[::-1], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    ).astype(np.float32)
    top = max(height - above, 0)
    values = values[top : 2 * height + below]
    values = cv2.GaussianBlur(values, (0, 0), chance.uniform(0.3, 1.6) * height / 48)
    dark = chance.uniform(0, 90)
    values = dark + values * (chance.uniform(190, 255) - dark) / 255
    values += noise.normal(0, chance.uniform(0.5, 9), values.shape)
    if chance.random() < 0.35:
        scale = chance.uniform(14, 40) / values.shape[0]
        values = cv2.resize(values, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    if chance.random() < 0.18:
        values = np.where(values < chance.uniform(120, 170), 0, 255).astype(np.float32)
        values[noise.random(values.shape) < 0.002] = 0
    if chance.random() < 0.15:  # ruled paper
        row = chance.randint(values.shape[0] // 2, values.shape[0] - 1)
        values[row : row + 2] = np.minimum(values[row : row + 2], chance.uniform(90, 190))
    out = np.clip(values, 0, 255).astype(np.uint8)
    if chance.random() < 0.3:
        quality = chance.randint(25, 80)
        _, packed = cv2.imencode(".jpg", out, [cv2.IMWRITE_JPEG_QUALITY, quality])
        out = np.asarray(cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE), np.uint8)
    return out


def sample(known: Sources, hand: bool, chance: random.Random) -> Images:
    """One window (32, WINDOW) of ink 0–255, printed or by hand."""
    if hand and chance.random() < 0.6:
        grey = (
            _body(chance.choice(known.real)) if chance.random() < 0.6 else chance.choice(known.real)
        )
        if chance.random() < 0.2:  # bolder or finer pens
            kernel = np.ones((2, 2), np.uint8)
            grey = np.asarray((cv2.erode if chance.random() < 0.6 else cv2.dilate)(grey, kernel))
    else:
        line = any_line(chance, NAMES, known.texts)
        if hand:
            grey = np.asarray(render(line, chance.choice(known.hands), chance), np.uint8)
        else:
            grey = printed_line(line.text, chance.choice(known.faces), chance)
    ink = strip(captured(grey, chance))
    width = ink.shape[1]
    if width > WINDOW:
        start = chance.randrange(width - WINDOW)
        ink = ink[:, start : start + WINDOW]
    out = np.zeros((HEIGHT, WINDOW), np.float32)
    out[:, : ink.shape[1]] = ink
    return (np.clip(out, 0, 1) * 255).astype(np.uint8)


def samples(known: Sources, count: int, seed: int) -> tuple[Images, Images]:
    """`count` windows and their labels (1 by hand), half and half."""
    chance = random.Random(seed)  # noqa: S311 - reproducible, no secret
    labels = np.array([number % 2 for number in range(count)], np.uint8)
    return np.stack([sample(known, bool(label), chance) for label in labels]), labels


# --- training -------------------------------------------------------------------------------


def _odds(network: nn.Module, images: Images) -> Tensor:
    """Log-odds of each window: the mean over columns that have ink near them."""
    ink = torch.from_numpy(images).float()[:, None] / 255
    odds: Tensor = network(ink)
    near = nn.functional.max_pool1d(ink.amax(dim=2), STEP * 3, STEP, padding=STEP)
    there = (near[:, 0, : odds.shape[1]] > 0.3).float()
    there[:, 0] += 1e-3
    return (odds * there).sum(dim=1) / there.sum(dim=1)


def accuracy(network: nn.Module, images: Images, labels: Images) -> tuple[float, float]:
    """Share of printed and of handwritten windows that are told right."""
    network.eval()
    with torch.no_grad():
        hand = torch.cat([_odds(network, part) for part in np.array_split(images, 16)]) > 0
    right = hand.numpy() == (labels == 1)
    return float(right[labels == 0].mean()), float(right[labels == 1].mean())


def train(lines: Path, out: Path, count: int, epochs: int, seed: int) -> None:
    """Trains and writes the ONNX file."""
    torch.manual_seed(seed)
    images, labels = samples(sources(lines / "train", "train", False), count, seed)
    tried = samples(sources(lines / "dev", "held-out", True), 1500, seed + 1)
    network = PrintOrHand()
    steps = epochs * (count // 64)
    optimiser = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=steps)
    shuffle = np.random.default_rng(seed)
    for epoch in range(epochs):
        network.train()
        total = 0.0
        for batch in np.array_split(shuffle.permutation(count), count // 64):
            target = torch.from_numpy(labels[batch]).float() * 0.96 + 0.02
            loss = nn.functional.binary_cross_entropy_with_logits(
                _odds(network, images[batch]), target
            )
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += float(loss)
        printed, hand = accuracy(network, *tried)
        log.info(
            "round %d: loss %.4f, unseen print %.4f, unseen hands %.4f",
            epoch + 1, total / (count // 64), printed, hand,
        )  # fmt: skip
    network.eval()
    torch.onnx.export(
        network, (torch.zeros(1, 1, HEIGHT, WINDOW),), str(out),
        input_names=["ink"], output_names=["odds"], opset_version=17, dynamo=False,
        dynamic_axes={"ink": {3: "width"}, "odds": {1: "steps"}},
    )  # fmt: skip


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Train the network that tells print from hand.")
    parser.add_argument("--lines", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=16000)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(1)
    train(chosen.lines, chosen.out, chosen.count, chosen.epochs, chosen.seed)


if __name__ == "__main__":
    main()
