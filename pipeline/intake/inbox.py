"""The inbox folder as it is now: which files may be taken, which must wait, which are refused.

The listing is the truth; file events are only a reason to list again. Nothing here writes to the
inbox, and no name is trusted: origins are labels, paths are only ever opened.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.config import Settings
from pipeline.errors import FileChanged, InputError, OutsideInbox, TooManyPixels, UnsupportedFile
from pipeline.formats import is_whole, media_type

_TEMPORARY_ENDINGS = (
    "~", ".tmp", ".temp", ".part", ".partial", ".filepart", ".crdownload", ".download", ".swp",
    ".lock", ".lck", ".!ut", ".bak",
)  # fmt: skip
_SYSTEM_NAMES = {"thumbs.db", "desktop.ini", "__macosx", "@eadir", "lost+found"}

_STILL_GROWING = "Le fichier est encore en cours d'écriture."
_NO_END_YET = "La fin du fichier manque encore : la copie n'est sans doute pas terminée."
_NOT_OPENED = "Le fichier ne peut pas être ouvert : vérifiez ses droits d'accès."
_NOT_A_FILE = "Ce n'est pas un fichier ordinaire : déposez le document lui-même."
_TOO_HEAVY = "Le fichier est trop lourd pour être traité : séparez-le en plusieurs fichiers."


@dataclass(frozen=True)
class Arrival:
    """A file that may be taken: where it is, its name for people, and how it was when listed."""

    path: Path
    origin: str
    size: int
    modified_ns: int


@dataclass(frozen=True)
class Waiting:
    """A file left alone for now, and why, in French. `since` is its last change (Unix time)."""

    origin: str
    reason: str
    since: float


@dataclass(frozen=True)
class Refused:
    """Something that is not a file of this inbox. Its bytes are never read."""

    path: Path
    origin: str
    error: InputError


@dataclass(frozen=True)
class Listing:
    """Everything in the inbox, each file in exactly one place, ordered by origin."""

    ready: tuple[Arrival, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    refused: tuple[Refused, ...] = ()


def list_inbox(inbox: Path, settings: Settings) -> Listing:
    """List the files under `inbox`, nested folders included, hidden and temporary ones left out.

    A file is ready once neither its size nor its time of change moved for `stable_seconds` and
    its end is the one its format promises; a file whose end never comes is handed over after
    `patience_seconds`, for intake to refuse. Where files changed only just now, the call waits
    `stable_seconds` once and looks again.
    """
    root = inbox.resolve(strict=True)
    arrivals: list[Arrival] = []
    refused: list[Refused] = []
    for path in _walk(root):
        origin = origin_of(path, root)
        try:
            arrivals.append(_arrival(path, origin, root))
        except InputError as error:
            refused.append(Refused(path, origin, error))
    steady, growing = _steady(arrivals, root, settings)
    ready: list[Arrival] = []
    waiting = [Waiting(item.origin, _STILL_GROWING, _changed(item.path)) for item in growing]
    now = time.time()
    for item in steady:
        since = _changed(item.path)
        if 0 <= now - since < settings.patience_seconds and not _has_end(item):
            waiting.append(Waiting(item.origin, _NO_END_YET, since))
        else:
            ready.append(item)
    return Listing(
        ready=tuple(sorted(ready, key=lambda item: item.origin)),
        waiting=tuple(sorted(waiting, key=lambda item: item.origin)),
        refused=tuple(sorted(refused, key=lambda item: item.origin)),
    )


def read(arrival: Arrival, settings: Settings) -> bytes:
    """The bytes of a listed file. Raises `FileChanged` where it is not the file that was listed
    any more, also when it changes while being read; `TooManyPixels` above `max_bytes`."""
    if arrival.size > settings.max_bytes:
        raise TooManyPixels(_TOO_HEAVY)
    try:
        with arrival.path.open("rb") as file:
            data = file.read(arrival.size + 1)
            after = os.fstat(file.fileno())
    except FileNotFoundError as error:
        raise FileChanged from error
    except OSError as error:
        raise FileChanged(_NOT_OPENED) from error
    as_listed = (arrival.size, arrival.modified_ns)
    if (after.st_size, after.st_mtime_ns) != as_listed or len(data) != arrival.size:
        raise FileChanged
    return data


def origin_of(path: Path, root: Path) -> str:
    """The path below `root` with `/` between folders; bytes that are no text are escaped."""
    parts = path.relative_to(root).parts
    return "/".join(os.fsencode(part).decode("utf-8", "backslashreplace") for part in parts)


def _walk(root: Path) -> Iterator[Path]:
    """Files and links below `root`; folders are entered, links to folders are not."""
    for folder, folders, files in os.walk(root, followlinks=False):
        links = [name for name in folders if (Path(folder) / name).is_symlink()]
        folders[:] = [n for n in folders if n not in links and not _is_left_alone(n)]
        for name in (*files, *links):
            if not _is_left_alone(name):
                yield Path(folder) / name


def _is_left_alone(name: str) -> bool:
    lower = name.lower()
    return (
        (lower.startswith(".") and not lower.startswith(".."))  # "..\\x.pdf" is only an odd name
        or lower.startswith(("~$", "#"))
        or lower.endswith(_TEMPORARY_ENDINGS)
        or lower in _SYSTEM_NAMES
    )


def _arrival(path: Path, origin: str, root: Path) -> Arrival:
    """Raises `OutsideInbox`, `UnsupportedFile` (no plain file), `FileChanged` (gone)."""
    try:
        target = path.resolve(strict=True)
        found = path.stat()
    except (OSError, RuntimeError) as error:  # gone, dangling, a loop of links
        raise (OutsideInbox if path.is_symlink() else FileChanged) from error
    if not target.is_relative_to(root):
        raise OutsideInbox
    if not stat.S_ISREG(found.st_mode):
        raise UnsupportedFile(_NOT_A_FILE)
    return Arrival(path, origin, found.st_size, found.st_mtime_ns)


def _changed(path: Path) -> float:
    """Last change of content or name, Unix time: copies often carry an old modification time."""
    try:
        found = path.stat()
    except OSError:
        return time.time()
    return max(found.st_mtime, found.st_ctime)


def _steady(
    arrivals: list[Arrival], root: Path, settings: Settings
) -> tuple[list[Arrival], list[Arrival]]:
    """Split into files that keep still and files that move; files that vanish are dropped."""
    now = time.time()
    fresh = [item for item in arrivals if now - _changed(item.path) < settings.stable_seconds]
    if not fresh:
        return arrivals, []
    time.sleep(settings.stable_seconds)
    moving: list[Arrival] = []
    for item in fresh:
        try:
            if _arrival(item.path, item.origin, root) != item:
                moving.append(item)
        except InputError:
            arrivals = [other for other in arrivals if other is not item]
    return [item for item in arrivals if item not in moving], moving


def _has_end(arrival: Arrival) -> bool:
    """Whether the file is complete as far as its format tells; files of no known format are."""
    try:
        data = arrival.path.read_bytes()
        return is_whole(data, media_type(data))
    except InputError:
        return arrival.size > 0
    except OSError:
        return True
