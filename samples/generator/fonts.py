"""Handwriting and printed fonts for samples and for synthetic training lines.

No font file is in the repository. Packages of npm are installed into a cache folder at generation
time and their WOFF files turned into TrueType; the others come with Debian packages. Licences: OFL
1.1 and Apache-2.0 (fontsource packages), GPL with font exception or OFL (Debian packages); a
rendered picture carries none of them.
"""

import functools
import os
import subprocess
from pathlib import Path
from typing import Literal

from fontTools.ttLib import TTFont

Group = Literal["train", "held-out"]

_PACKAGES: dict[Group, tuple[str, ...]] = {
    "train": (
        "caveat",
        "kalam",
        "patrick-hand",
        "indie-flower",
        "gloria-hallelujah",
        "shadows-into-light",
        "coming-soon",
        "architects-daughter",
        "delius",
        "rock-salt",
        "sacramento",
        "playwrite-fr-moderne",
        "mr-dafoe",
    ),
    "held-out": ("handlee", "shadows-into-light-two", "marck-script"),
}
_DEBIAN: dict[Group, tuple[str, ...]] = {
    "train": (
        "fifthhorseman/dkg.ttf",
        "fifthhorseman/dkgIt.ttf",
        "ecolier-court/Ecolier-court.ttf",
    ),
    "held-out": ("breip/Breip.ttf",),
}
_PRINTED = (
    "liberation/LiberationSans-Regular.ttf", "liberation/LiberationSerif-Regular.ttf",
    "liberation/LiberationMono-Regular.ttf", "dejavu/DejaVuSans.ttf", "dejavu/DejaVuSerif.ttf",
    "crosextra/Carlito-Regular.ttf", "crosextra/Caladea-Regular.ttf", "lato/Lato-Regular.ttf",
)  # fmt: skip
_SYSTEM = Path("/usr/share/fonts/truetype")


def cache() -> Path:
    """Where fonts are kept: `REPRISE_FONT_CACHE`, or `reprise/fonts` in the user's cache."""
    named = os.environ.get("REPRISE_FONT_CACHE")
    base = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return Path(named) if named else base / "reprise" / "fonts"


def _converted(package: str, folder: Path) -> list[Path]:
    """TrueType copies of a package's Latin fonts in the light to regular weights."""
    made = []
    for weight in ("300", "400"):
        target = folder / f"{package}-{weight}.ttf"
        name = f"{package}-latin-{weight}-normal.woff"
        source = folder / "node_modules" / "@fontsource" / package / "files" / name
        if not target.exists() and source.exists():
            with TTFont(source) as font:
                font.flavor = None
                font.save(target)
        if target.exists():
            made.append(target)
    return made


def handwriting_fonts(group: Group) -> list[Path]:
    """TrueType handwriting fonts; `held-out` ones never train anything, so that they can measure.

    The first call installs them with npm. Raises `subprocess.CalledProcessError` where that fails.
    """
    folder = cache()
    folder.mkdir(parents=True, exist_ok=True)
    packages = _PACKAGES[group]
    if not all(_converted(package, folder) for package in packages):
        names = [f"@fontsource/{package}" for package in sorted(sum(_PACKAGES.values(), ()))]
        subprocess.run(
            [
                "npm",
                "install",
                "--silent",
                "--no-audit",
                "--no-fund",
                "--no-save",
                "--prefix",
                str(folder),
                *names,
            ],
            check=True,
        )
    fonts = [path for package in packages for path in _converted(package, folder)]
    return fonts + [_SYSTEM / name for name in _DEBIAN[group] if (_SYSTEM / name).exists()]


def printed_fonts() -> list[Path]:
    """Printed and typewriter fonts of the Debian packages that this machine has."""
    found = [_SYSTEM / name for name in _PRINTED if (_SYSTEM / name).exists()]
    return found + sorted(Path("/usr/share/fonts").rglob("*ourier*rime.ttf"))


@functools.cache
def glyphs(font: Path) -> frozenset[str]:
    """The characters that a font can draw."""
    with TTFont(font, lazy=True) as opened:
        return frozenset(map(chr, opened.getBestCmap()))
