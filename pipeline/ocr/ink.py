"""From a grey line image to what the handwriting recogniser sees: ink on paper, 48 pixels high."""

import cv2
import numpy as np
import numpy.typing as npt

HEIGHT = 48
"""Height in pixels of the recogniser's input."""
STRETCH = 1.25
"""Horizontal stretch of the input: more time steps than characters, also where a hand is narrow."""
SIDE = 6
"""Paper added left and right, in pixels."""

Grey = npt.NDArray[np.uint8]
Ink = npt.NDArray[np.float32]


def ink_of(grey: Grey) -> Ink:
    """Ink of a grey image (height, width): paper about 0, the darkest strokes about 1.

    Paper is the image's upper quartile, black its darkest hundredth; where the two are closer than
    25 grey levels the contrast is not raised further, so that an empty line stays empty.
    """
    values = grey.astype(np.float32)
    paper, black = np.percentile(values, 75), np.percentile(values, 1)
    scaled = (paper - values) / max(float(paper - black), 25.0)
    return np.asarray(np.clip(scaled, -0.3, 1.2), np.float32)


def fitted(ink: Ink, stretch: float = STRETCH) -> Ink:
    """Ink at the recogniser's height, a pixel of paper above and below and `SIDE` beside."""
    inner = HEIGHT - 2
    width = max(16, round(ink.shape[1] * inner / ink.shape[0] * stretch))
    scaled = cv2.resize(ink, (width, inner), interpolation=cv2.INTER_AREA)
    return np.pad(scaled, ((1, 1), (SIDE, SIDE)))


def network_input(ink: Ink, multiple: int = 8) -> Ink:
    """The network's values for an ink image: paper 1, ink −1, width padded to a multiple."""
    padding = -ink.shape[1] % multiple
    return np.pad(1 - 2 * np.clip(ink, 0, 1), ((0, 0), (0, padding)), constant_values=1).astype(
        np.float32
    )
