"""Where the patient was born: « née le 12/03/1988 à Valbourg (01) », « Lieu de naissance : … ».

The commune's INSEE code is taken where the paper says that it is one, or where the social security
number, which holds it in its sixth to tenth character, agrees: five digits alone may as well be a
postal code.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from pipeline.extraction.evidence import TextLine, doubted, value
from pipeline.model import BirthPlace, Value

NIR_PLACE = "Le numéro de sécurité sociale n'est pas de cette commune de naissance."

_DATE = r"(?:\d{1,2}(?:er)?[\s./-]*(?:[a-z]{3,9}\.?|\d{1,2})[\s./-]*\d{2,4})"
_INTRODUCED = re.compile(
    rf"(?<![a-z])(?:ne(?:e|\(e\))?\s+(?:le\s*:?\s*{_DATE}\s*,?\s*)?a\s+"
    r"|(?:commune|ville|lieu)\s+de\s+naissance\s*(?P<coded>\(?\s*code\s+insee\s*\)?)?\s*[:=]?\s*)"
)
_CAPITAL = "A-ZÀ-ÖØ-Þ"
_TOWN = re.compile(
    rf"(?:(?:L[ae]s?)\s)?[{_CAPITAL}][\w'’.-]*"
    r"(?:[ -](?:(?:de|du|des|la|le|les|sur|sous|en|et|aux|lès)[ -]|[dl]['’])*"
    rf"[{_CAPITAL}][\w'’.-]*)*(?:\s\d{{1,2}}\s?(?:er|e|ème))?"
)
_CODE = r"(?:\d{2}|2[AB])\d{3}"
_AFTER = re.compile(
    rf"\s*[,(]?\s*(?P<said>(?:code\s+)?(?:insee|commune)\s*:?\s*)?(?P<code>{_CODE})(?!\d)\s*\)?",
    re.IGNORECASE,
)
_DEPARTMENT = re.compile(r"\s*\(\s*(?:\d{2,3}|2[AB]|[^\W\d][^()\d\t]{2,30})\s*\)")
_NO_TOWN = re.compile(r"(?:terme|domicile|hopital|clinique|maternite|la maison|sa)\b")


def read_birth_place(lines: Iterable[TextLine], nir: str | None) -> Value[BirthPlace] | None:
    """The first birth place that `lines` (those of the patient) name, None where they name none.

    `nir` is the patient's number as read, without blanks.
    """
    for line in lines:
        for match in _INTRODUCED.finditer(line.folded):
            found = _place(line, match, nir)
            if found is not None:
                return found
    return None


def _place(line: TextLine, match: re.Match[str], nir: str | None) -> Value[BirthPlace] | None:
    start = match.end()
    town = _TOWN.match(line.text, start)
    if town is not None and _NO_TOWN.match(line.folded, start):
        return None
    end = town.end() if town is not None else start
    after = _AFTER.match(line.text, end)
    code = None
    if after is not None and (town is not None or match["coded"]):
        end = after.end()
        if match["coded"] or after["said"] or (nir is not None and nir[5:10] == after["code"]):
            code = after["code"].upper()
    elif town is not None and (department := _DEPARTMENT.match(line.text, end)) is not None:
        end = department.end()
    if town is None and code is None:
        return None
    span = line.span(start, end)
    place = BirthPlace(text=span.text.strip(), town=town[0] if town else None, insee=code)
    read = value("contact", place, span, "identity.patient.birth-place", trust=0.97)
    return doubted(read, NIR_PLACE) if code and nir and nir[5:10] != code else read
