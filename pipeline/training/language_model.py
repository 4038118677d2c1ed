"""Builds the character language model that decoding uses.

``python -m pipeline.training.language_model --lines DIR ... --text FILE ... --out FILE.npz``

Interpolated Kneser-Ney with one discount an order (Chen and Goodman, 1999), pruned by count, and
turned into a back-off model of sorted 64-bit n-grams with logarithms in bytes. `--text` files hold
one line of text a row; `--lines` folders a `lines.tsv`. The two are modelled apart and mixed.
"""

import argparse
import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.ocr.decoding import BOUNDARY, CLASS_OF, folded
from pipeline.ocr.symbols import normalised, transcription

Keys = npt.NDArray[np.uint64]
Floats = npt.NDArray[np.float64]

_BYTE = np.uint64(8)


def transcripts(folder: Path) -> list[str]:
    """Targets of the lines of a folder, the repeated sentence and page references left out."""
    with (folder / "lines.tsv").open(encoding="utf-8", newline="") as table:
        rows = csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [
            transcription(row["text"])
            for row in rows
            if not {"consent", "ref"} & set(row["flags"].split(","))
        ]


def _ngrams(texts: Sequence[str], order: int) -> list[tuple[Keys, npt.NDArray[np.int64]]]:
    """Distinct n-grams of each order from 1 with their counts; none crosses a line's boundary."""
    codes = [BOUNDARY]
    for text in texts:
        codes += [folded(CLASS_OF[symbol]) for symbol in text]
        codes.append(BOUNDARY)
    stream = np.array(codes, np.uint64)
    inner = stream != BOUNDARY
    found = []
    keys, valid = stream.copy(), np.ones(len(stream), bool)
    valid[0] = False  # the first boundary is never predicted
    for length in range(1, order + 1):
        if length > 1:
            back = length - 1
            # A longer n-gram needs its second symbol to be inside the line, unless it is the last.
            valid[back:] &= inner[1 : len(stream) - back + 1] if back > 1 else True
            valid[:back] = False
            shifted = np.zeros_like(stream)
            shifted[back:] = stream[: len(stream) - back] << np.uint64(8 * back)
            keys = keys | shifted
        distinct, counts = np.unique(keys[valid], return_counts=True)
        found.append((distinct, counts.astype(np.int64)))
    return found


def _positions(sorted_keys: Keys, wanted: Keys) -> npt.NDArray[np.intp]:
    return np.minimum(np.searchsorted(sorted_keys, wanted), len(sorted_keys) - 1)


class _Corpus:
    """Interpolated Kneser-Ney probabilities of every n-gram of a text, by order."""

    def __init__(self, texts: Sequence[str], order: int) -> None:
        self.grams = _ngrams(texts, order)
        self.probabilities: list[Floats] = []
        self.contexts: list[Keys] = []
        self.freed: list[Floats] = []
        for length in range(1, order + 1):
            keys, counts = self.grams[length - 1][0], self._adjusted(length)
            ones, twos = float((counts == 1).sum()), float((counts == 2).sum())
            discounted = np.minimum(counts, ones / (ones + 2 * twos) if ones and twos else 0.5)
            contexts, inverse = np.unique(keys >> _BYTE, return_inverse=True)
            totals = np.bincount(inverse, counts, len(contexts))
            self.contexts.append(contexts)
            self.freed.append(np.bincount(inverse, discounted, len(contexts)) / totals)
            lower = self._lower(keys, length)
            own = (counts - discounted) / totals[inverse]
            self.probabilities.append(own + self.freed[-1][inverse] * lower)

    def _adjusted(self, length: int) -> Floats:
        """Below the highest order an n-gram counts once for each different symbol before it,
        unless it starts a line, where nothing comes before it."""
        keys, counts = self.grams[length - 1]
        if length == len(self.grams):
            return counts.astype(float)
        longer = self.grams[length][0] & np.uint64((1 << 8 * length) - 1)
        kinds = np.bincount(_positions(keys, longer), minlength=len(keys))
        starts = keys >> np.uint64(8 * (length - 1)) == BOUNDARY
        return np.where(starts | (kinds == 0), counts, kinds).astype(float)

    def _lower(self, keys: Keys, length: int) -> Floats:
        if length == 1:
            return np.full(len(keys), 1 / (len(CLASS_OF) + 1))
        suffixes = keys & np.uint64((1 << 8 * (length - 1)) - 1)
        return self.probabilities[-1][_positions(self.grams[length - 2][0], suffixes)]

    def of(self, keys: Keys, length: int, lower: Floats) -> Floats:
        """Probabilities of n-grams of one length, also unseen ones; `lower` are those of their
        suffixes."""
        contexts = self.contexts[length - 1]
        places = _positions(contexts, keys >> _BYTE)
        known = contexts[places] == keys >> _BYTE
        backed = np.where(known, self.freed[length - 1][places], 1.0) * lower
        own = self.grams[length - 1][0]
        places = _positions(own, keys)
        return np.where(own[places] == keys, self.probabilities[length - 1][places], backed)


def build(
    corpora: Sequence[tuple[Sequence[str], float]], order: int, minimum: int
) -> tuple[Keys, npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Keys, costs and back-offs of a mixture of texts, each with its share; n-grams of four symbols
    and more that were seen fewer than `minimum` times in all are pruned."""
    models = [(_Corpus(texts, order), share) for texts, share in corpora]
    keys_of: list[Keys] = []
    mixed: list[Floats] = []
    kept: list[npt.NDArray[np.bool_]] = []
    parts = [np.full(0, 0.0) for _ in models]
    for length in range(1, order + 1):
        keys = np.unique(np.concatenate([model.grams[length - 1][0] for model, _ in models]))
        seen = np.zeros(len(keys))
        for place, (model, _) in enumerate(models):
            if length == 1:
                lower: Floats = np.full(len(keys), 1 / (len(CLASS_OF) + 1))
            else:
                suffixes = keys & np.uint64((1 << 8 * (length - 1)) - 1)
                lower = parts[place][_positions(keys_of[-1], suffixes)]
            parts[place] = model.of(keys, length, lower)
            own, counts = model.grams[length - 1]
            seen[_positions(keys, own)] += counts
        keys_of.append(keys)
        shares = np.array([share for _, share in models])
        mixed.append(shares @ np.stack(parts))
        kept.append((seen >= minimum) | (length < 4))
    for length in range(order, 1, -1):
        # A kept n-gram's context is kept too: its back-off weight needs a place.
        contexts = keys_of[length - 1][kept[length - 1]] >> _BYTE
        places = _positions(keys_of[length - 2], contexts)
        kept[length - 2][places[keys_of[length - 2][places] == contexts]] = True
    backoffs = []
    for length in range(1, order + 1):
        keys = keys_of[length - 1]
        backoff: Floats = np.ones(len(keys))
        if length < order:
            longer, upper = keys_of[length][kept[length]], mixed[length][kept[length]]
            shorter = _positions(keys, longer & np.uint64((1 << 8 * length) - 1))
            places = _positions(keys, longer >> _BYTE)
            real = keys[places] == longer >> _BYTE
            mass = np.bincount(places[real], upper[real], len(keys)).astype(float)
            below = mixed[length - 1][shorter][real]
            covered = np.bincount(places[real], below, len(keys)).astype(float)
            backoff = np.maximum(1 - mass, 1e-4) / np.maximum(1 - covered, 1e-4)
        backoffs.append(backoff)

    def flat(values: Sequence[npt.NDArray[np.float64]]) -> Floats:
        return np.concatenate([v[k] for v, k in zip(values, kept, strict=True)])[ranked]

    def packed(values: Sequence[Floats]) -> npt.NDArray[np.uint8]:
        return np.clip(np.round(-16 * np.log(flat(values))), 0, 255).astype(np.uint8)

    all_keys = np.concatenate([v[k] for v, k in zip(keys_of, kept, strict=True)])
    ranked = np.argsort(all_keys)
    return all_keys[ranked], packed(mixed), packed(backoffs)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Build the character language model.")
    parser.add_argument("--lines", type=Path, nargs="+", default=[])
    parser.add_argument("--text", type=Path, nargs="+", default=[])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--order", type=int, default=7)
    parser.add_argument("--share", type=float, default=0.5, help="share of the transcripts")
    parser.add_argument("--minimum", type=int, default=2)
    options = parser.parse_args(argv)
    written = [text for folder in options.lines for text in transcripts(folder)]
    others = [
        normalised(row)
        for file in options.text
        for row in file.read_text(encoding="utf-8").split("\n")
    ]
    corpora = [
        ([text for text in texts if text and all(symbol in CLASS_OF for symbol in text)], share)
        for texts, share in ((written, options.share), (others, 1 - options.share))
    ]
    keys, costs, backoffs = build(corpora, options.order, options.minimum)
    steps = np.diff(keys, prepend=np.uint64(0))
    np.savez_compressed(
        options.out, steps=steps, costs=costs, backoffs=backoffs, order=options.order
    )


if __name__ == "__main__":
    main()
