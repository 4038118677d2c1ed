"""The report as one HTML file: pages with their boxes, values with their state, in French."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from pipeline.model import Box, Page, Size, State
from pipeline.reporting.summary import Summary

STATES = {State.SURE: "sûr", State.DOUBTFUL: "à vérifier", State.UNREAD: "illisible"}
PAGE_STATES = {
    "waiting": "en attente",
    "read": "lue",
    "in-document": "dans un document",
    "blank": "page blanche",
    "separator": "feuille de séparation",
    "quarantined": "mise de côté",
}


def render(summary: Summary, preview: Callable[[str, int], Path]) -> str:
    """`report.html`; `preview(sha256, page)` says where a page's small image is."""

    def image(sha256: str, number: int) -> str:
        path = preview(sha256, number)
        if not path.is_file():
            return ""
        return "data:image/jpeg;base64," + base64.b64encode(path.read_bytes()).decode()

    environment = Environment(
        loader=PackageLoader("pipeline.reporting", "."),
        autoescape=select_autoescape(["html", "j2"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = _percent
    template = environment.get_template("report.html.j2")
    return template.render(
        summary=summary,
        image=image,
        states=STATES,
        page_states=PAGE_STATES,
        pages_text=_pages_text,
    )


def _percent(box: Box, size: Size) -> dict[str, str]:
    """A box as SVG attributes in percent of its page."""
    return {
        "x": f"{100 * box.x / size.width:.2f}",
        "y": f"{100 * box.y / size.height:.2f}",
        "width": f"{100 * box.width / size.width:.2f}",
        "height": f"{100 * box.height / size.height:.2f}",
    }


def _pages_text(pages: tuple[Page, ...]) -> str:
    numbers = [page.number for page in pages]
    if len(numbers) == 1:
        return f"page {numbers[0]}"
    return f"pages {numbers[0]} à {numbers[-1]}"
