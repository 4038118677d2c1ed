"""Files beside the ledger: originals by content, whole or not at all, and the quarantine."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import re
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from pipeline.errors import FileChanged, RepriseError
from pipeline.model import Scan


def write_atomically(path: Path, data: bytes) -> None:
    """Write `path` so that after a crash it holds the old bytes or the new ones, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    write_synced(temporary, (data,))
    adopt(temporary, path)


def write_synced(path: Path, parts: Iterable[bytes]) -> None:
    """Write a file part by part, and return once its bytes are on the disk."""
    with path.open("wb") as file:
        file.writelines(parts)
        file.flush()
        os.fsync(file.fileno())


def adopt(written: Path, path: Path) -> None:
    """Give a file that is written and synced its place on the same disk, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    written.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def write_json(path: Path, content: object) -> None:
    """Write `content` as indented UTF-8 JSON, atomically."""
    text = json.dumps(content, ensure_ascii=False, indent=1)
    write_atomically(path, (text + "\n").encode())


def original_path(out: Path, sha256: str) -> Path:
    """Where a scan's original bytes are kept until someone purges them."""
    return out / "originals" / sha256[:2] / sha256


def keep_original(out: Path, sha256: str, data: bytes) -> Path:
    """Copy the original's bytes and read them back; raises `FileChanged` if they differ."""
    path = original_path(out, sha256)
    if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
        write_atomically(path, data)
        if path.read_bytes() != data:
            raise FileChanged(
                "La copie du fichier ne correspond pas à l'original : vérifiez le disque."
            )
    return path


def folder_name(origin: str, sha256: str, pages: Sequence[int] = ()) -> str:
    """A readable folder name that no origin, however odd, can lead out of its parent."""
    stem = PurePosixPath(origin).stem
    plain = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode()
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", plain).strip("-.")[:60] or "scan"
    suffix = f"-p{pages[0]}" if pages else ""
    return f"{safe}-{sha256[:8]}{suffix}"


def quarantine(
    out: Path, scan: Scan, error: RepriseError, pages: Sequence[int] = (), detail: str = ""
) -> Path:
    """Put a scan (or some of its pages) aside: the original bytes beside the reason.

    The bytes are a hard link to the kept original where the disk allows it.
    """
    origin = scan.origins[0]
    folder = out / "quarantine" / folder_name(origin, scan.sha256, pages)
    folder.mkdir(parents=True, exist_ok=True)
    suffix = PurePosixPath(origin).suffix
    copy = folder / f"original{suffix if re.fullmatch(r'[.][A-Za-z0-9]{1,8}', suffix) else ''}"
    if not copy.exists():
        source = original_path(out, scan.sha256)
        try:
            copy.hardlink_to(source)
        except OSError:
            write_atomically(copy, source.read_bytes())
    write_json(
        folder / "reason.json",
        {
            "code": error.code,
            "sentence": error.sentence,
            "when": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            "origins": list(scan.origins),
            "sha256": scan.sha256,
            "pages": list(pages),
            "detail": detail,
        },
    )
    return folder
