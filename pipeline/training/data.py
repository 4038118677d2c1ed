"""Line images with their transcripts, and the batches that training draws from them."""

import csv
import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from pipeline.ocr.ink import HEIGHT, STRETCH, Grey, fitted, ink_of, network_input
from pipeline.ocr.symbols import STRUCK, SYMBOLS, transcription
from pipeline.training.augmentation import augmented
from pipeline.training.recogniser import DOWNSAMPLING

CLASS_OF = {symbol: number for number, symbol in enumerate(SYMBOLS, start=1)}
CACHE_HEIGHT = 64


@dataclasses.dataclass(frozen=True)
class LineImage:
    """One row of a `lines.tsv`: grey image (height ≤ 64), target text, where it comes from."""

    file: str
    grey: Grey
    text: str
    source: str
    writer: str
    flags: frozenset[str]

    @property
    def width(self) -> int:
        """Width at the network's height, before augmentation."""
        height, width = self.grey.shape
        return round(width * HEIGHT / height * STRETCH)


def read_lines(folder: Path) -> list[LineImage]:
    """The lines of a folder's `lines.tsv` (file, text, page, source, writer, flags, raw)."""
    lines = []
    with (folder / "lines.tsv").open(encoding="utf-8", newline="") as table:
        for row in csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE):
            image = cv2.imread(str(folder / row["file"]), cv2.IMREAD_GRAYSCALE)
            if image is None:
                raise FileNotFoundError(folder / row["file"])
            if image.shape[0] > CACHE_HEIGHT:
                width = max(1, round(image.shape[1] * CACHE_HEIGHT / image.shape[0]))
                image = cv2.resize(image, (width, CACHE_HEIGHT), interpolation=cv2.INTER_AREA)
            grey: Grey = np.asarray(image, np.uint8)
            flags = frozenset(filter(None, row["flags"].split(",")))
            lines.append(
                LineImage(
                    row["file"],
                    grey,
                    transcription(row["text"]),
                    row["source"],
                    row["writer"],
                    flags,
                )
            )
    return lines


def trainable(line: LineImage) -> bool:
    """Whether a line can teach: known symbols, no insertion between lines, room for its text."""
    return (
        bool(line.text)
        and "insert" not in line.flags
        and all(symbol in CLASS_OF for symbol in line.text)
        and not (line.source != "synthetic" and set(line.text) & set("<>"))
        and line.width / DOWNSAMPLING > 1.1 * len(line.text)
        and line.width <= 2000
    )


def weight(line: LineImage, progress: float) -> float:
    """How often a line is drawn, relative to an ordinary contemporary line.

    The sentence that every volunteer repeats is thinned; the older hands fade after a third.
    """
    by_source = {"copiste": 1.0, "mss20": 0.8, "synthetic": 1.0}
    old = 0.7 if progress < 0.35 else 0.25
    thinned = 0.2 if "consent" in line.flags else 0.3 if "ref" in line.flags else 1.0
    return by_source.get(line.source, old) * thinned * (1.3 if STRUCK in line.text else 1.0)


def rounds(
    lines: Sequence[LineImage],
    seed: int,
    number: int,
    progress: float,
    synthetic: float,
    size: int,
    columns: int,
) -> list[list[int]]:
    """Batches of one round: `size` lines drawn by weight, grouped by width, each batch at most
    `columns` input columns in all; the same for the same arguments. `synthetic` is the share of
    synthetic lines."""
    random = np.random.default_rng((seed, number))
    weights = np.array([weight(line, progress) for line in lines])
    made = np.array([line.source == "synthetic" for line in lines])
    if made.any():
        weights[made] *= synthetic / weights[made].sum()
        weights[~made] *= (1 - synthetic) / weights[~made].sum()
    drawn = random.choice(
        len(lines), min(size, len(lines) // 2), replace=False, p=weights / weights.sum()
    )
    batches: list[list[int]] = [[]]
    for index in sorted(drawn.tolist(), key=lambda index: lines[index].width):
        if (len(batches[-1]) + 1) * lines[index].width > columns or len(batches[-1]) >= 48:
            batches.append([])
        batches[-1].append(index)
    batches = [batch for batch in batches if len(batch) > 1]
    return [batches[position] for position in random.permutation(len(batches))]


Batch = tuple[Tensor, Tensor, Tensor, Tensor]
"""Images (batch, 1, 48, width), time steps of each, all targets in a row, length of each target."""


def collated(images: Sequence[np.ndarray], texts: Sequence[str]) -> Batch:
    """Pads ink images to one width and turns texts into class numbers."""
    width = max(image.shape[1] for image in images)
    width += -width % 16
    block = np.ones((len(images), 1, HEIGHT, width), np.float32)
    for position, image in enumerate(images):
        ready = network_input(image)
        block[position, 0, :, : ready.shape[1]] = ready[:, :width]
    steps = torch.tensor([-(-image.shape[1] // DOWNSAMPLING) for image in images])
    targets = torch.tensor([CLASS_OF[symbol] for text in texts for symbol in text])
    return torch.from_numpy(block), steps, targets, torch.tensor([len(text) for text in texts])


class Batches(Dataset[Batch]):
    """The batches of one round, augmented; distortions depend on seed, round and place only."""

    def __init__(
        self, lines: Sequence[LineImage], batches: Sequence[Sequence[int]], seed: int, number: int
    ) -> None:
        self.lines, self.batches, self.seed, self.number = lines, batches, seed, number

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, place: int) -> Batch:
        random = np.random.default_rng((self.seed, self.number, place, *self.batches[place][:1]))
        chosen = [self.lines[index] for index in self.batches[place]]
        return collated(
            [augmented(ink_of(line.grey), random) for line in chosen],
            [line.text for line in chosen],
        )


def plain_batches(
    lines: Sequence[LineImage], size: int = 16
) -> Iterator[tuple[list[LineImage], Batch]]:
    """Lines as the engine sees them, grouped by width, for evaluation."""
    ordered = sorted(lines, key=lambda line: line.width)
    for start in range(0, len(ordered), size):
        group = ordered[start : start + size]
        yield group, collated([fitted(ink_of(line.grey)) for line in group], ["" for _ in group])
