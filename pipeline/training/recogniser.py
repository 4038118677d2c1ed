"""The PP-OCRv6 small recogniser as a PyTorch module, with the layers of its published ONNX graph.

The network (PaddleOCR, Apache-2.0) has a depthwise-separable convolutional backbone, two
transformer blocks and a linear CTC head. Its weights are read from the ONNX file that the rapidocr
package carries, node by node in graph order; the head is cut from 18,710 classes to the symbols of
:data:`pipeline.ocr.symbols.SYMBOLS`, keeping the rows of those it knew. :func:`write_onnx` puts
trained weights back into the same graph.
"""

import importlib.util
from pathlib import Path
from typing import cast

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn
from torch.nn import functional

from pipeline.ocr.symbols import SYMBOLS

HEAD_WEIGHT, HEAD_BIAS = "linear_8.w_0", "linear_8.b_0"
DOWNSAMPLING = 8
"""Input columns per output time step."""


def published_graph() -> Path:
    """The recogniser's ONNX file inside the installed rapidocr package."""
    found = importlib.util.find_spec("rapidocr")
    if found is None or found.origin is None:
        raise FileNotFoundError(
            "the rapidocr package, which carries the pretrained recogniser, is not installed"
        )
    return Path(found.origin).parent / "models" / "PP-OCRv6_rec_small.onnx"


class SqueezeExcite(nn.Module):
    """Channel gate: global mean, bottleneck of a quarter, hard sigmoid."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels, channels // 4, 1)
        self.expand = nn.Conv2d(channels // 4, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        gate = self.expand(functional.relu(self.reduce(x.mean((2, 3), keepdim=True))))
        return x * functional.hardsigmoid(gate)


class Block(nn.Module):
    """Depthwise 3 × 3, optional channel gate, pointwise expansion by two and back; residual unless
    the height is halved."""

    def __init__(self, channels: int, out: int, stride: int, gated: bool) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 3, (stride, 1), 1, groups=channels)
        self.gate = SqueezeExcite(channels) if gated else nn.Identity()
        # Where the block changes the number of channels the graph expands to `out` only.
        self.expand = nn.Conv2d(channels, 2 * channels, 1)
        self.project = nn.Conv2d(2 * channels, out, 1)
        self.residual = stride == 1

    def forward(self, x: Tensor) -> Tensor:
        x = self.gate(self.depthwise(x))
        y = self.project(functional.gelu(self.expand(x)))
        return x + y if self.residual else y


class Attention(nn.Module):
    """Pre-norm self-attention and feed-forward block over time steps."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.up = nn.Linear(width, 2 * width)
        self.down = nn.Linear(2 * width, width)
        self.drop = nn.Dropout(0.1)

    def forward(self, x: Tensor) -> Tensor:
        batch, steps, width = x.shape
        q, k, v = (
            self.qkv(self.norm1(x)).reshape(batch, steps, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        )
        mixed = (
            functional.scaled_dot_product_attention(q, k, v)
            .transpose(1, 2)
            .reshape(batch, steps, width)
        )
        x = x + self.drop(self.out(mixed))
        return x + self.drop(self.down(functional.silu(self.up(self.norm2(x)))))


class Recogniser(nn.Module):
    """Images (batch, 1, 48, width), paper 1 and ink −1, to logits (batch, time, classes), blank
    first; a time step is eight columns."""

    def __init__(self, classes: int = len(SYMBOLS) + 1) -> None:
        super().__init__()
        self.stem1 = nn.Conv2d(3, 48, 3, 2, 1)
        self.stem2a = nn.Conv2d(48, 24, 2)
        self.stem2b = nn.Conv2d(24, 48, 2)
        self.stem3 = nn.Conv2d(96, 48, 3, 2, 1)
        self.stem4 = nn.Conv2d(48, 96, 1)
        self.blocks = nn.Sequential(
            *(
                Block(channels, out, stride, gated)
                for channels, out, stride, gated in (
                    (96, 96, 1, True),
                    (96, 96, 1, False),
                    (96, 96, 1, False),
                    (96, 192, 2, False),
                    (192, 192, 1, True),
                    (192, 192, 1, False),
                    (192, 192, 1, True),
                    (192, 192, 1, False),
                    (192, 192, 1, True),
                    (192, 192, 1, False),
                    (192, 384, 2, False),
                    (384, 384, 1, True),
                    (384, 384, 1, False),
                )
            )
        )
        self.shortcut = nn.Conv2d(384, 120, 1)
        self.reduce = nn.Conv2d(384, 120, 1)
        self.local = nn.Conv2d(120, 120, (1, 7), 1, (0, 3), groups=120)
        self.attention = nn.Sequential(Attention(120, 8), Attention(120, 8))
        self.norm = nn.LayerNorm(120, eps=1e-6)
        self.drop = nn.Dropout(0.1)
        self.head = nn.Linear(120, classes)

    def early(self) -> list[nn.Module]:
        """The first half of the backbone: a fifth of the weights, half of the work."""
        return [self.stem1, self.stem2a, self.stem2b, self.stem3, self.stem4, *self.blocks[:6]]

    def features(self, x: Tensor) -> Tensor:
        """Images (batch, 1, 48, width) to features (batch, time, 120)."""
        x = x.expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)
        x = functional.relu(self.stem1(x))
        y = functional.relu(self.stem2a(functional.pad(x, (0, 1, 0, 1))))
        y = functional.relu(self.stem2b(functional.pad(y, (0, 1, 0, 1))))
        x = functional.max_pool2d(functional.pad(x, (0, 1, 0, 1)), 2, 1)
        x = functional.relu(self.stem3(torch.cat((x, y), 1)))
        x = self.blocks(functional.relu(self.stem4(x)))
        x = functional.avg_pool2d(x, (3, 2))
        short = functional.silu(self.shortcut(x))
        y = functional.silu(self.reduce(x))
        y = (y + functional.silu(self.local(y))).squeeze(2).transpose(1, 2)
        y = self.norm(self.attention(y))
        return cast(Tensor, y + short.squeeze(2).transpose(1, 2))

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.head(self.drop(self.features(x))))


def _layers(net: Recogniser) -> list[nn.Conv2d | nn.Linear | nn.LayerNorm]:
    """The module's layers with weights, in the order in which the graph computes them."""
    layers: list[nn.Conv2d | nn.Linear | nn.LayerNorm] = [
        net.stem1,
        net.stem2a,
        net.stem2b,
        net.stem3,
        net.stem4,
    ]
    for module in (
        net.blocks,
        net.shortcut,
        net.reduce,
        net.local,
        net.attention,
        net.norm,
        net.head,
    ):
        layers += [
            part
            for part in module.modules()
            if isinstance(part, nn.Conv2d | nn.Linear | nn.LayerNorm)
        ]
    return layers


def _slots(graph: onnx.GraphProto) -> list[tuple[str, tuple[str, ...]]]:
    """Each layer's kind and the names of its initialisers, in graph order: weight, bias, and the
    statistics of a batch normalisation."""
    constants = {tensor.name for tensor in graph.initializer}
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)

    def after(node: onnx.NodeProto) -> onnx.NodeProto:
        return readers[node.output[0]][0]

    def constant(node: onnx.NodeProto) -> str:
        return next(name for name in node.input if name in constants)

    slots: list[tuple[str, tuple[str, ...]]] = []
    for node in graph.node:
        if node.op_type == "Conv":
            following = after(node)
            if following.op_type == "BatchNormalization":
                slots.append(("conv+norm", (node.input[1], *following.input[1:5])))
            else:
                slots.append(("conv", (node.input[1], constant(following))))
        elif node.op_type == "MatMul" and node.input[1] in constants:
            slots.append(("linear", (node.input[1], constant(after(node)))))
        elif (
            node.op_type == "Sqrt"
        ):  # the end of a layer normalisation: Div, Mul by its weight, Add of its bias
            scale = after(after(node))
            slots.append(("norm", (constant(scale), constant(after(scale)))))
    return slots


def characters_of(model: onnx.ModelProto) -> list[str]:
    """The published network's classes after the blank; the space is the last."""
    text: str = next(entry.value for entry in model.metadata_props if entry.key == "character")
    return [*text.split("\n"), " "]


def pretrained(path: Path | None = None) -> Recogniser:
    """The published network, its head cut to our symbols; unknown symbols' rows start at random.

    `path` names a file that :func:`write_onnx` wrote, to start from weights of our own.
    """
    model = onnx.load(str(path or published_graph()))
    values = {
        tensor.name: numpy_helper.to_array(tensor).copy() for tensor in model.graph.initializer
    }
    net = Recogniser()
    with torch.no_grad():
        for layer, (kind, names) in zip(_layers(net), _slots(model.graph), strict=True):
            if layer is net.head:
                continue
            weight, bias, *statistics = (values[name] for name in names)
            if kind == "conv+norm":
                conv, (gain, shift, mean, variance) = weight, (bias, *statistics)
                scale = gain / np.sqrt(variance + 1e-5)
                weight, bias = conv * scale[:, None, None, None], shift - mean * scale
            if kind == "linear":
                weight = weight.T
            layer.weight.copy_(torch.from_numpy(np.ascontiguousarray(weight)))
            assert layer.bias is not None
            layer.bias.copy_(torch.from_numpy(bias.reshape(-1)))
        known = {
            symbol: row for row, symbol in reversed(list(enumerate(characters_of(model), start=1)))
        }
        rows = torch.from_numpy(values[HEAD_WEIGHT].T.copy())
        biases = torch.from_numpy(values[HEAD_BIAS].copy())
        net.head.weight[0], net.head.bias[0] = rows[0], biases[0]
        for row, symbol in enumerate(SYMBOLS, start=1):
            if symbol in known:
                net.head.weight[row], net.head.bias[row] = (
                    rows[known[symbol]],
                    biases[known[symbol]],
                )
            else:
                net.head.bias[row] = biases[1:].median()
    return net


def write_onnx(net: Recogniser, path: Path) -> None:
    """Writes the network's weights into the published graph, whose output is probabilities."""
    model = onnx.load(str(published_graph()))
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}

    def put(name: str, value: np.ndarray) -> None:
        if name not in (HEAD_WEIGHT, HEAD_BIAS):
            value = value.reshape(tuple(tensors[name].dims))
        tensors[name].CopyFrom(
            numpy_helper.from_array(np.ascontiguousarray(value, dtype=np.float32), name)
        )

    for layer, (kind, names) in zip(_layers(net), _slots(model.graph), strict=True):
        assert layer.bias is not None
        weight, bias = layer.weight.detach().cpu().numpy(), layer.bias.detach().cpu().numpy()
        put(names[0], weight.T if kind == "linear" else weight)
        if kind == "conv+norm":  # its statistics were folded into the convolution
            put(names[1], np.ones_like(bias))
            put(names[2], bias)
            put(names[3], np.zeros_like(bias))
            put(names[4], np.full_like(bias, 1 - 1e-5))
        else:
            put(names[1], bias)
    for output in model.graph.output:
        output.type.tensor_type.shape.dim[2].dim_value = net.head.out_features
    for entry in model.metadata_props:
        if entry.key == "character":
            entry.value = "\n".join(SYMBOLS)
    model.doc_string = (
        "Handwriting recogniser of Reprise, fine-tuned from PP-OCRv6 small (PaddleOCR, Apache-2.0) "
        "on French handwriting (CC BY 4.0): see MODEL_CARD.md"
    )
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
