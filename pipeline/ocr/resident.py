"""A Tesseract that stays: one process reads page after page.

To start takes it a seventh of what a page takes. It is given the names of images one by one on its
standard input, and each page's hOCR is taken from its standard output as soon as it is there.
"""

from __future__ import annotations

import functools
import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing.util import Finalize
from pathlib import Path

from lxml import etree

_DIV = "{http://www.w3.org/1999/xhtml}div"


class Resident:
    """A process of `command` with the arguments `options`, started by its first page."""

    def __init__(self, command: str, options: tuple[str, ...]) -> None:
        # Written to a pipe, what a program says stays with it until there are some kilobytes.
        self._command = ("stdbuf", "-oL", command, "-", "-", *options)
        self._process: subprocess.Popen[bytes] | None = None
        self._pages: Iterator[etree._Element] = iter(())

    def read(self, image: Path) -> etree._Element | None:
        """The hOCR element of the page in `image`; None where the process cannot be had or ends
        before the page does: a next page gets a new one."""
        page = None
        try:
            process = self._process or self._start()
            assert process.stdin is not None
            process.stdin.write(os.fsencode(image) + b"\n")
            process.stdin.flush()
            page = next(self._pages, None)
        except OSError:
            pass
        finally:
            # Whatever has come between: no page may be taken for another.
            if page is None or not page.get("title", "").startswith(f'image "{image}"'):
                page = None
                self._kill()
        return page

    def stop(self) -> None:
        """Let the process end, if there is one, and wait for it."""
        process, self._process = self._process, None
        if process is not None:
            with suppress(BrokenPipeError), process:
                pass

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()
        self.stop()

    def _start(self) -> subprocess.Popen[bytes]:
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._pages = _pages(self._process)
        return self._process


def _pages(process: subprocess.Popen[bytes]) -> Iterator[etree._Element]:
    """Each page of the one document that the process writes, when it is whole."""
    assert process.stdout is not None
    parser = etree.XMLPullParser(events=("end",), tag=_DIV, recover=True, resolve_entities=False)
    while data := os.read(process.stdout.fileno(), 2**16):
        parser.feed(data)
        for _, element in parser.read_events():
            if isinstance(element, etree._Element) and element.get("class") == "ocr_page":
                yield element
                # The document holds what it had before until the next page is there.
                body = element.getparent()
                while body is not None and body[0] is not element:
                    body.remove(body[0])


@functools.cache
def resident(command: str, options: tuple[str, ...]) -> Resident:
    """This process's own. It ends with it, and is waited for, so that what it took is counted."""
    made = Resident(command, options)
    # Unlike those of `atexit`, what is registered here is also done where workers end.
    Finalize(made, made.stop, exitpriority=1)
    return made
