"""Synthetic handwritten lines of French medical paper, for training and for measuring.

``python -m samples.generator.lines OUT --drugs CIS_bdpm.txt [--prose FILE.jsonl] --count 7000``
writes ``OUT/lines.tsv`` (columns file, text, page, source, writer, flags, raw) with greyscale
images 64 pixels high, and ``OUT/names.tsv`` (file, name) for the lines that carry a drug.
``--glyphs`` lends the lines capitals and figures of real hands. ``--texts`` writes
``OUT/lines.txt`` and ``OUT/prose.txt`` instead, for the language model.

The wording is our own. Drug names come from the public drug database (BDPM, Licence Ouverte) that
the user downloads; a tenth of them, chosen by hash, and one group of fonts are held out:
``--held-out`` draws from those alone. Identities are invented from blocks that are never
attributed.
"""

import argparse
import csv
import dataclasses
import hashlib
import json
import re
import tomllib
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random
from types import MappingProxyType
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

from pipeline.ocr.symbols import STRUCK, SYMBOLS, normalised
from samples.generator.fonts import Group, glyphs, handwriting_fonts

Picture = npt.NDArray[Any]
HEIGHT = 64
_FALLBACK = Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf")
_DRAWN = frozenset(SYMBOLS)


# --- drug names -----------------------------------------------------------------------------


_LABORATORIES = frozenset(
    (
        "ARROW",
        "BIOGARAN",
        "CRISTERS",
        "EG",
        "MYLAN",
        "SANDOZ",
        "TEVA",
        "VIATRIS",
        "ZENTIVA",
        "ZYDUS",
    )
)


def brand_names(cis: Path) -> list[str]:
    """Names of drugs on sale, without strength, of a BDPM `CIS_bdpm.txt`; upper case, sorted."""
    found = set()
    for row in cis.read_text(encoding="cp1252").split("\n"):
        columns = row.split("\t")
        if (
            len(columns) < 12
            or "homéo" in columns[5].lower()
            or not columns[6].startswith("Commercialis")
        ):
            continue
        name = re.split(r"[,(]|\s\d", columns[1], maxsplit=1)[0]
        name = normalised(re.sub(r"\s+", " ", name)).upper()
        words = [word for word in name.split() if word not in _LABORATORIES]
        name = " ".join(words[:2])
        if 4 <= len(name) <= 24 and set(name) <= _DRAWN:
            found.add(name)
    return sorted(found)


def held_out(name: str) -> bool:
    """Whether a drug name is kept out of all training: one in ten, by hash of its first word."""
    word = name.split()[0].encode()
    return hashlib.sha1(word, usedforsecurity=False).digest()[0] % 10 == 0


def _choices(text: str) -> tuple[str, ...]:
    return tuple(" ".join(choice.split()) for choice in text.split("|"))


# --- wording --------------------------------------------------------------------------------

FORMS = _choices(
    """
    cp | cps | comprimé | comprimés | gél | gélule | sachet | sachets | amp | ampoule | suppo |
    gouttes | gttes | bouffées | dose | cuillère | c. à c. | patch | ovule | inj | applications |
    cpr | cprs | gtte | goutte | bouffée | inj. | appl. | application | pulvérisation | lyoc |
    ampoule | ampoules | gélules | mesure | dosette
    """
)
UNITS = _choices(
    """
    mg | mg | mg | mg | g | g | µg | µg | mcg | microgrammes | UI | UI | UI/mL | mL | ml | mg/mL |
    mg/5 mL | % | g/j | mg/kg | UI/kg
    """
)
STRENGTHS = _choices(
    """
    1 | 2,5 | 5 | 7,5 | 10 | 15 | 20 | 25 | 30 | 40 | 50 | 75 | 80 | 100 | 125 | 150 | 160 | 200
    | 250 | 300 | 400 | 500 | 600 | 800 | 850 | 1000 | 0,5 | 0,25 | 1,25 | 12,5 | 62,5 |
    500/62,5 | 1 g | 100 000 | 3,75 | 0,1
    """
)
MOMENTS = _choices(
    """
    matin | midi | soir | le matin | le soir | au coucher | matin et soir | matin midi et soir |
    matin, midi, soir | à jeun | au cours du repas | avant les repas | après le repas | la nuit
    | au petit déjeuner | toutes les 6 h | toutes les 8 heures | ttes les 12 h | 1 jour sur 2 |
    une fois par semaine | le lundi | le dimanche | au moment des douleurs
    """
)
ENDS = _choices(
    """
    si besoin | si douleur | si fièvre | si douleurs | en cas de fièvre | max 4/j |
    sans dépasser 3 g/j | AR | AR 1 fois | à renouveler 2 fois | qsp 1 mois | QSP 3 mois |
    QSP 28 j | NS | ne pas substituer | en continu | puis arrêt | à distance des repas | per os
    | PO | en IM | en SC | sublingual | à vie | voie locale | 1 boîte | 2 bts | 1 flacon |
    3 ampoules
    """
)
SEPARATORS = (" ", ", ", " - ", "  ", " / ", " / ", " ; ", " | ", " . ", " * ")
SENTENCES = _choices(
    """
    Vu ce jour en consultation | Pas d'allergie connue | Allergie à la pénicilline |
    Allergie : AINS | ATCD : HTA, DT2, dyslipidémie | ATCD familiaux : néo du sein (mère) |
    Tabac 10 PA, sevré depuis 2015 | Auscultation cardio-pulmonaire sans particularité |
    Abdomen souple, dépressible, indolore | Pas de signe de gravité |
    Contrôle dans 3 mois avec bilan | Revoir si pas d'amélioration | Toux sèche depuis 5 jours |
    Otite moyenne aiguë droite | Angine à TDR + | Rhinopharyngite, TDR négatif |
    Lombalgie aiguë commune | Entorse cheville gauche bénigne | Renouvellement du traitement |
    Bon état général, apyrétique | Douleur à la palpation FID | Murmure vésiculaire symétrique |
    MI souples | Pas d'oedèmes des membres inférieurs | Mollets souples et indolores |
    ECG : rythme sinusal régulier | Vaccin grippe fait ce jour | Vaccins à jour |
    Rappel dTP à prévoir | Arrêt de travail 3 jours |
    Certificat de non contre-indication au sport | Adressé en cardiologie pour avis |
    Kiné 10 séances | Bilan sanguin : NFS, CRP, iono, créat | Frottis à faire |
    Mammographie prescrite | Échographie T2 normale | Grossesse d'évolution normale |
    Mouvements actifs perçus | Pas de contractions, pas de saignements |
    Pas de signes fonctionnels urinaires | Toxo non immunisée, rubéole immunisée |
    AgHBs négatif, VIH nég | Hauteur utérine conforme au terme |
    Col long, postérieur, fermé tonique | Présentation céphalique |
    Allaitement maternel bien installé | Suites de couches simples |
    Périnée propre, cicatrisation correcte | Rééducation périnéale 10 séances |
    Contraception : pilule microprogestative | DIU posé ce jour | Test HGPO normal |
    Groupe O négatif, RAI négatives | Injection d'anti-D faite | Bandelette urinaire négative |
    Dépression réactionnelle, suivi mensuel | Insomnie d'endormissement | Asthme bien contrôlé |
    Reflux gastro-oesophagien | Diabète équilibré | HTA équilibrée sous traitement |
    Poursuite du traitement | Mesures hygiéno-diététiques rappelées |
    Pas de fièvre, pas de frissons | Fond d'oeil à programmer | Migraines 2 fois par mois |
    Sevrage tabagique débuté | Eczéma des plis | Mycose inguinale | Verrue plantaire |
    Conjonctivite bilatérale | Gastro-entérite aiguë, pas de déshydratation | Cystite simple |
    Zona intercostal | Pas de traitement au long cours | Aucun antécédent notable |
    Suivi grossesse mensuel | Fibrillation auriculaire
    """
)
_NAMES = tomllib.loads(
    Path(__file__).with_name("vocabulary").joinpath("names.toml").read_text("utf-8")
)
GIVEN = _choices(_NAMES["given"])
FAMILIES = _choices(_NAMES["families"])
STREETS = _choices(
    """
    rue des Lilas | avenue du Parc | place de l'Église | chemin des Vignes | bd Pasteur |
    allée du Moulin | impasse des Roses | rue Victor Hugo | quai de la Loire | route de Paris |
    cours Gambetta
    """
)
TOWNS = _choices(
    """
    Valbourg | Castelnoir | Saint-Aubry | Montfleury | Ker-Avel | Roquebelle | La Ferrière |
    Hautmont | Brévans | Oisy-le-Bois | Vieux-Bourg
    """
)
MONTHS = _choices(
    """
    janvier | février | mars | avril | mai | juin | juillet | août | septembre | octobre |
    novembre | décembre | janv. | fév. | avr. | juil. | sept. | oct. | nov. | déc.
    """
)


_ONSETS = _choices("b|br|c|ch|cl|d|dr|f|fl|g|gr|gu|h|j|k|l|m|n|p|pl|pr|qu|r|s|st|t|tr|v|w|z|y|x|||")
_VOWELS = _choices("a|a|e|e|é|è|i|i|o|o|u|u|y|ai|au|ei|eu|ou|oi|ie|î|ô|â|ë|ï")
_CODAS = _choices("||||l|n|n|r|r|s|t|c|m|ll|nn|rr|ss|tt|nd|nt|rt|st|rg|lm")
_ENDINGS = _choices(
    """
    ard|aud|eau|el|elle|er|et|ette|ez|ic|ier|ière|in|ine|on|ot|ou|oux|ac|y|i|o|é|ain|ois|ault|as|ent
    """
)


def invented(random: Random) -> str:
    """A name in nobody's list, of syllables: letters to be read one by one, not guessed."""
    syllables = (
        random.choice(_ONSETS) + random.choice(_VOWELS) + random.choice(_CODAS)
        for _ in range(random.choice((1, 1, 1, 2)))
    )
    name = ("".join(syllables) + random.choice(_ONSETS) + random.choice(_ENDINGS)).capitalize()
    draw = random.random()
    if draw < 0.08:
        return (
            random.choice(("Le ", "De ", "Da ", "Du ", "Ben ", "El ", "D'", "N'", "L'", "O'"))
            + name
        )
    return f"{name}-{invented(random)}" if draw < 0.12 else name


def _number(random: Random, low: float, high: float, digits: int = 0) -> str:
    text = f"{random.uniform(low, high):.{digits}f}"
    return text.replace(".", random.choice(",,,."))


def _date(random: Random) -> str:
    day, month, year = random.randint(1, 31), random.randint(1, 12), random.randint(1925, 2026)
    return random.choice(
        (
            f"{day:02}/{month:02}/{year}",
            f"{day:02}/{month:02}/{year % 100:02}",
            f"{day}/{month}/{year % 100:02}",
            f"{day:02}.{month:02}.{year}",
            f"{day} {random.choice(MONTHS)} {year}",
            f"{day:02}-{month:02}-{year}",
            f"{day:02} / {month:02} / {year}",
        )
    )


def _cased(random: Random, name: str) -> str:
    """A drug name as doctors write it: capitals, initial capital or small letters."""
    return random.choice((name, name, name.capitalize(), name.title(), name.lower()))


def _amount(random: Random) -> str:
    return random.choice(
        (
            "1",
            "1",
            "1",
            "2",
            "2",
            "3",
            "4",
            "1/2",
            "½",
            "¼",
            "1/4",
            "1 à 2",
            "1-2",
            "un",
            "deux",
            "10",
            "5",
            "20",
        )
    )


def _figure(random: Random) -> str:
    """A number as strengths have it, in the list of usual ones or not: read, never guessed."""
    draw = random.random()
    if draw < 0.5:
        return random.choice(STRENGTHS)
    if draw < 0.65:
        return str(random.randint(2, 999))
    if draw < 0.75:
        return f"{random.randint(1, 99)}{random.choice(',,,.')}{random.randint(1, 9)}"
    if draw < 0.85:
        return f"0,{random.choice(('', '0'))}{random.choice((1, 2, 5, 25, 3, 4, 6, 75, 8))}"
    thousands = random.choice((1, 2, 3, 4, 5, 6, 8, 10, 20, 40, 50, 80, 100))
    return f"{thousands}{random.choice((' ', '', ' ', '.'))}000"


def _strength(random: Random) -> str:
    space, unit = random.choice((" ", " ", "")), random.choice(UNITS)
    strength = f"{_figure(random)}{space}{unit}"
    if random.random() < 0.1:
        return f"{strength}{random.choice('/+/')}{_figure(random)}{space}{unit}"
    return strength


def _days(random: Random) -> str:
    span = random.choice(
        (
            f"{random.randint(2, 30)} j",
            f"{random.randint(2, 30)} jours",
            f"{random.randint(1, 6)} mois",
            f"{random.randint(1, 8)} semaines",
            f"{random.randint(1, 8)} sem",
        )
    )
    return random.choice(("pdt", "pendant", "x", "durant", "pour")) + " " + span


def dosage(random: Random) -> str:
    """A dosage idiom: amount, form, frequency, duration, condition."""
    form = random.choice(FORMS)
    amount = _amount(random)
    frequency = random.choice(
        (
            f"{random.randint(1, 4)} x/j",
            f"x {random.randint(2, 4)}/j",
            f"{random.randint(1, 4)} fois par jour",
            f"{random.randint(1, 4)}/j",
            f"x{random.randint(2, 4)}",
            "/j",
            "par jour",
            random.choice(MOMENTS),
            random.choice(MOMENTS),
            random.choice(MOMENTS),
        )
    )
    base = random.choice(
        (
            f"{amount} {form} {frequency}",
            f"{amount} {form} {frequency}",
            f"{amount} {frequency}",
            f"{random.choice('01')}-{random.choice('01')}-{random.choice('012')}",
            f"{random.randint(1, 2)} - {random.choice('01')} - {random.randint(0, 2)}",
        )
    )
    if random.random() < 0.4:
        base += " " + _days(random)
    if random.random() < 0.35:
        base += random.choice((" ", ", ")) + random.choice(ENDS)
    return base


def vitals(random: Random) -> str:
    """One or two measurements of general practice."""
    tens = f"{random.randint(9, 20)}/{random.randint(5, 11)}"

    def one(*choices: str) -> str:
        return random.choice(choices)

    def pressure(low: int, high: int) -> str:
        return f"{random.randint(low, high)},{random.randint(0, 9)}"

    def height() -> str:
        over = random.randint(40, 99)
        return one(f"1,{over} m", f"{random.randint(50, 199)} cm", f"1m{over}")

    kinds: tuple[Callable[[], str], ...] = (
        lambda: f"{random.choice(('TA', 'TA :', 'T.A.', 'PA', 'TA =', 'tension'))} {tens}",
        lambda: f"TA {tens} {one('aux 2 bras', 'bras D', 'cmHg', 'couché', 'mmHg')}",
        lambda: (
            f"T{one('°', '° :', '')} {random.randint(35, 40)}°{one('', str(random.randint(0, 9)))}"
        ),
        lambda: f"TA {pressure(9, 19)}/{pressure(5, 11)}",
        lambda: f"{one('TA', 'PA')} {random.randint(90, 200)}/{random.randint(50, 110)} mmHg",
        lambda: (
            one("FC", "Pouls", "pouls", "FC :")
            + f" {random.randint(45, 140)}"
            + one("", " bpm", "/min", " /mn")
        ),
        lambda: (
            one("T°", "T", "Temp", "T° :", "Température")
            + f" {_number(random, 35.5, 40.5, 1)}"
            + one("", "°C", "°")
        ),
        lambda: (
            one("Poids", "P", "Pds", "poids :", "P =")
            + f" {_number(random, 2, 130, random.choice((0, 1, 1)))} kg"
        ),
        lambda: f"{one('Taille', 'T', 'taille :')} {height()}",
        lambda: (
            f"IMC {_number(random, 16, 45, random.choice((0, 1)))}{random.choice(('', ' kg/m²'))}"
        ),
        lambda: f"{random.choice(('SpO2', 'Sat', 'SaO2', 'sat O2'))} {random.randint(85, 100)} %",
        lambda: f"EVA {random.randint(0, 10)}/10",
        lambda: f"PC {_number(random, 33, 55, 1)} cm",
        lambda: f"Glycémie {_number(random, 0.6, 3, 2)} g/L",
        lambda: f"HbA1c {_number(random, 5, 12, 1)} %",
        lambda: f"Créat {random.randint(45, 240)} µmol/L",
        lambda: f"DFG {random.randint(15, 120)} mL/min",
        lambda: f"LDL {_number(random, 0.4, 2.6, 2)} g/L",
        lambda: f"TSH {_number(random, 0.1, 9, 2)} mUI/L",
        lambda: f"Hb {_number(random, 7, 17, 1)} g/dL",
        lambda: f"CRP {random.randint(1, 180)}",
        lambda: f"INR {_number(random, 1, 4.5, 1)}",
        lambda: f"K+ {_number(random, 3, 6, 1)} mmol/L",
        lambda: f"Ferritine {random.randint(5, 300)}",
        lambda: f"FR {random.randint(12, 40)}",
        lambda: "BU : " + one("nég", "leuco +", "leuco ++ nitrites +", "prot -, sucre -", "sang +"),
    )
    return random.choice(SEPARATORS).join(
        make() for make in random.sample(kinds, random.choice((1, 1, 2, 2, 3)))
    )


def obstetric(random: Random) -> str:
    """Notation of pregnancy follow-up and midwifery."""
    weeks, days = random.randint(5, 41), random.randint(0, 6)
    kinds = (
        f"G{random.randint(1, 8)}P{random.randint(0, 6)}",
        f"G{random.randint(1, 8)} P{random.randint(0, 6)}",
        f"{weeks} SA",
        f"{weeks} SA + {days} j",
        f"{weeks} SA + {days}",
        f"{weeks} SA+{days}",
        f"Terme {weeks} SA",
        f"{weeks}+{days} SA",
        f"{weeks} SA {days} j",
        f"HU {random.randint(10, 38)} cm",
        f"HU = {random.randint(10, 38)}",
        f"BDCF {random.randint(110, 170)}/min",
        f"RCF {random.randint(110, 160)}",
        "BDC +",
        "BDCF +",
        "MAF +",
        "MAF ++",
        "CU 0",
        "CU -",
        "MTR 0",
        "métro 0",
        "TV : col LPFT",
        f"col ouvert à {random.randint(1, 10)} cm",
        "col 1 doigt",
        "siège",
        "céphalique",
        "DDR " + _date(random),
        "DPA " + _date(random),
        f"Apgar {random.randint(5, 10)}/{random.randint(8, 10)}",
        f"BIP {_number(random, 20, 98, 1)} mm",
        f"LF {_number(random, 10, 75, 1)} mm",
        f"LCC {_number(random, 40, 85, 1)} mm",
        f"CN {_number(random, 0.8, 3, 1)} mm",
        f"EPF {random.randint(400, 4200)} g",
        f"prise de poids + {random.randint(1, 22)} kg",
        "OMI 0",
        "alb 0 sucre 0",
        f"PN {random.randint(2100, 4600)} g",
        "T21 1/10 000",
        f"terme {_date(random)}",
        "AVB",
        "césarienne",
        "IVG 1",
        "FCS 1",
    )
    return random.choice(SEPARATORS).join(random.sample(kinds, random.choice((1, 2, 2, 3))))


def _nir(random: Random) -> str:
    born = f"{random.choice('12')}{random.randint(0, 99):02}{random.randint(1, 12):02}"
    place = f"{random.randint(1, 95):02}{random.randint(901, 988)}"
    body = born + place + f"{random.randint(1, 999):03}"
    key = 97 - int(body) % 97
    parts = (body[0], body[1:3], body[3:5], body[5:7], body[7:10], body[10:13], f"{key:02}")
    return random.choice(
        (" ".join(parts), " ".join(parts), ".".join(parts), body + f" {key:02}", body + f"{key:02}")
    )


def _phone(random: Random) -> str:
    prefix = random.choice(("019900", "026191", "035301", "046571", "053649", "063998"))
    digits = prefix + f"{random.randint(0, 9999):04}"
    pairs = [digits[at : at + 2] for at in range(0, 10, 2)]
    return random.choice((" ", ".", " ", "-", "")).join(pairs)


def identity(random: Random) -> str:
    """Names, birth dates, addresses, numbers: all invented."""
    given, family = (
        invented(random) if random.random() < 0.3 else random.choice(known)
        for known in (GIVEN, FAMILIES)
    )
    family = family.upper() if random.random() < 0.5 else family
    given = given.upper() if random.random() < 0.2 else given
    birth = random.choice(
        (f"née {family}", f"nom de naissance : {family}", f"nom d'usage {family}")
    )
    title = random.choice(("Mme", "M.", "Mr", "Mlle", "Dr", "Melle", "Enfant", ""))
    woman = random.choice(("e", ""))
    return random.choice(
        (
            f"{title} {family} {given}",
            f"{title} {given} {family}",
            f"{family} {given}",
            f"{given} {family}",
            f"né{woman} le {_date(random)}",
            f"Né{woman} le : {_date(random)}",
            f"DDN {_date(random)}",
            f"le {_date(random)}",
            _date(random),
            f"{random.randint(1, 99)} ans",
            f"{title} {family}, {random.randint(1, 99)} ans",
            f"{random.randint(1, 180)} {random.choice(('', 'bis ', ''))}{random.choice(STREETS)}",
            f"{random.randint(1, 95):02}{random.randint(0, 999):03} {random.choice(TOWNS)}",
            f"{random.choice(TOWNS)}, le {_date(random)}",
            _nir(random),
            f"NIR {_nir(random)}",
            f"N° SS {_nir(random)}",
            f"{random.choice(('N° de sécurité sociale', 'NSS', 'NIR', 'N° SS'))} : {_nir(random)}",
            _phone(random),
            f"Tél {_phone(random)}",
            f"tél : {_phone(random)}",
            f"RPPS 1099{random.randint(0, 9999999):07}",
            f"Nom : {family}",
            f"Identité : {family} {given}",
            f"Nom, prénom : {family}, {given}",
            f"Date : {_date(random)}",
            f"Date de naissance : {_date(random)}",
            f"DDN : {_date(random)} ({random.randint(1, 99)} ans)",
            f"Nom : {family} {birth}",
            f"Patient : {title} {family} {given}",
            birth,
            family,
            given,
            f"Prénom : {given}",
            f"Age : {random.randint(1, 99)} ans",
        )
    ).strip()


@dataclasses.dataclass(frozen=True)
class Cutting:
    """A character cut from a real line: its ink, light on black, and how high it is and how far
    its foot lies below the line, in heights of a usual glyph."""

    ink: Picture
    height: float
    drop: float


Cuttings = Mapping[str, Mapping[str, Sequence[Cutting]]]
"""Characters of real hands by symbol, then by writer."""


@dataclasses.dataclass(frozen=True)
class RealPen:
    """Draws with characters of real hands: `tall` is a usual one's height, `gap` what lies between
    two, both in pixels."""

    forms: Mapping[str, Sequence[Cutting]]
    tall: float
    gap: float


Pen = ImageFont.FreeTypeFont | RealPen


@dataclasses.dataclass(frozen=True)
class Hand:
    """A pen and the characters that it draws."""

    pen: Pen
    drawn: frozenset[str]


@dataclasses.dataclass(frozen=True)
class Line:
    """A line to draw: its text, the drug name in it if any, which of its words is struck out."""

    text: str
    drug: str = ""
    struck: int | None = None

    @property
    def transcript(self) -> str:
        words = self.text.split(" ")
        if self.struck is not None:
            words[self.struck] = STRUCK
        return " ".join(words)


def prescription(random: Random, names: Sequence[str]) -> Line:
    """A drug with strength or dosage, as on a line of a prescription."""
    name = random.choice(names)
    written = _cased(random, name)
    head = random.choice(
        ("", "", "", "", "- ", "1) ", "2) ", "3/ ", "* ", "+ ", "1. ", "2 - ", "4°) ", "1/ ")
    )
    tail = random.choice(
        (
            f" {_strength(random)}",
            f" {_strength(random)}",
            f" {_strength(random)} {dosage(random)}",
            f" {_strength(random)} : {dosage(random)}",
            f" {dosage(random)}",
            f" {_strength(random)} {random.choice(FORMS)}",
            "",
            f" {random.choice(STRENGTHS)}",
        )
    )
    return Line(normalised(head + written + tail), drug=name)


def any_line(random: Random, names: Sequence[str], prose: Sequence[str]) -> Line:
    """A line of any kind, in the proportions that training wants."""
    draw = random.random()
    if draw < 0.30:
        line = prescription(random, names)
    elif draw < 0.38:
        line = Line(_cased(random, random.choice(names)))
    elif draw < 0.52:
        line = Line(dosage(random))
    elif draw < 0.64:
        line = Line(vitals(random))
    elif draw < 0.70:
        line = Line(obstetric(random))
    elif draw < 0.80:
        line = Line(identity(random))
    elif draw < 0.88 or not prose:
        line = Line(random.choice(SENTENCES))
    else:
        words = random.choice(prose).split()
        start = random.randrange(max(1, len(words) - 3))
        line = Line(" ".join(words[start : start + random.choice((1, 1, 2, 3, 5, 7, 9))]))
    capitals = line.text.upper()
    if random.random() < 0.08 and set(capitals) <= _DRAWN:
        line = dataclasses.replace(line, text=capitals)
    line = dataclasses.replace(line, text=normalised(line.text))
    count = len(line.text.split(" "))
    if random.random() < 0.07:
        line = Line(line.text, struck=random.randrange(count))
    return line


# --- drawing --------------------------------------------------------------------------------


def _ascii(text: str) -> str:
    return unicodedata.normalize("NFD", text).encode("ascii", "ignore").decode()


def read_cuttings(folder: Path) -> Cuttings:
    """What `pipeline.training.glyphs` has cut into a folder."""
    found: dict[str, dict[str, list[Cutting]]] = {}
    with (folder / "glyphs.tsv").open(encoding="utf-8", newline="") as table:
        for row in csv.DictReader(table, delimiter="\t"):
            ink = cv2.imread(str(folder / row["file"]), cv2.IMREAD_GRAYSCALE)
            if ink is None:
                raise FileNotFoundError(folder / row["file"])
            cutting = Cutting(ink, float(row["height"]), float(row["drop"]))
            found.setdefault(row["symbol"], {}).setdefault(row["writer"], []).append(cutting)
    return found


def _runs(word: str, hands: Sequence[Hand], spread: bool) -> list[tuple[str, Pen]]:
    """A word cut where its pen changes: the first hand that has a character draws it."""
    runs: list[tuple[str, Pen]] = []
    for symbol in word:
        pen = next((hand.pen for hand in hands if symbol in hand.drawn), hands[-1].pen)
        if runs and runs[-1][1] is pen and not spread:
            runs[-1] = (runs[-1][0] + symbol, pen)
        else:
            runs.append((symbol, pen))
    return runs


def _real(
    cuttings: Cuttings, size: int, random: Random, drawn: Callable[[str], bool] = str.isalnum
) -> Hand:
    """A writer who has given many of these characters, and another for each that is lacking."""
    given = Counter(name for symbol in cuttings if drawn(symbol) for name in cuttings[symbol])
    writer = random.choice(sorted(name for name in given if given[name] >= max(given.values()) / 2))
    forms = {
        symbol: cuttings[symbol].get(writer)
        or cuttings[symbol][random.choice(sorted(cuttings[symbol]))]
        for symbol in filter(drawn, cuttings)
    }
    tall = random.uniform(0.5, 0.8) * size
    return Hand(RealPen(forms, tall, random.uniform(0.03, 0.22) * tall), frozenset(forms))


def _hands(
    font: Path, other: Path, size: int, random: Random, cuttings: Cuttings
) -> tuple[Hand, ...]:
    """Who draws what: the line's font, for all of it, its capitals or its figures often a real
    hand or another font (hands differ in capitals and figures more than in anything else), and a
    printed one for signs that it lacks."""

    def hand(path: Path, scale: float, drawn: Callable[[str], bool] = lambda _: True) -> Hand:
        pen = ImageFont.truetype(str(path), max(8, int(size * scale)))
        return Hand(pen, frozenset(filter(drawn, glyphs(path))))

    def foreign(drawn: Callable[[str], bool], real: float, lent: float) -> list[Hand]:
        draw = random.random()
        if any(map(drawn, cuttings)) and draw < real:
            return [_real(cuttings, size, random, drawn)]
        return [hand(other, 1, drawn)] if draw < real + lent else []

    whole = [_real(cuttings, size, random)] if cuttings and random.random() < 0.2 else []
    return (
        *whole,
        *foreign(str.isupper, 0.2, 0.1),
        *foreign(str.isdigit, 0.45, 0.15),
        hand(font, 1),
        hand(_FALLBACK, 0.7),
    )


def _drawn(
    sheet: Image.Image, x: float, y: float, run: str, pen: Pen, bold: int, random: Random
) -> float:
    """Draws a run with its foot at `y`, and says how far the pen went."""
    if isinstance(pen, ImageFont.FreeTypeFont):
        ImageDraw.Draw(sheet).text((x, y), run, fill=255, font=pen, anchor="ls", stroke_width=bold)
        return pen.getlength(run)
    start = x
    for symbol in run:
        form = random.choice(pen.forms[symbol])
        height = max(4, round(pen.tall * form.height))
        width = max(2, round(form.ink.shape[1] * height / form.ink.shape[0]))
        ink = Image.fromarray(form.ink).resize((width, height))
        if bold:
            ink = ink.filter(ImageFilter.MaxFilter(3))
        place = (round(x), round(y + pen.tall * form.drop) - height)
        beneath = sheet.crop((*place, place[0] + width, place[1] + height))
        sheet.paste(ImageChops.lighter(beneath, ink), place)
        x += width + pen.gap
    return x - start


def render(
    line: Line,
    font: Path,
    random: Random,
    other: Path | None = None,
    cuttings: Cuttings = MappingProxyType({}),
) -> np.ndarray:
    """Draws a line on paper: grey image (64, width), dark ink on light paper.

    `other` is a second handwriting font that may lend its capitals or figures, as may the real
    hands of `cuttings`.
    """
    size = random.randint(38, 52)
    hands = _hands(font, other or font, size, random, cuttings)
    words = line.text.split(" ")
    width = size * (len(line.text) + len(words) + 6)
    sheet = Image.new("L", (width, 3 * size), 0)
    x, base = float(size), 1.8 * size
    gap = random.uniform(0.22, 0.5) * size
    bold = random.choice((0, 0, 0, 1))
    boxes = []
    for word in words:
        start = x
        y = base + random.gauss(0, 0.025 * size)
        spread = random.random() < 0.25
        for run, pen in _runs(word, hands, spread):
            rise = random.gauss(0, 0.015 * size) if spread else 0
            x += _drawn(sheet, x, y + rise, run, pen, bold, random)
            x += random.uniform(-0.01, 0.06) * size if spread else 0
        boxes.append((start, x, y))
        x += gap * random.uniform(0.7, 1.4)
    if line.struck is not None:
        left, right, y = boxes[line.struck]
        for _ in range(random.choice((1, 1, 2, 3))):
            points = [
                (left - 3 + (right - left + 6) * step / 6, y - size * random.uniform(0.12, 0.4))
                for step in range(7)
            ]
            ImageDraw.Draw(sheet).line(points, fill=255, width=random.randint(2, 4), joint="curve")
    ink: Picture = np.asarray(sheet, np.float32) / 255
    rows, columns = np.flatnonzero(ink.max(1) > 0.2), np.flatnonzero(ink.max(0) > 0.2)
    if not rows.size:
        rows, columns = np.array([0, 2 * size]), np.array([0, size])
    # A real line's polygon reaches from ascenders to descenders, also where this text has none.
    top = min(int(rows[0]), int(base - random.uniform(0.55, 0.85) * size))
    bottom = max(int(rows[-1]), int(base + random.uniform(0.05, 0.3) * size))
    margin = random.randint(1, 7)
    ink = np.pad(
        ink[max(0, top) : bottom + 1, columns[0] : columns[-1] + 1], ((margin, margin), (8, 8))
    )
    ink = cv2.resize(
        ink,
        (max(16, round(ink.shape[1] * HEIGHT / ink.shape[0])), HEIGHT),
        interpolation=cv2.INTER_AREA,
    )
    paper, dark = random.uniform(190, 255), random.uniform(15, 110)
    grain = np.random.default_rng(random.getrandbits(32)).normal(
        0, random.uniform(0.5, 5), ink.shape
    )
    return np.clip(paper - (paper - dark) * ink + grain, 0, 255).astype(np.uint8)


def drawable(line: Line, font: Path) -> bool:
    """Whether a font has the letters of a line (signs may come from a fallback font)."""
    return all(symbol in glyphs(font) for symbol in line.text if symbol.isalpha() and symbol != "µ")


def write_lines(
    out: Path,
    names: Sequence[str],
    prose: Sequence[str],
    group: Group,
    count: int,
    seed: int,
    only_drugs: bool = False,
    cuttings: Cuttings = MappingProxyType({}),
) -> None:
    """Writes `count` lines with their images; see the module's docstring for the layout."""
    random = Random(seed)
    fonts = handwriting_fonts(group)
    (out / "img").mkdir(parents=True, exist_ok=True)
    with (
        (out / "lines.tsv").open("w", encoding="utf-8", newline="") as table,
        (out / "names.tsv").open("w") as drugs,
    ):
        rows = csv.writer(
            table,
            delimiter="\t",
            quoting=csv.QUOTE_NONE,
            escapechar=None,
            quotechar=None,
            lineterminator="\n",
        )
        rows.writerow(("file", "text", "page", "source", "writer", "flags", "raw"))
        drugs.write("file\tname\n")
        made = 0
        while made < count:
            line = prescription(random, names) if only_drugs else any_line(random, names, prose)
            font = random.choice(fonts)
            if font.stem.startswith("rock-salt"):  # draws capitals for small letters
                line = dataclasses.replace(line, text=line.text.upper())
            if (
                not drawable(line, font)
                or not set(line.text) <= _DRAWN
                or not 0 < len(line.text) <= 75
            ):
                continue
            file = f"img/{made:05}.webp"
            picture = render(line, font, random, random.choice(fonts), cuttings)
            cv2.imwrite(str(out / file), picture, [cv2.IMWRITE_WEBP_QUALITY, 90])
            rows.writerow((file, line.transcript, "", "synthetic", font.stem, "", line.text))
            if line.drug:
                drugs.write(f"{file}\t{line.drug}\n")
            made += 1


def prose_of(path: Path) -> list[str]:
    """Sentences of a JSON Lines file with a `text` in each row."""
    texts = [json.loads(row)["text"] for row in path.read_text(encoding="utf-8").split("\n") if row]
    sentences = [normalised(part) for text in texts for part in re.split(r"(?<=[.:;])\s|\n", text)]
    return [
        sentence for sentence in sentences if len(sentence.split()) >= 3 and set(sentence) <= _DRAWN
    ]


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Draw synthetic handwritten medical lines.")
    parser.add_argument("out", type=Path)
    parser.add_argument(
        "--drugs", type=Path, required=True, help="CIS_bdpm.txt of the public drug database"
    )
    parser.add_argument("--prose", type=Path, help="JSON Lines of clinical text")
    parser.add_argument(
        "--glyphs", type=Path, help="folder of pipeline.training.glyphs, to draw with real hands"
    )
    parser.add_argument("--count", type=int, default=7000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--held-out",
        action="store_true",
        help="prescription lines of held-out names in held-out fonts",
    )
    parser.add_argument("--texts", action="store_true", help="only texts, without pictures")
    options = parser.parse_args(argv)
    names = [name for name in brand_names(options.drugs) if held_out(name) == options.held_out]
    prose = prose_of(options.prose) if options.prose else []
    if options.texts:
        random = Random(options.seed)
        texts = [any_line(random, names, ()).text for _ in range(options.count)]
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "lines.txt").write_text("\n".join(texts), encoding="utf-8")
        (options.out / "prose.txt").write_text("\n".join(prose), encoding="utf-8")
        return
    write_lines(
        options.out,
        names,
        prose,
        "held-out" if options.held_out else "train",
        options.count,
        options.seed,
        only_drugs=options.held_out,
        cuttings=read_cuttings(options.glyphs) if options.glyphs else {},
    )


if __name__ == "__main__":
    main()
