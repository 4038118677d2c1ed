"""The files of an export, and the list of their hashes."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from pipeline.errors import UsageError
from pipeline.store.files import write_atomically

INDEX: Final = "SHA256SUMS"


class Folder:
    """A folder that an export fills, and what was written to it, in order."""

    def __init__(self, target: Path) -> None:
        """Raises `UsageError` when `target` holds something already: nothing old is mixed in."""
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise UsageError(f"Le dossier {target} n'est pas vide : donnez-en un nouveau.")
        self.target = target
        self.hashes: dict[str, str] = {}

    def write(self, name: str, data: bytes) -> None:
        """Write the file `name`, a path with `/` below the target."""
        write_atomically(self.target / name, data)
        self.hashes[name] = hashlib.sha256(data).hexdigest()

    def close(self) -> tuple[Path, ...]:
        """Write the index, which `sha256sum --check` reads; gives all the files written."""
        if not self.hashes:
            return ()
        lines = [f"{digest}  {name}\n" for name, digest in sorted(self.hashes.items())]
        write_atomically(self.target / INDEX, "".join(lines).encode())
        return tuple(self.target / name for name in (*sorted(self.hashes), INDEX))
