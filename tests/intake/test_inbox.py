"""The inbox is listed as it is: nothing is written to it, and no name leads astray."""

from __future__ import annotations

import os
import threading
import time
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from pipeline.config import Settings
from pipeline.errors import FileChanged, TooManyPixels
from pipeline.intake.inbox import Listing, list_inbox, read

SETTINGS = Settings(stable_seconds=0.05, patience_seconds=60)


def jpeg() -> bytes:
    buffer = BytesIO()
    Image.new("L", (300, 400), 200).save(buffer, "JPEG")
    return buffer.getvalue()


def put(path: Path, data: bytes, age: float = 3600) -> None:
    """Write a file that last changed `age` seconds ago as far as its times can say."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (time.time() - age,) * 2)


def origins(listing: Listing) -> list[str]:
    return [arrival.origin for arrival in listing.ready]


@pytest.mark.parametrize(
    "name",
    [
        "scan.jpg",
        "deux mots.jpg",
        "consultation d'été – n° 3.jpg",
        "ligne\nsuivante.jpg",
        "..\\..\\ailleurs.jpg",
        "2026/novembre/scan.jpg",
        "sans-extension",
        "-rf",
    ],
)
def test_odd_names_are_only_names(tmp_path: Path, name: str) -> None:
    put(tmp_path / name, jpeg())
    listing = list_inbox(tmp_path, SETTINGS)
    assert origins(listing) == [name]
    assert read(listing.ready[0], SETTINGS) == jpeg()


def test_a_name_that_is_no_text_is_escaped(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/scan\xff.jpg"))
    try:
        put(path, jpeg())
    except OSError:
        pytest.skip("this file system takes only UTF-8 names")
    listing = list_inbox(tmp_path, SETTINGS)
    assert origins(listing) == ["scan\\xff.jpg"]
    assert read(listing.ready[0], SETTINGS) == jpeg()


@pytest.mark.parametrize(
    "name",
    [".cache.jpg", "~$note.pdf", "scan.jpg.part", "scan.pdf.crdownload", "a.tmp", "Thumbs.db",
     ".trash/scan.jpg", "@eaDir/scan.jpg", "scan.jpg~"],
)  # fmt: skip
def test_hidden_and_temporary_files_are_left_alone(tmp_path: Path, name: str) -> None:
    put(tmp_path / name, jpeg())
    assert list_inbox(tmp_path, SETTINGS) == Listing()


def test_a_half_written_file_waits_and_is_then_handed_over(tmp_path: Path) -> None:
    put(tmp_path / "half.jpg", jpeg()[:200])
    listing = list_inbox(tmp_path, SETTINGS)
    assert [item.origin for item in listing.waiting] == ["half.jpg"]
    assert "copie" in listing.waiting[0].reason
    impatient = Settings(stable_seconds=0.05, patience_seconds=0.0)
    assert origins(list_inbox(tmp_path, impatient)) == ["half.jpg"]


@pytest.mark.parametrize("name", ["note.txt", "zero.pdf"])
def test_files_of_no_known_format_do_not_wait_for_an_end(tmp_path: Path, name: str) -> None:
    put(tmp_path / name, b"" if name == "zero.pdf" else b"hello")
    expected = [] if name == "zero.pdf" else [name]  # an empty file may only just be created
    assert origins(list_inbox(tmp_path, SETTINGS)) == expected


def test_a_growing_file_waits(tmp_path: Path) -> None:
    path = tmp_path / "growing.jpg"
    put(path, jpeg())
    done = threading.Event()

    def grow() -> None:
        while not done.is_set():
            with path.open("ab") as file:
                file.write(b"\xff\xd9")
            time.sleep(0.01)

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        listing = list_inbox(tmp_path, Settings(stable_seconds=0.3))
    finally:
        done.set()
        writer.join()
    assert [item.origin for item in listing.waiting] == ["growing.jpg"]
    assert origins(list_inbox(tmp_path, SETTINGS)) == ["growing.jpg"]


def test_links_out_of_the_inbox_are_refused_unread(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    put(tmp_path / "private.jpg", jpeg())
    put(inbox / "scan.jpg", jpeg())
    (tmp_path / "folder").mkdir()
    put(tmp_path / "folder" / "other.jpg", jpeg())
    for name, target in [
        ("out.jpg", tmp_path / "private.jpg"),
        ("folder", tmp_path / "folder"),
        ("gone.jpg", tmp_path / "nothing"),
        ("loop.jpg", inbox / "loop.jpg"),
    ]:
        (inbox / name).symlink_to(target)
    (inbox / "inside.jpg").symlink_to("scan.jpg")
    listing = list_inbox(inbox, SETTINGS)
    assert origins(listing) == ["inside.jpg", "scan.jpg"]
    refused = {item.origin: item.error.code for item in listing.refused}
    assert set(refused.values()) == {"hors-du-dossier"}
    assert set(refused) == {"out.jpg", "folder", "gone.jpg", "loop.jpg"}


def test_a_pipe_is_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pdf")
    listing = list_inbox(tmp_path, SETTINGS)
    assert [item.error.code for item in listing.refused] == ["format-inconnu"]


def test_listing_leaves_the_inbox_untouched(tmp_path: Path) -> None:
    put(tmp_path / "a" / "scan.jpg", jpeg())
    before = {p: (p.stat().st_mtime_ns, p.stat().st_ctime_ns) for p in tmp_path.rglob("*")}
    read(list_inbox(tmp_path, SETTINGS).ready[0], SETTINGS)
    assert before == {p: (p.stat().st_mtime_ns, p.stat().st_ctime_ns) for p in tmp_path.rglob("*")}


def test_a_file_that_changes_or_vanishes_is_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "scan.jpg"
    put(path, jpeg())
    arrival = list_inbox(tmp_path, SETTINGS).ready[0]
    put(path, jpeg() + b"\xff\xd9", age=10)
    with pytest.raises(FileChanged):
        read(arrival, SETTINGS)
    path.unlink()
    with pytest.raises(FileChanged) as caught:
        read(arrival, SETTINGS)
    assert caught.value.retryable


def test_a_file_too_heavy_for_memory_is_not_read(tmp_path: Path) -> None:
    put(tmp_path / "scan.jpg", jpeg())
    arrival = list_inbox(tmp_path, SETTINGS).ready[0]
    with pytest.raises(TooManyPixels):
        read(arrival, Settings(max_bytes=100))
