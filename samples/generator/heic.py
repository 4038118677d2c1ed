"""A grey picture as HEIC, written without an encoder library.

Phones store photos as HEIC: one HEVC intra picture in an ISO base media file. Every block here is
coded as raw samples (I_PCM), which any HEVC decoder must read and which needs almost no entropy
coding: larger than a phone's files, but free of any encoder's licence. Sources: ITU-T H.265
(07/2024) 7.3 (syntax), 9.3 (CABAC) and ISO/IEC 23008-12 (boxes).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

_BLOCK = 16
# Range of the least probable symbol (H.265 table 9-52), for the one column that can occur here:
# the range is always 508 or 510 when the only context-coded symbol is written.
_LPS_RANGE = (
    240, 227, 216, 205, 195, 185, 175, 166, 158, 150, 142, 135, 128, 122, 116, 110, 104, 99, 94, 89,
    85, 80, 76, 72, 69, 65, 62, 59, 56, 53, 50, 48, 45, 43, 41, 39, 37, 35, 33, 31, 30, 28, 27, 25,
    24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 14, 13, 12, 12, 11, 11, 10, 9,
)  # fmt: skip


class _Bits:
    """Bits written most significant first."""

    def __init__(self) -> None:
        self.bits: list[int] = []

    def fixed(self, value: int, width: int) -> _Bits:
        """u(n)"""
        self.bits += [value >> shift & 1 for shift in range(width - 1, -1, -1)]
        return self

    def golomb(self, *values: int) -> _Bits:
        """ue(v), one for each value"""
        for value in values:
            width = (value + 1).bit_length()
            self.fixed(0, width - 1).fixed(value + 1, width)
        return self

    def aligned(self, stop: int = 1) -> bytes:
        """All bits, closed by a stop bit (where asked for) and zeros up to the byte."""
        bits = [*self.bits, *([1] if stop else [])]
        bits += [0] * (-len(bits) % 8)
        return np.packbits(np.array(bits, np.uint8)).tobytes()


def _profile(bits: _Bits) -> _Bits:
    """profile_tier_level: Main Still Picture, level 5.1."""
    bits.fixed(3, 8).fixed(0b0111, 4).fixed(0, 28)
    return bits.fixed(0b1001, 4).fixed(0, 44).fixed(153, 8)


def _video_parameters() -> bytes:
    bits = _Bits().fixed(0, 4).fixed(0b11, 2).fixed(0, 6).fixed(0, 3).fixed(1, 1).fixed(0xFFFF, 16)
    _profile(bits).fixed(1, 1).golomb(0, 0, 0)
    return bits.fixed(0, 6).golomb(0).fixed(0, 2).aligned()


def _sequence_parameters(width: int, height: int, depth: int) -> bytes:
    """SPS for blocks of 16 pixels, PCM of `depth` bits luma and one bit chroma."""
    coded = [-(-side // _BLOCK) * _BLOCK for side in (width, height)]
    bits = _Bits().fixed(0, 4).fixed(0, 3).fixed(1, 1)
    _profile(bits).golomb(0, 1, *coded).fixed(1, 1)
    bits.golomb(0, (coded[0] - width) // 2, 0, (coded[1] - height) // 2)
    bits.golomb(0, 0, 0).fixed(1, 1).golomb(0, 0, 0).golomb(1, 0, 0, 2, 0, 0)
    bits.fixed(0, 3).fixed(1, 1)  # no scaling lists, AMP or SAO; PCM
    bits.fixed(depth - 1, 4).fixed(0, 4).golomb(1, 0).fixed(1, 1)
    return bits.golomb(0).fixed(0, 5).aligned()


def _picture_parameters() -> bytes:
    """PPS: no deblocking, nothing optional."""
    bits = _Bits().golomb(0, 0).fixed(0, 7).golomb(0, 0, 0).fixed(0, 3).golomb(0, 0)
    bits.fixed(0, 7).fixed(0b101, 3).fixed(0, 2)
    return bits.golomb(0).fixed(0, 2).aligned()


def _before_samples(state: int, first: bool) -> bytes:
    """CABAC bits up to a block's samples, by the state of the part_mode context.

    They say: the slice goes on (but for the first block), one prediction block (the context's most
    probable symbol), PCM; then the arithmetic coder is flushed and the byte filled with zeros.
    """
    span = 510 if first else 508
    return _flushed(span - _LPS_RANGE[state] - 2)


def _flushed(low: int) -> bytes:
    """The end of an arithmetic codeword at `low`, after a terminating symbol (9.3.5.5)."""
    bits: list[int] = []
    outstanding = 0
    first = True

    def put(bit: int) -> None:
        nonlocal outstanding, first
        if first:
            first = False
        else:
            bits.append(bit)
        bits.extend([1 - bit] * outstanding)
        outstanding = 0

    for _ in range(7):
        if low < 256:
            put(0)
        elif low >= 512:
            low -= 512
            put(1)
        else:
            low -= 256
            outstanding += 1
        low <<= 1
    put(low >> 9 & 1)
    written = _Bits()
    written.bits = bits
    return written.fixed((low >> 7 & 3) | 1, 2).aligned(stop=0)


def _slice(grey: NDArray[np.uint8], depth: int) -> bytes:
    """The only slice of the picture: header, then every block as samples."""
    header = _Bits().fixed(0b10, 2).golomb(0, 2).golomb(0).aligned()
    rows, columns = (side // _BLOCK for side in grey.shape)
    blocks = grey.reshape(rows, _BLOCK, columns, _BLOCK).swapaxes(1, 2).reshape(-1, _BLOCK**2)
    kept = (blocks >> (8 - depth)).astype(np.uint8)
    planes = np.unpackbits(kept[..., None], axis=2)[..., 8 - depth :]
    luma = np.packbits(planes.reshape(len(blocks), -1), axis=1)
    chroma = b"\xff" * (2 * (_BLOCK // 2) ** 2 // 8)  # one bit a sample: 1 is neutral grey
    parts = [header]
    for number, samples in enumerate(luma):
        parts += [_before_samples(min(number, 62), number == 0), samples.tobytes(), chroma]
    # After the last block the end of the slice: the flush's last bit is the stop bit.
    return b"".join([*parts, _flushed(508)])


def _unit(kind: int, payload: bytes) -> bytes:
    """A NAL unit: header, and 03 put in where the payload could look like a start code."""
    out = bytearray()
    zeros = 0
    for byte in payload:
        if zeros >= 2 and byte <= 3:
            out.append(3)
            zeros = 0
        out.append(byte)
        zeros = zeros + 1 if byte == 0 else 0
    return struct.pack(">H", kind << 9 | 1) + bytes(out)


def _box(name: str, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I4s", len(body) + 8, name.encode()) + body


def _full(name: str, version: int, *parts: bytes) -> bytes:
    return _box(name, struct.pack(">B3x", version), *parts)


def _configuration(units: Iterable[tuple[int, bytes]]) -> bytes:
    """hvcC: profile, format, and the parameter sets."""
    head = bytes((1, 3)) + struct.pack(">I", 0x70000000) + b"\x90" + bytes(5) + bytes((153,))
    head += struct.pack(">HBBBBHB", 0xF000, 0xFC, 0xFD, 0xF8, 0xF8, 0, 0x0F)
    arrays = [struct.pack(">BHH", 0x80 | kind, 1, len(unit)) + unit for kind, unit in units]
    return _box("hvcC", head, bytes((len(arrays),)), *arrays)


def encode(grey: NDArray[np.uint8], depth: int = 4, quarter_turns: int = 0) -> bytes:
    """HEIC bytes of a grey picture (H, W) uint8 with even sides, keeping `depth` bits a pixel.

    `quarter_turns` (anticlockwise) is stored as the picture's rotation, as phones do: a viewer
    shows the picture turned. Raises `ValueError` for odd sides or a depth outside 1 to 8.
    """
    height, width = grey.shape
    if height % 2 or width % 2 or not 1 <= depth <= 8:
        raise ValueError("even sides and a depth of 1 to 8 bits are needed")
    padded = np.pad(grey, ((0, -height % _BLOCK), (0, -width % _BLOCK)), mode="edge")
    units = [
        (32, _unit(32, _video_parameters())),
        (33, _unit(33, _sequence_parameters(width, height, depth))),
        (34, _unit(34, _picture_parameters())),
    ]
    picture = _unit(19, _slice(padded, depth))
    data = struct.pack(">I", len(picture)) + picture
    properties = [
        _configuration(units),
        _full("ispe", 0, struct.pack(">II", width, height)),
        _box("colr", b"nclx", struct.pack(">HHHB", 1, 13, 6, 0x80)),
        _box("irot", bytes((quarter_turns % 4,))),
    ]
    links = bytes((len(properties),)) + bytes((0x81, 2, 3, 0x84))
    kind = _box("ftyp", b"heic", bytes(4), b"mif1heic")

    item = _full("infe", 2, struct.pack(">HH4sx", 1, 0, b"hvc1"))

    def meta(offset: int) -> bytes:
        return _full(
            "meta", 0,
            _full("hdlr", 0, bytes(4), b"pict", bytes(13)),
            _full("pitm", 0, struct.pack(">H", 1)),
            _full("iloc", 0, struct.pack(">HHHHHII", 0x4400, 1, 1, 0, 1, offset, len(data))),
            _full("iinf", 0, struct.pack(">H", 1), item),
            _box(
                "iprp",
                _box("ipco", *properties),
                _full("ipma", 0, struct.pack(">IH", 1, 1), links),
            ),
        )  # fmt: skip

    return kind + meta(len(kind) + len(meta(0)) + 8) + _box("mdat", data)
