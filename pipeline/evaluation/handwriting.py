"""How well handwritten lines are read: error rates, calibration and speed on a folder of lines.

The folder holds `lines.tsv` (columns file, text, page, source, writer, flags, raw) and the images
it names. The convention for figures: rows without flags, of the source `copiste` where the folder
has it (contemporary hands) and of all sources otherwise, micro-averaged; accents and punctuation
count; `cer_ci` disregards case.
"""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rapidfuzz.distance import Levenshtein

from pipeline.errors import UsageError
from pipeline.model import State
from pipeline.ocr.htr import (
    SIGNS,
    HandwritingRecogniser,
    Reading,
    nameable,
    recogniser,
    word_lexicon,
)
from pipeline.ocr.symbols import transcription
from pipeline.raster import Pixels

HEADLINE = "copiste"
BINS = 10


@dataclass(frozen=True)
class Truth:
    """A row of `lines.tsv`; `text` in the transcription convention."""

    file: Path
    text: str
    source: str
    writer: str
    flags: frozenset[str]


@dataclass(frozen=True)
class Read:
    """A line with its truth, as read; seconds of recognition and of decoding."""

    truth: Truth
    reading: Reading
    looking: float
    decoding: float


def truths(folder: Path) -> list[Truth]:
    """The rows of a folder's `lines.tsv`. Raises `UsageError` where there is none or a column is
    missing."""
    table = folder / "lines.tsv"
    if not table.is_file():
        raise UsageError("Ce dossier ne contient pas de fichier lines.tsv.")
    with table.open(encoding="utf-8", newline="") as opened:
        rows = list(csv.DictReader(opened, delimiter="\t", quoting=csv.QUOTE_NONE))
    try:
        return [
            Truth(
                folder / row["file"],
                transcription(row["text"]),
                row["source"],
                row["writer"],
                frozenset(filter(None, row["flags"].split(","))),
            )
            for row in rows
        ]
    except (KeyError, AttributeError) as missing:
        raise UsageError("Le fichier lines.tsv n'a pas les colonnes attendues.") from missing


def grey_image(path: Path) -> Pixels:
    """A line image, grey. Raises `UsageError` when it cannot be decoded."""
    try:
        data = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        raise UsageError("Une image de lines.tsv est introuvable.") from error
    image = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE) if data.size else None
    if image is None:
        raise UsageError("Une image de lines.tsv ne peut pas être lue.")
    return np.asarray(image, np.uint8)


def rates(pairs: Iterable[tuple[str, str]]) -> dict[str, float]:
    """Micro-averaged error rates of (truth, reading) pairs: `cer`, `cer_ci`, `wer`."""
    errors = folded = symbols = wrong = words = 0
    for truth, read in pairs:
        errors += Levenshtein.distance(truth, read)
        folded += Levenshtein.distance(truth.lower(), read.lower())
        symbols += len(truth)
        wrong += Levenshtein.distance(truth.split(), read.split())
        words += len(truth.split())
    return {
        "cer": errors / max(symbols, 1),
        "cer_ci": folded / max(symbols, 1),
        "wer": wrong / max(words, 1),
    }


def both(lines: Sequence[Read]) -> dict[str, Any]:
    """Rates of the greedy and of the decoded readings, and the number of lines."""
    return {
        "lines": len(lines),
        "greedy": rates((line.truth.text, line.reading.greedy) for line in lines),
        "decoded": rates((line.truth.text, line.reading.decoded) for line in lines),
    }


def judged_words(words: Sequence[str], truth: str) -> list[bool]:
    """Whether the truth has each word of a reading, there and spelt so; case and the signs at a
    word's end make no other word."""
    right = [False] * len(words)
    read, wanted = ([_core(word) for word in text] for text in (words, truth.split(" ")))
    for block in Levenshtein.opcodes(read, wanted):
        if block.tag == "equal":
            right[block.src_start : block.src_end] = [True] * (block.src_end - block.src_start)
    return right


def _core(word: str) -> str:
    return word.casefold().rstrip(SIGNS) or word


def _judged(line: Read) -> list[tuple[float, bool]]:
    """Confidence of each word of a reading and whether it is right."""
    right = judged_words([slot.text for slot in line.reading.slots], line.truth.text)
    words = line.reading.transcription.words
    return [(word.confidence, ok) for word, ok in zip(words, right, strict=True)]


def calibration(judged: Sequence[tuple[float, bool]], bins: int = BINS) -> dict[str, Any]:
    """Expected calibration error over bins of equal width, and the bins."""
    confidences = np.array([confidence for confidence, _ in judged])
    right = np.array([ok for _, ok in judged], float)
    places = np.minimum((confidences * bins).astype(int), bins - 1)
    rows = []
    for place in range(bins):
        chosen = places == place
        if chosen.any():
            mean, share = float(confidences[chosen].mean()), float(right[chosen].mean())
            rows.append({"words": int(chosen.sum()), "confidence": mean, "right": share})
    total = max(len(judged), 1)
    error = sum(row["words"] * abs(row["confidence"] - row["right"]) for row in rows) / total
    return {"words": len(judged), "ece": float(error), "bins": rows}


def _grouped(lines: Sequence[Read], key: Callable[[Read], str]) -> dict[str, dict[str, Any]]:
    groups: dict[str, list[Read]] = {}
    for line in lines:
        groups.setdefault(key(line), []).append(line)
    return {name: both(group) for name, group in sorted(groups.items())}


def evaluate_handwriting(
    folder: Path, engine: HandwritingRecogniser | None = None
) -> dict[str, Any]:
    """Reads every line of a folder and measures it against its transcript.

    The result has `greedy` and `decoded` (each `cer`, `cer_ci`, `wer`) for the headline rows,
    then `sources`, `writers`, `flagged` (rows with flags, by flag), `calibration` and `speed`
    (milliseconds a line on one core: `ms_line` in all, `ms_recognition`, `ms_decoding`).
    Raises `UsageError` for a folder that is not as it should be.
    """
    engine = engine or recogniser()
    rows = truths(folder)
    if not rows:
        raise UsageError("Le fichier lines.tsv est vide.")
    lines = []
    for row in rows:
        grey = grey_image(row.file)
        started = time.process_time()
        lattice = engine.look(grey)
        seen = time.process_time()
        reading = engine.interpret(lattice)
        lines.append(Read(row, reading, seen - started, time.process_time() - seen))
    clean = [line for line in lines if not line.truth.flags]
    headline = [line for line in clean if line.truth.source == HEADLINE] or clean
    flags = sorted({flag for line in lines for flag in line.truth.flags})
    return {
        "engine": engine.name,
        **both(headline),
        "sources": _grouped(clean, lambda line: line.truth.source),
        "writers": _grouped(headline, lambda line: line.truth.writer),
        "flagged": {
            flag: both([line for line in lines if flag in line.truth.flags]) for flag in flags
        },
        "calibration": calibration([pair for line in headline for pair in _judged(line)]),
        "speed": {
            "ms_line": 1000 * sum(line.looking + line.decoding for line in lines) / len(lines),
            "ms_recognition": 1000 * sum(line.looking for line in lines) / len(lines),
            "ms_decoding": 1000 * sum(line.decoding for line in lines) / len(lines),
        },
    }


def evaluate_names(
    folder: Path, names: Sequence[str], engine: HandwritingRecogniser | None = None
) -> dict[str, Any]:
    """How well drug names are found among `names` on the lines of a folder with `names.tsv`
    (columns file, name), as `samples.generator.lines --held-out` writes it.

    The first word of each true name is looked for in the word that stands in its place: `first`
    and `top5` are the shares where it comes first or among five, `sure` the share called sure,
    `sure_right` how many of those are right, `doubtful` and `unread` the other states, `ece`
    the calibration error of the first candidate's confidence.
    """
    engine = engine or recogniser()
    lexicon = word_lexicon(tuple(sorted(set(names))))
    with (folder / "names.tsv").open(encoding="utf-8", newline="") as table:
        wanted = {
            row["file"]: row["name"]
            for row in csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE)
        }
    counts = dict.fromkeys(
        ("lines", "first", "top5", "sure", "sure_right", "doubtful", "unread"), 0
    )
    judged: list[tuple[float, bool]] = []
    for row in truths(folder):
        name = wanted.get(str(row.file.relative_to(folder).as_posix()))
        if name is None or not nameable(name.split()[0]):
            continue
        word = name.split()[0].casefold()
        reading = engine.read(grey_image(row.file), lexicon)
        place = place_of(word, row.text, reading.decoded)
        counts["lines"] += 1
        if place is None or place >= len(reading.slots):
            counts["unread"] += 1
            continue
        found = engine.name_of(reading.lattice.log_probs, reading.slots[place], lexicon)
        offered = [candidate.text.casefold() for candidate in found.candidates]
        right = offered[:1] == [word]
        judged.append((found.confidence, right))
        counts["first"] += right
        counts["top5"] += word in offered
        counts["sure"] += found.state is State.SURE
        counts["sure_right"] += found.state is State.SURE and right
        counts["doubtful"] += found.state is State.DOUBTFUL
        counts["unread"] += found.state is State.UNREAD
    total = max(counts["lines"], 1)
    shares = {key: counts[key] / total for key in ("first", "top5", "sure", "doubtful", "unread")}
    precision = counts["sure_right"] / counts["sure"] if counts["sure"] else None
    return {
        "lines": counts["lines"],
        **shares,
        "sure_right": precision,
        "ece": calibration(judged)["ece"],
    }


def place_of(word: str, text: str, read: str) -> int | None:
    """Which word of a reading stands where `word` stands in the truth."""
    words, seen = text.casefold().split(" "), read.casefold().split(" ")
    at = next((place for place, found in enumerate(words) if word in found), None)
    if at is None:
        return None
    for block in Levenshtein.opcodes(words, seen):
        if block.src_start <= at < block.src_end and block.dest_end > block.dest_start:
            around = range(block.dest_start, block.dest_end)
            return max(
                around, key=lambda place: Levenshtein.normalized_similarity(word, seen[place])
            )
    return None
