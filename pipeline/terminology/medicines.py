"""Look-up of medicines by name, brand or substance.

Three sources, the later filling what the earlier lack: the store imported from the BDPM, where
there is one; the curated list of primary care and midwifery (`data/medicines.csv`); the drug list
that edsnlp ships (BSD-3-Clause, after Romedi), read where that package is installed.
"""

from __future__ import annotations

import csv
import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cache, cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal, NamedTuple

from rapidfuzz import process
from rapidfuzz.distance import OSA

from pipeline.config import Settings
from pipeline.errors import SetupError
from pipeline.terminology.bdpm import VERSION
from pipeline.terminology.names import DATA, fold_name, lookalike, squash
from pipeline.terminology.strengths import Strengths, read

Kind = Literal["brand", "substance", "homeopathic"]
_SHORTENED: Final = {"vit": "vitamine", "ac": "acide", "chlor": "chlorure", "bicarb": "bicarbonate"}


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of one name. Substances are folded French names, `atc` the likeliest first."""

    name: str
    kind: Kind
    substances: tuple[str, ...] = ()
    atc: tuple[str, ...] = ()
    strengths: tuple[Strengths, ...] = ()
    forms: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    marketed: bool = True
    key: int | None = None

    @property
    def is_insulin(self) -> bool:
        return any(code.startswith("A10A") for code in self.atc)

    def has_strength(self, asked: Strengths) -> bool | None:
        """Whether a presentation has that strength; `None` when none is known.

        One strength of a combination is enough ("Augmentin 1 g"), and a number without a unit
        ("Kardégic 75") stands for any unit.
        """
        if not self.strengths or not asked:
            return None
        units = {unit for offered in self.strengths for _, unit in offered}
        if any(unit and unit not in units for _, unit in asked):
            return None  # a percentage or volume where the lists count milligrams tells nothing
        return any(_fits(asked, offered) for offered in self.strengths)


@dataclass(frozen=True, slots=True)
class Product:
    """One authorised medicine: its CIS code, and the CIP13 codes of its packs."""

    cis: str
    label: str
    substances: tuple[str, ...]
    atc: str
    strength: Strengths
    form: str
    routes: tuple[str, ...]
    marketed: bool
    cip13: tuple[str, ...]


class Near(NamedTuple):
    """An entry whose name is spelled almost as asked: `similarity` is 1 for the same letters."""

    entry: Entry
    written: str
    similarity: float


def _fits(asked: Strengths, offered: Strengths) -> bool:
    if len(asked) > len(offered):
        return False
    rest = list(offered)
    for value, unit in asked:
        for part in rest:
            scaled = {part[0], part[0] * 1000} if not unit else {part[0]}
            if (part[1] == unit or not unit) and value in scaled:
                rest.remove(part)
                break
        else:
            return False
    return True


class Terminology:
    """Names of medicines and what they stand for; `Terminology.load` makes one."""

    def __init__(
        self, entries: Sequence[Entry], aliases: dict[str, tuple[int, ...]], store: Path | None
    ) -> None:
        self._entries = entries
        self._aliases = aliases
        self._store = store

    @classmethod
    def load(cls, settings: Settings) -> Terminology:
        """The terminology of these settings, read once per process.

        Raises `SetupError` when the imported store is missing or of another version.
        """
        return _load(settings.terminology)

    @property
    def entries(self) -> Sequence[Entry]:
        """All that is known, in no meaningful order."""
        return self._entries

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Every folded name one may meet."""
        return tuple(self._aliases)

    @cached_property
    def longest(self) -> int:
        """Words in the longest name."""
        return max(name.count(" ") + name.count("/") + 1 for name in self._aliases)

    @cached_property
    def first_words(self) -> frozenset[str]:
        """First words of all names: where a name may begin."""
        return frozenset(name.replace("/", " ").split(" ", 1)[0] for name in self._aliases)

    @cached_property
    def _squashed(self) -> dict[str, str]:
        return {squash(name): name for name in self._aliases}

    @cached_property
    def _lookalikes(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        for name in self._aliases:
            key = lookalike(name)
            found[key] = (*found.get(key, ()), name)
        return found

    @cached_property
    def _fuzzy(self) -> dict[str, list[str]]:
        """Names without spaces by their length, for near look-up."""
        found: dict[int, list[str]] = defaultdict(list)
        for entry_name in self._squashed:
            found[len(entry_name)].append(entry_name)
        return {str(length): sorted(names) for length, names in found.items()}

    def find(self, name: str) -> tuple[Entry, ...]:
        """Entries of exactly that name, whatever its case, accents, hyphens or spaces."""
        folded = fold_name(name)
        return self._of(folded) or self._of(self._squashed.get(squash(folded)))

    def at(self, folded: str) -> tuple[Entry, ...]:
        """Entries of a name that is folded already."""
        return self._of(folded)

    def squashed(self, folded: str) -> tuple[Entry, ...]:
        """Entries whose name has the same letters, spaces aside; shortened words written out."""
        words = [_SHORTENED.get(word, word) for word in folded.split()]
        return self._of(self._squashed.get("".join(words).replace("/", "")))

    def alike(self, folded: str) -> tuple[Near, ...]:
        """Entries that an engine's usual confusions of characters turn into `folded`."""
        keys = dict.fromkeys([lookalike(folded), lookalike(folded.replace("nn", "m"))])
        names = [name for key in keys for name in self._lookalikes.get(key, ())]
        return tuple(
            Near(entry, name, OSA.normalized_similarity(squash(folded), squash(name)))
            for name in names
            for entry in self._of(name)
        )

    def near(self, folded: str, *, edits: int, limit: int = 5) -> tuple[Near, ...]:
        """Entries at most `edits` changes of a letter away, the nearest first."""
        asked = squash(folded)
        found: list[Near] = []
        for length in range(len(asked) - edits, len(asked) + edits + 1):
            candidates = self._fuzzy.get(str(length), [])
            for name, distance, _ in process.extract(
                asked, candidates, scorer=OSA.distance, score_cutoff=edits, limit=limit
            ):
                similarity = 1 - distance / max(len(asked), len(name))
                written = self._squashed[name]
                found += [Near(entry, written, similarity) for entry in self._of(written)]
        found.sort(key=lambda near: (-near.similarity, not near.entry.marketed, near.written))
        return tuple(found[:limit])

    def products(self, entry: Entry) -> tuple[Product, ...]:
        """The authorised products of an entry; none without an imported store."""
        if self._store is None or entry.key is None:
            return ()
        return _products(self._store, entry.key)

    def _of(self, folded: str | None) -> tuple[Entry, ...]:
        if not folded:
            return ()
        return tuple(self._entries[place] for place in self._aliases.get(folded, ()))


def lexicon(settings: Settings) -> tuple[str, ...]:
    """Names of medicines as written, marketed ones first: words for a handwriting engine."""
    return _lexicon(settings.terminology)


@cache
def _lexicon(store: Path | None) -> tuple[str, ...]:
    ranked = sorted(_load(store).entries, key=lambda entry: (not entry.marketed, entry.name))
    names = (entry.name for entry in ranked if entry.kind != "homeopathic")
    return tuple(dict.fromkeys(name for name in names if 3 < len(name) <= 30))


@cache
def _load(store: Path | None) -> Terminology:
    entries: list[Entry] = []
    aliases: dict[str, tuple[int, ...]] = {}
    by_name: dict[tuple[str, str], int] = {}
    if store is not None:
        for number, entry in _stored(store):
            by_name[entry.name, entry.kind] = len(entries)
            entries.append(entry)
            del number
        places = {entry.key: place for place, entry in enumerate(entries)}
        for folded, key in _stored_aliases(store):
            if not folded:
                continue
            aliases[folded] = (*aliases.get(folded, ()), places[key])
    for entry, written in _curated():
        place = by_name.get((entry.name, entry.kind))
        if place is None:
            place = by_name[entry.name, entry.kind] = len(entries)
            entries.append(entry)
        else:
            entries[place] = _completed(entries[place], entry)
        for name in written:
            if place not in aliases.get(name, ()):
                aliases[name] = (*aliases.get(name, ()), place)
    for folded, atc, kind in _edsnlp():
        known = aliases.get(folded)
        if known is None and " " in folded and all(word in aliases for word in folded.split()):
            continue  # two substances side by side are a combination, not a name
        if known is None:
            aliases[folded] = (len(entries),)
            entries.append(Entry(folded.upper(), kind, atc=(atc,)))
        else:
            for place in known:
                if not entries[place].atc:
                    entries[place] = replace(entries[place], atc=(atc,))
    return Terminology(entries, aliases, store)


def _completed(stored: Entry, curated: Entry) -> Entry:
    """A stored entry with what only the curated list knows."""
    return replace(
        stored,
        substances=stored.substances or curated.substances,
        atc=curated.atc or stored.atc,
        strengths=tuple(dict.fromkeys([*stored.strengths, *curated.strengths])),
        forms=stored.forms or curated.forms,
        routes=stored.routes or curated.routes,
    )


def _connect(store: Path) -> sqlite3.Connection:
    try:
        return sqlite3.connect(f"{store.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
    except sqlite3.Error as error:
        raise SetupError(
            "La terminologie importée est introuvable : lancez « reprise terminology import »."
        ) from error


def _stored(store: Path) -> Iterator[tuple[int, Entry]]:
    with closing(_connect(store)) as connection:
        try:
            version = connection.execute("SELECT value FROM about WHERE key = 'version'").fetchone()
            rows = connection.execute("SELECT * FROM entry ORDER BY id").fetchall()
        except sqlite3.Error as error:
            raise SetupError(
                "Le fichier de terminologie est illisible : importez-la à nouveau."
            ) from error
    if version is None or version[0] != VERSION:
        raise SetupError("La terminologie vient d'une autre version : importez-la à nouveau.")
    for number, name, kind, substances, atc, strengths, forms, routes, marketed in rows:
        yield (
            number,
            Entry(
                name=name,
                kind=kind,
                substances=tuple(json.loads(substances)),
                atc=tuple(json.loads(atc)),
                strengths=tuple(read(text) for text in json.loads(strengths)),
                forms=tuple(json.loads(forms)),
                routes=tuple(json.loads(routes)),
                marketed=bool(marketed),
                key=number,
            ),
        )


def _stored_aliases(store: Path) -> list[tuple[str, int]]:
    with closing(_connect(store)) as connection:
        return connection.execute("SELECT folded, entry FROM alias").fetchall()


@cache
def _products(store: Path, key: int) -> tuple[Product, ...]:
    with closing(_connect(store)) as connection:
        rows = connection.execute(
            "SELECT cis, label, substances, atc, strength, form, routes, marketed, cip13"
            " FROM product WHERE entry = ?",
            (key,),
        ).fetchall()
    return tuple(
        Product(
            cis=cis,
            label=label,
            substances=tuple(json.loads(substances)),
            atc=atc,
            strength=read(strength) if strength else (),
            form=form,
            routes=tuple(routes.split(";")),
            marketed=bool(marketed),
            cip13=tuple(cip13.split(";")) if cip13 else (),
        )
        for cis, label, substances, atc, strength, form, routes, marketed, cip13 in rows
    )


def _curated() -> Iterator[tuple[Entry, tuple[str, ...]]]:
    """Entries of `data/medicines.csv` with the folded names they go by."""
    with (DATA / "medicines.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(line for line in file if not line.startswith("#")):
            others = [name for name in row["aliases"].split("|") if name]
            yield (
                Entry(
                    name=row["name"],
                    kind="brand" if row["kind"] == "brand" else "substance",
                    substances=tuple(part for part in row["substances"].split("+") if part),
                    atc=tuple(row["atc"].split()),
                    strengths=tuple(read(text) for text in row["strengths"].split("|") if text),
                    forms=tuple(part for part in row["forms"].split("|") if part),
                    routes=tuple(part for part in row["routes"].split("|") if part),
                ),
                tuple(dict.fromkeys(fold_name(name) for name in [row["name"], *others])),
            )


def _edsnlp() -> Iterator[tuple[str, str, Kind]]:
    """Names and ATC codes of the list in the edsnlp package, without importing the package."""
    spec = find_spec("edsnlp")
    if spec is None or spec.origin is None:
        return
    path = Path(spec.origin).with_name("resources") / "drugs.json"
    if not path.is_file():
        return
    data: dict[str, list[str]] = json.loads(path.read_text("utf-8"))
    for atc, names in data.items():
        for name in names:
            folded = fold_name(name.split(",")[0])
            words = folded.count(" ") + 1
            if len(atc) == 7 and len(folded) > 3 and words <= 4:
                yield folded, atc, "brand" if name.isupper() else "substance"
