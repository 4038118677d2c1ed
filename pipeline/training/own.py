"""A recogniser that is wholly ours: a small convolutional recurrent network, trained from nothing.

It stands beside the fine-tuned one (`recogniser.py`), takes the same images and gives the same
posteriors, so that either can be shipped; the model card reports both. The shape is that of the
CRNN of Shi et al., arXiv:1507.05717, with residual blocks.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline.ocr.symbols import SYMBOLS


class Residual(nn.Module):
    """Two 3 × 3 convolutions with batch normalisation; the second adds to the first."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, out, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(out)
        self.second = nn.Conv2d(out, out, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(out)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.norm1(self.first(x)))
        return functional.relu(x + self.norm2(self.second(x)))


class OwnRecogniser(nn.Module):
    """Images (batch, 1, 48, width), paper 1 and ink −1, to logits (batch, time, classes), blank
    first; a time step is eight columns. 1.5 million weights."""

    def __init__(self, classes: int = len(SYMBOLS) + 1) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 32, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(32)
        self.widen = nn.Conv2d(32, 48, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(48)
        self.middle = Residual(48, 80)
        self.late = Residual(80, 128)
        self.column = nn.Conv2d(128, 192, (3, 3), padding=(0, 1), bias=False)
        self.norm3 = nn.BatchNorm2d(192)
        self.drop = nn.Dropout(0.2)
        self.memory = nn.LSTM(192, 160, 2, batch_first=True, bidirectional=True, dropout=0.2)
        self.head = nn.Linear(320, classes)

    def early(self) -> list[nn.Module]:
        """Nothing stays as it is: there is nothing learnt before."""
        return []

    def forward(self, x: Tensor) -> Tensor:
        x = functional.max_pool2d(functional.relu(self.norm(self.stem(x))), 2)
        x = functional.max_pool2d(functional.relu(self.norm2(self.widen(x))), 2)
        x = functional.max_pool2d(self.middle(x), 2)
        x = functional.max_pool2d(self.late(x), (2, 1))
        x = functional.relu(self.norm3(self.column(x))).squeeze(2).transpose(1, 2)
        # Recurrent layers lose more than they gain in bfloat16.
        with torch.autocast(x.device.type, enabled=False):
            y, _ = self.memory(self.drop(x.float()))
            return cast(Tensor, self.head(self.drop(y)))


class _Shipped(nn.Module):
    """The network as the engine asks it: three equal channels in, probabilities out."""

    def __init__(self, net: OwnRecogniser) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.net(x[:, :1]).softmax(-1))


def write_onnx(net: OwnRecogniser, path: Path) -> None:
    """Writes the network as a file that the handwriting engine reads."""
    torch.onnx.export(
        _Shipped(net).eval(),
        (torch.ones(1, 3, 48, 320),),
        str(path),
        input_names=["x"],
        output_names=["probabilities"],
        dynamic_axes={"x": {0: "batch", 3: "width"}, "probabilities": {0: "batch", 1: "time"}},
        dynamo=False,
    )
