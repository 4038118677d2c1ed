"""Values as the ledger keeps them. Apart from it, so that workers can pack what they found."""

from __future__ import annotations

import zlib
from typing import TypeVar

from pydantic import BaseModel

Model = TypeVar("Model", bound=BaseModel)


def pack(model: BaseModel) -> bytes:
    """A value as compressed JSON."""
    return zlib.compress(model.model_dump_json(exclude_defaults=True).encode())


def unpack(kind: type[Model], data: bytes) -> Model:
    """The value that `pack` was given. Raises `zlib.error` or `ValidationError` for other bytes."""
    return kind.model_validate_json(zlib.decompress(data))
