"""The handwriting recogniser's output symbols and the transcription convention they follow."""

import re
import unicodedata

STRUCK = "¤"
"""Stands for a struck-out word: crossed-out text is never transcribed as if it were meant."""

SYMBOLS = (
    " !\"#%&'()*+,-./0123456789:;<=>?@"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ[]_^$"
    "abcdefghijklmnopqrstuvwxyz|~"
    "£§«»°±²³µ×÷½¼¾→↑↓≤≥€Øø"
    "ÀÂÇÈÉÊËÎÏÔÙÛÜàâäçèéêëîïôöùûüŒœÆæñáíó" + STRUCK
)
"""One output class each, after the CTC blank, which is class 0."""

_REPLACED = str.maketrans(
    {
        "’": "'",
        "‘": "'",
        "“": '"',
        "”": '"',
        "–": "-",
        "—": "-",
        "…": "...",
        "\u00a0": " ",
        "\u202f": " ",
    }
)


def normalised(text: str) -> str:
    """Text in the transcription convention: NFC, straight quotes and dashes, single spaces."""
    return re.sub(r"\s+", " ", unicodedata.normalize("NFC", text).translate(_REPLACED)).strip()


def transcription(text: str) -> str:
    """A ground truth line with its strike marks (``>word<``, ``><``) turned into :data:`STRUCK`."""
    return normalised(re.sub(r">[^<>]*<", STRUCK, text).replace("<>", STRUCK))
