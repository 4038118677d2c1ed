"""Import of the French public drug database (BDPM) into a compact SQLite store.

The official files (base-donnees-publique.medicaments.gouv.fr, Licence Ouverte / Etalab 2.0) are
tab-separated without headers and of mixed encodings: most are Windows-1252, presentations are
UTF-8. They are read as users download them.

Every authorisation keeps its name, marketed or not: an old name that is known is not bent to a
look-alike. ATC codes come from CIS_MITM, and for products that it lacks from products of the same
substances and route.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import re
import sqlite3
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pipeline.errors import SetupError
from pipeline.terminology.names import (
    fold_name,
    is_element,
    squash,
    substance_name,
    whole_substance,
    without_laboratory,
)
from pipeline.terminology.strengths import Strengths, parse_strength, written

SCHEMA: Final = """
CREATE TABLE about (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE entry (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, kind TEXT NOT NULL, substances TEXT NOT NULL,
    atc TEXT NOT NULL, strengths TEXT NOT NULL, forms TEXT NOT NULL, routes TEXT NOT NULL,
    marketed INTEGER NOT NULL
);
CREATE TABLE alias (folded TEXT NOT NULL, entry INTEGER NOT NULL, PRIMARY KEY (folded, entry))
    WITHOUT ROWID;
CREATE TABLE product (
    cis TEXT PRIMARY KEY, entry INTEGER NOT NULL, label TEXT NOT NULL, substances TEXT NOT NULL,
    atc TEXT NOT NULL, strength TEXT NOT NULL, form TEXT NOT NULL, routes TEXT NOT NULL,
    marketed INTEGER NOT NULL, cip13 TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX product_of_entry ON product (entry);
CREATE TABLE label (folded TEXT PRIMARY KEY, code TEXT NOT NULL, label TEXT NOT NULL)
    WITHOUT ROWID;
"""
VERSION: Final = "1"
_NAME_END: Final = re.compile(
    r",\s|,$|\s+(?=\d[\d ,.]*(?:mg|g|microgramme|µg|ml|mL|UI|U\.I|M\.?U\.?I|%|pour|unit|mmol|MBq"
    r"|GBq|CH|DH|kUI|ppm|DL50|log|m[Ll]|/|million|nano|mEq|IR|U\b|LSU|SQ|kBq|microlitre|bar\b|Unit))"
    r"|\s+degré de dilution|\(",
    re.IGNORECASE,
)
_QUALIFIERS: Final = re.compile(
    r"\b(?:adultes?|enfants?|nourrissons?|sans sucre|l ?p|femmes? enceintes?|sans conservateur"
    r"|adultes et enfants|faible|fort|forte|rapide|citron|orange|menthe|fraise|framboise|cassis"
    r"|vanille|miel|caramel|sans parfum|diabete|conseil|unidoses?|flash|instant|jour|nuit|junior"
    r"|solostar|kwikpen|flexpen|innolet|penfill|flextouch|clickject|pen|diskus|autohaler|turbuhaler"
    r"|easyhaler|novolizer|respimat|ellipta|breezhaler|nexthaler|zonda|spiromax|evohaler|pediatrique"
    r"|nourrissons et enfants|enfants et nourrissons|allaitement|suppositoires?|lyoc|oro|velotab"
    r"|dispersible|effervescent|sachet|edulcore a|aspartam|sorbitol|saccharine|sans|a la)\b"
)


@dataclass(frozen=True, slots=True)
class Summary:
    """What an import brought in; `as_of` is the latest date in the files, their age."""

    source: str
    as_of: dt.date
    products: int
    presentations: int
    entries: int
    names: int
    with_atc: int


@dataclass(slots=True)
class _Product:
    cis: str
    label: str
    form: str
    routes: tuple[str, ...]
    marketed: bool
    name: str = ""
    generic: bool = False
    substances: tuple[str, ...] = ()
    salts: tuple[str, ...] = ()
    strengths: Strengths = ()
    atc: str = ""
    cip13: list[str] = field(default_factory=list)


def import_bdpm(directory: Path, target: Path, *, today: dt.date | None = None) -> Summary:
    """Reads the official files in `directory` and writes the store `target`, replacing it.

    `CIS_bdpm.txt`, `CIS_CIP_bdpm.txt` and `CIS_COMPO_bdpm.txt` must be there; `CIS_MITM.txt` adds
    ATC codes. Raises `SetupError` when a file is missing or is not what it should be.
    """
    today = today or dt.datetime.now(tz=dt.UTC).date()
    products, latest = _products(directory, today)
    _substances(directory, products)
    presentations, declared = _presentations(directory, products, today)
    latest = max(latest, declared)
    _atc(directory, products)
    for product in products.values():
        _name(product)
    with_atc = sum(bool(product.atc) for product in products.values())
    entries, names = _write(products.values(), target, latest)
    return Summary(
        source="Base de données publique des médicaments (Licence Ouverte / Etalab 2.0)",
        as_of=latest,
        products=len(products),
        presentations=presentations,
        entries=entries,
        names=names,
        with_atc=with_atc,
    )


def _rows(path: Path, columns: int) -> Iterator[list[str]]:
    """Rows of an official file whatever its encoding; short rows are filled up."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SetupError(
            f"Le fichier {path.name} manque : déposez les fichiers officiels de la BDPM "
            "dans ce dossier."
        ) from error
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = data.decode("cp1252", errors="replace")
    lines = io.StringIO(text.lstrip("\ufeff"), newline=None)
    for row in csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
        if row and row[0].strip().isdecimal():
            yield [cell.strip() for cell in row] + [""] * (columns - len(row))


def _products(directory: Path, today: dt.date) -> tuple[dict[str, _Product], dt.date]:
    products: dict[str, _Product] = {}
    latest = dt.date(1970, 1, 1)
    for row in _rows(directory / "CIS_bdpm.txt", 12):
        products[row[0]] = _Product(
            cis=row[0],
            label=row[1],
            form=re.sub(r"\s+", " ", row[2]),
            routes=tuple(route.strip() for route in row[3].split(";") if route.strip()),
            marketed=row[6] == "Commercialisée" and row[4] == "Autorisation active",
        )
        latest = max(latest, _date(row[7], today))
    if not products:
        raise SetupError("CIS_bdpm.txt ne contient aucune spécialité : vérifiez le fichier.")
    return products, latest


def _date(text: str, today: dt.date) -> dt.date:
    """A French date; the epoch for none, or for one that is still to come."""
    try:
        date = dt.datetime.strptime(text, "%d/%m/%Y").replace(tzinfo=dt.UTC).date()
    except ValueError:
        return dt.date(1970, 1, 1)
    return date if date <= today else dt.date(1970, 1, 1)


def _substances(directory: Path, products: dict[str, _Product]) -> None:
    """Names and strengths of the substances; a therapeutic fraction (FT) names its salt (SA)."""
    found: dict[str, dict[str, tuple[str, str, str]]] = defaultdict(dict)
    salts: dict[str, list[str]] = defaultdict(list)
    for row in _rows(directory / "CIS_COMPO_bdpm.txt", 8):
        cis, nature, link = row[0], row[6], row[7]
        if nature == "SA":
            salts[cis].append(whole_substance(row[3]))
        known = found[cis].get(link)
        # "sodium" is a fraction of many salts and names none of them
        telling = nature == "FT" and not is_element(substance_name(row[3]))
        vague = known is not None and nature == "SA" and is_element(substance_name(known[0]))
        if known is None or telling or vague:
            found[cis][link] = (row[3], row[4], row[1])
    for cis, members in found.items():
        product = products.get(cis)
        if product is None:
            continue
        names = dict.fromkeys(substance_name(name) for name, _, _ in members.values())
        product.substances = tuple(name for name in names if name)
        if len(product.substances) == 1 and len(salts[cis]) == 1:
            product.salts = tuple(salts[cis])
        strengths: list[tuple[Strengths, str]] = [
            (parse_strength(strength), element) for _, strength, element in members.values()
        ]
        if strengths and all(one for one, _ in strengths):
            same = {element for _, element in strengths}
            if len(same) == 1:
                product.strengths = tuple(one[0] for one, _ in strengths)


def _presentations(
    directory: Path, products: dict[str, _Product], today: dt.date
) -> tuple[int, dt.date]:
    """Gives products their CIP13 codes; how many there are and the latest declaration."""
    count, latest = 0, dt.date(1970, 1, 1)
    for row in _rows(directory / "CIS_CIP_bdpm.txt", 13):
        product = products.get(row[0])
        if product is not None and row[6]:
            product.cip13.append(row[6])
            count += 1
            latest = max(latest, _date(row[5], today))
    return count, latest


def _atc(directory: Path, products: dict[str, _Product]) -> None:
    """Codes of CIS_MITM, and of alike products for those that it lacks."""
    path = directory / "CIS_MITM.txt"
    if path.is_file():
        for row in _rows(path, 4):
            product = products.get(row[0])
            if product is not None and len(row[1]) == 7:
                product.atc = row[1]
    by_route: dict[tuple[tuple[str, ...], str], Counter[str]] = defaultdict(Counter)
    for product in products.values():
        if product.atc and product.substances:
            key = tuple(sorted(product.substances))
            for route in product.routes:
                by_route[key, route][product.atc] += 1
    for product in products.values():
        if product.atc or not product.substances:
            continue
        key = tuple(sorted(product.substances))
        codes: Counter[str] = Counter()
        for route in product.routes:
            codes += by_route[key, route]
        if codes:
            product.atc = codes.most_common(1)[0][0]


def _name(product: _Product) -> None:
    """The product's own name, in front of strength and form, and its strength."""
    match = _NAME_END.search(product.label)
    name = product.label[: match.start()] if match else product.label
    rest = product.label[match.start() :] if match else ""
    product.name = re.sub(r"\s+", " ", name).strip(" ,")
    said = parse_strength(rest.strip(" ,("))
    if said:
        product.strengths = said
    bare = without_laboratory(fold_name(product.name))
    product.generic = _is_generic(bare, product.substances)


def _is_generic(name: str, substances: tuple[str, ...]) -> bool:
    """Whether a product goes by the name of its substances."""
    if not substances:
        return False
    stripped = substance_name(name)
    first = name.split("/")[0].split()
    return (
        stripped in substances
        or name in substances
        or ("/" in name and substance_name(name.split("/")[0]) in substances)
        or (
            bool(first)
            and len(first[0]) > 4
            and any(first[0] == substance.split()[0] for substance in substances)
        )
    )


def head_of(name: str) -> str:
    """A folded name without the words that tell variants of a brand apart."""
    return re.sub(r"\s+", " ", _QUALIFIERS.sub(" ", name)).strip()


def _entries(products: Iterable[_Product]) -> dict[tuple[str, str], list[_Product]]:
    """Products grouped under the name one writes: brand, or substances for generics."""
    groups: dict[tuple[str, str], list[_Product]] = defaultdict(list)
    for product in products:
        if "degré de dilution" in product.label or re.search(r"\d ?(?:CH|DH)\b", product.label):
            name = without_laboratory(fold_name(product.name))
            groups["homeopathic", name].append(product)
        elif product.generic:
            groups["substance", "/".join(product.substances)].append(product)
        else:
            full = fold_name(product.name)
            groups["brand", without_laboratory(head_of(full) or full)].append(product)
        if product.substances and not product.generic:
            groups["substance", "/".join(product.substances)]  # the substance is known too
    return groups


def _family_words(groups: Iterable[tuple[str, str]]) -> frozenset[str]:
    """First words that stand for a brand by themselves (`MAALOX`, `MAGNE`).

    A word that begins many brands (`VITAMINE`, `EXTRAIT`) names none of them.
    """
    counts = Counter(name.split()[0] for kind, name in groups if kind == "brand" and " " in name)
    substances = {
        name.split("/")[0].split()[0] for kind, name in groups if kind == "substance" and name
    }
    return frozenset(
        word
        for word, count in counts.items()
        if count <= 6 and len(word) >= 5 and word.isalpha() and word not in substances
    )


def _aliases(
    kind: str, name: str, members: Iterable[_Product], families: frozenset[str]
) -> set[str]:
    """Folded names under which an entry may be written."""
    found = {name}
    if kind == "brand" and name.split()[0] in families:
        found.add(name.split()[0])
    for product in members:
        full = fold_name(product.name)
        bare = without_laboratory(full)
        found |= {full, bare}
        if kind == "brand":
            found |= {head_of(full), head_of(bare), without_laboratory(head_of(full))}
        elif kind == "substance":
            found.add(substance_name(bare))
            found.add(head_of(bare))
    return {one for one in found if len(squash(one)) > 2}


def _write(products: Iterable[_Product], target: Path, latest: dt.date) -> tuple[int, int]:
    everything = list(products)
    groups = _entries(everything)
    by_substances: dict[str, list[_Product]] = defaultdict(list)
    for product in everything:
        by_substances["/".join(product.substances)].append(product)
    families = _family_words(groups)
    salts: dict[str, set[str]] = defaultdict(set)
    for product in everything:
        salts["/".join(product.substances)] |= set(product.salts)
    partial = target.with_name(target.name + ".partial")
    partial.unlink(missing_ok=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    names = 0
    with closing(sqlite3.connect(partial)) as store:
        store.executescript(SCHEMA)
        store.executemany(
            "INSERT INTO about VALUES (?, ?)",
            [
                ("version", VERSION),
                ("source", "Base de données publique des médicaments, Licence Ouverte 2.0"),
                ("as_of", latest.isoformat()),
            ],
        )
        for number, ((kind, name), members) in enumerate(sorted(groups.items()), start=1):
            described = members or by_substances[name]
            store.execute(
                "INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    number,
                    _displayed(name, members),
                    kind,
                    json.dumps(_common(product.substances for product in described)),
                    json.dumps(_ranked(product.atc for product in described)),
                    json.dumps(_ranked(written(product.strengths) for product in described)),
                    json.dumps(_ranked(product.form for product in described)),
                    json.dumps(_ranked(r for product in described for r in product.routes)),
                    any(product.marketed for product in described),
                ),
            )
            aliases = sorted(
                _aliases(kind, name, members, families)
                | (
                    {salt for salt in salts[name] if len(salt) > 2}
                    if kind == "substance"
                    else set()
                )
            )
            names += len(aliases)
            store.executemany(
                "INSERT OR IGNORE INTO alias VALUES (?, ?)", [(one, number) for one in aliases]
            )
            store.executemany(
                "INSERT INTO product VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        product.cis,
                        number,
                        product.label,
                        json.dumps(product.substances),
                        product.atc,
                        written(product.strengths),
                        product.form,
                        ";".join(product.routes),
                        product.marketed,
                        ";".join(product.cip13),
                    )
                    for product in members
                ],
            )
        _keep_labels(store, target)
        store.commit()
        store.execute("VACUUM")
    partial.replace(target)
    return len(groups), names


def _keep_labels(store: sqlite3.Connection, old: Path) -> None:
    """Carries CIM-10 labels over from the store that is about to be replaced."""
    if not old.is_file():
        return
    with closing(sqlite3.connect(old)) as before:
        try:
            labels = before.execute("SELECT folded, code, label FROM label").fetchall()
            about = before.execute("SELECT * FROM about WHERE key LIKE 'cim10%'").fetchall()
        except sqlite3.Error:
            return
    store.executemany("INSERT INTO label VALUES (?, ?, ?)", labels)
    store.executemany("INSERT INTO about VALUES (?, ?)", about)


def _displayed(name: str, members: Iterable[_Product]) -> str:
    """The name as products write it (`DIFFU-K`), without accents."""
    for product in members:
        plain = unicodedata.normalize("NFD", product.name.upper())
        plain = "".join(c for c in plain if not unicodedata.combining(c))
        if fold_name(plain) == name:
            return plain
    return name.upper()


def _ranked(values: Iterable[str]) -> list[str]:
    """Distinct values, the most frequent first."""
    return [value for value, _ in Counter(value for value in values if value).most_common()]


def _common(values: Iterable[tuple[str, ...]]) -> list[str]:
    """The composition most of an entry's products share."""
    counts = Counter(value for value in values if value)
    return list(counts.most_common(1)[0][0]) if counts else []
