"""Typed settings, read once from the environment (`REPRISE_…`) and passed down.

Everything that changes what a stage makes of its input is here, so that its hash tells whether
a stored result is still good.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Settings of one run. Sizes are in pixels, durations in seconds unless they say otherwise."""

    model_config = SettingsConfigDict(env_prefix="REPRISE_", frozen=True, extra="forbid")

    # intake
    stable_seconds: float = 1.0
    patience_seconds: float = 10.0
    max_bytes: int = 300_000_000
    max_pixels: int = 120_000_000
    max_pages: int = 2_000
    min_side: int = 200
    # imaging: PDF pages are rasterised at this resolution
    dpi: int = 300
    # reading
    languages: str = "fra"
    tesseract: str = "tesseract"
    # terminology store imported by the user; None means the built-in lists
    terminology: Path | None = None
    # running
    attempts: int = 3

    @property
    def fingerprint(self) -> str:
        """Short hash of all settings that change results."""
        values = self.model_dump_json(exclude={"attempts", "stable_seconds", "patience_seconds"})
        return hashlib.sha256(values.encode()).hexdigest()[:12]
