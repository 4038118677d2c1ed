"""The scan, the document made of it, and where everything comes from."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import html
import uuid
from collections.abc import Collection, Iterator, Sequence

from pipeline.fhir import systems
from pipeline.fhir.elements import (
    Json,
    absent,
    clean,
    coding,
    concept,
    date,
    extension,
    instant,
)
from pipeline.fhir.paper import AI_LABEL, Attachment, Paper, machine_read
from pipeline.model import Certainty, DocumentKind, Extraction, OrderKind, Section, Value

# Originals above this many bytes travel as a Binary of their own instead of inline: in base64,
# Medplum refuses a string of more than 1 MiB, which is this much.
INLINE_LIMIT = 768 * 1024


def pages(paper: Paper) -> Json:
    """Which pages of the scan a document or its attachment is made of."""
    numbers = paper.document.page_numbers
    parts = [
        extension("first", valuePositiveInt=numbers[0]),
        extension("last", valuePositiveInt=numbers[-1]),
        *(extension("page", valuePositiveInt=page) for page in numbers),
    ]
    return extension(systems.PAGES, parts=parts)


def document_type(kind: DocumentKind, requested: Collection[OrderKind] = ()) -> Json:
    """Type of a document: its LOINC code and ours, which tells a bizone ordonnance apart.

    `requested` are the sorts of orders in it: a request for imaging alone is typed so.
    """
    code, display, _, _, title = systems.DOCUMENT_TYPES[kind]
    if kind is DocumentKind.TEST_REQUEST and len(sorts := set(requested)) == 1:
        code, display = systems.REQUEST_TYPES.get(sorts.pop(), (code, display))
    return concept(
        coding(systems.LOINC, code, display),
        coding(systems.DOCUMENT_KIND, kind.value, title),
        text=title,
    )


def category(kind: DocumentKind | None) -> Json:
    """`category` of a document: its French class; nothing for an unknown kind."""
    if kind is None:
        return {}
    _, _, code, display, _ = systems.DOCUMENT_TYPES[kind]
    return {"category": [concept(coding(systems.DOCUMENT_CLASS, code, display))]}


def title(kind: DocumentKind | None, day: str | None, *, validated: bool = False) -> str:
    """What people call the document: its kind and date, in French."""
    name = systems.DOCUMENT_TYPES[kind][4] if kind is not None else "Document"
    state = "transcription validée" if validated else "transcription"
    if day is None:
        return f"{name} sans date lue ({state})"
    of_day = "/".join(reversed(day.split("-")))
    return f"{name} du {of_day} ({state})"


# --- the scan -------------------------------------------------------------------------------


def document_reference(paper: Paper, read: Extraction, original: Attachment) -> Json:
    """The scan, kept beside what was read of it.

    The first content always names the source file with its hash. When the scan holds other
    documents too, that content has no bytes, and a second one holds this document's pages.
    """
    scan = paper.document.scan
    whole = hashlib.sha1(original.data, usedforsecurity=False).hexdigest() == scan.sha1
    source: Json = {
        "extension": [pages(paper)],
        "contentType": scan.media_type,
        "language": "fr-FR",
        "size": scan.size,
        "hash": base64.b64encode(bytes.fromhex(scan.sha1)).decode(),
        "title": clean(original.title) or "sans nom",
        **({"creation": paper.day} if paper.day else {}),
    }
    if whole:
        contents = [source | {"contentType": original.media_type} | _bytes(paper, original)]
    else:
        digest = hashlib.sha1(original.data, usedforsecurity=False).digest()
        numbers = ", ".join(str(number) for number in paper.document.page_numbers)
        contents = [
            source,
            {
                "contentType": original.media_type,
                "language": "fr-FR",
                **_bytes(paper, original),
                "size": len(original.data),
                "hash": base64.b64encode(digest).decode(),
                "title": f"{source['title']} (page {numbers})",
            },
        ]
    number = paper.group["value"].replace("/", "-page-")
    kind = read.kind.value
    return {
        "resourceType": "DocumentReference",
        **machine_read(),
        "masterIdentifier": {
            "system": systems.URI,
            "value": f"{systems.DOCUMENT_NAMES}/{number}",
        },
        "identifier": [
            {"system": systems.SCAN_NAMES, "value": f"sha256-{scan.sha256}"},
            paper.identifier("scan"),
        ],
        "status": "current",
        "docStatus": "preliminary",
        "type": document_type(kind, _requested(read))
        if kind is not None
        else {"extension": [absent()]},
        **category(kind),
        **paper.subject(),
        "date": instant(paper.recorded),
        **paper.by("author", many=True),
        "custodian": paper.reference("Organization", "organization"),
        "description": "Original papier numérisé",
        "securityLabel": [
            concept(coding(f"{systems.TERMINOLOGY}/v3-Confidentiality", "N", "normal"))
        ],
        "content": [_content(attachment) for attachment in contents],
        "context": {
            "encounter": [paper.reference("Encounter", "encounter")],
            "period": paper.dated("start"),
            "facilityType": concept(coding(systems.SECTOR, "SA07", "Cabinet individuel")),
            "practiceSetting": concept(coding(systems.SETTING, "AMBULATOIRE", "Ambulatoire")),
            "sourcePatientInfo": paper.reference("Patient", "patient"),
        },
    }


def _requested(read: Extraction) -> set[OrderKind]:
    return {order.kind for order in read.orders}


def _content(attachment: Json) -> Json:
    code = systems.DOCUMENT_FORMATS.get(attachment["contentType"])
    kind = {"format": coding(systems.DOCUMENT_FORMAT, code)} if code else {}
    return {"attachment": attachment, **kind}


def _bytes(paper: Paper, original: Attachment) -> Json:
    if len(original.data) > INLINE_LIMIT:
        return {"url": f"Binary/{paper.id('binary')}"}
    return {"data": base64.b64encode(original.data).decode()}


def binary(paper: Paper, original: Attachment) -> Json | None:
    """A large original as a resource of its own; None when it travels inline."""
    if len(original.data) <= INLINE_LIMIT:
        return None
    return {
        "resourceType": "Binary",
        "contentType": original.media_type,
        "securityContext": paper.reference("DocumentReference", "scan"),
        "data": base64.b64encode(original.data).decode(),
    }


# --- the composition ------------------------------------------------------------------------

# Title and LOINC code of each section that gathers resources of some types.
_SECTIONS = (
    ("Motif, problèmes et antécédents", ("11450-4", "Problem list"),
     ("Condition", "FamilyMemberHistory")),
    ("Allergies et intolérances", ("48765-2", "Allergies"), ("AllergyIntolerance",)),
    ("Mesures et constats", ("30954-2", "Results"), ("Observation",)),
    ("Traitements", ("57828-6", "Prescription list"), ("MedicationRequest",)),
    ("Examens, soins et suivi demandés", ("18776-5", "Plan of care"), ("ServiceRequest",)),
)  # fmt: skip


UNREAD_TITLE = "Passages à relire"
CLINICAL_SECTIONS = frozenset(name for name, _, _ in _SECTIONS)


def composition(paper: Paper, read: Extraction, clinical: Sequence[tuple[str, Json]]) -> Json:
    """The document as sections with entries; `clinical` are (fullUrl, resource) pairs.

    Its type and date carry the evidence of the document's kind and date.
    """
    scan = {
        "title": "Original numérisé",
        "text": narrative("Document source numérisé."),
        "entry": [paper.reference("DocumentReference", "scan")],
    }
    resource: Json = {
        "resourceType": "Composition",
        **machine_read(),
        "identifier": paper.identifier("composition"),
        "status": "preliminary",
        "type": paper.element(
            read.kind, lambda kind: document_type(kind, _requested(read)), "CodeableConcept"
        ),
        **category(read.kind.value),
        **paper.subject(),
        **paper.encounter(),
        **_composition_date(paper, read.date),
        "author": [paper.by("author").get("author") or paper.reference("Device", "device")],
        "title": title(read.kind.value, paper.day),
        "custodian": paper.reference("Organization", "organization"),
        "section": [
            *clinical_sections(clinical),
            *_unread(paper, read.unread),
            *_transcript(read.sections),
            scan,
        ],
    }
    return resource


def _composition_date(paper: Paper, value: Value[dt.date] | None) -> Json:
    if value is None:
        return {"_date": {"extension": [absent()]}}
    return paper.primitive("date", value, date, "DateTime")


def narrative(*lines: str, status: str = "generated") -> Json:
    """A Narrative of one paragraph a line, everything escaped."""
    body = "".join(f"<p>{html.escape(clean(line), quote=False)}</p>" for line in lines)
    return {"status": status, "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{body}</div>'}


def clinical_sections(clinical: Sequence[tuple[str, Json]]) -> list[Json]:
    """Sections of (fullUrl, resource) pairs; a section with no entry is left out."""
    sections = []
    for name, code, kinds in _SECTIONS:
        entries = [pair for pair in clinical if pair[1]["resourceType"] in kinds]
        if entries:
            sections.append(
                {
                    "title": name,
                    "code": concept(coding(systems.LOINC, *code)),
                    "text": narrative(*(headline(resource) for _, resource in entries)),
                    "entry": [
                        {"reference": url, "type": resource["resourceType"]}
                        for url, resource in entries
                    ],
                }
            )
    return sections


def headline(resource: Json) -> str:
    """One French line that says what a clinical resource holds, for the narrative.

    What is denied, supposed, past, the family's or stopped says so first: nobody who reads the
    line alone may take it for a present problem or treatment.
    """
    name = _concept_text(resource.get("medicationCodeableConcept") or _code(resource))
    name = " : ".join([*_qualifiers(resource), name])
    said = [name, *(_measure(part) for part in (resource, *resource.get("component", ())))]
    said.extend(step["text"] for step in resource.get("dosageInstruction", ()) if "text" in step)
    return " ".join(part for part in said if part)


def _qualifiers(resource: Json) -> Iterator[str]:
    kind = resource["resourceType"]
    if resource.get("doNotPerform") is True:
        yield "Arrêt"
    if kind == "FamilyMemberHistory":
        yield "Famille"
    if kind == "Condition" and any(
        one.get("text") == systems.PAST for one in resource.get("category", ())
    ):
        yield systems.PAST
    if "verificationStatus" in resource:
        certainty = _certainty(resource["verificationStatus"])
        if certainty in systems.CERTAINTY_WORDS:
            yield systems.CERTAINTY_WORDS[certainty]


def _certainty(status: Json) -> Certainty:
    """How sure a statement is: its status says it, or, in a draft, what the note said."""
    codes = {one.get("code") for one in status.get("coding", ())}
    if "refuted" in codes:
        return Certainty.NEGATED
    if "confirmed" in codes:
        return Certainty.CONFIRMED
    said = (e["valueCode"] for e in status.get("extension", ()) if e["url"] == systems.CERTAINTY)
    certainty = Certainty(next(said, Certainty.HYPOTHESIS))
    supposed = codes & {"provisional", "differential"}
    return Certainty.HYPOTHESIS if supposed else certainty


def _code(resource: Json) -> Json:
    if resource["resourceType"] == "FamilyMemberHistory":
        code: Json = resource["condition"][0]["code"]
        return code
    element: Json = resource.get("code", {})
    return element


def _concept_text(element: Json) -> str:
    displays = [code["display"] for code in element.get("coding", ()) if "display" in code]
    return str(element.get("text") or next(iter(displays), "(non lu)"))


def _measure(element: Json) -> str:
    if "valueQuantity" in element:
        value = element["valueQuantity"]
        return f"{value.get('comparator', '')}{value['value']} {value.get('unit', '')}".strip()
    if "valueRange" in element:
        value = element["valueRange"]
        unit = value["low"].get("unit", "")
        return f"{value['low']['value']} à {value['high']['value']} {unit}".strip()
    if "valueBoolean" in element:
        return "oui" if element["valueBoolean"] else "non"
    return str(element.get("valueString") or element.get("valueDateTime") or "")


def _unread(paper: Paper, passages: Sequence[Value[str]]) -> list[Json]:
    """Zones where something is written that nobody has read yet; each must be decided on."""
    if not passages:
        return []
    parts = []
    for passage in passages:
        said = f"Passage non lu, page {passage.evidence.page}."
        text = narrative(said, status="empty")
        if passage.value is not None:
            text = narrative(passage.value)
        parts.append(
            {"title": "Passage à relire", "text": {"extension": paper.marks(passage), **text}}
        )
    return [{"title": UNREAD_TITLE, "section": parts}]


def _transcript(read: Sequence[Section]) -> list[Json]:
    parts = [
        {
            **({"title": clean(section.title)} if clean(section.title) else {}),
            "text": narrative(*section.text.splitlines()),
        }
        for section in read
        if section.text.strip()
    ]
    return [{"title": "Texte lu", "section": parts}] if parts else []


def sibling_url(url: str, key: str) -> str:
    """The fullUrl of a resource that goes with the one at `url`."""
    return f"urn:uuid:{uuid.uuid5(uuid.UUID(url.removeprefix('urn:uuid:')), key)}"


# --- provenance -----------------------------------------------------------------------------


def provenance(paper: Paper, targets: Sequence[Json]) -> Json:
    """Who made the Bundle of what: the software from the scan, on the prescriber's word."""
    participant = f"{systems.TERMINOLOGY}/provenance-participant-type"
    agents = [
        {
            "type": concept(coding(participant, "assembler")),
            "role": [concept(coding(systems.AI_DEVICE_TYPE, "Artificial-Intelligence"))],
            "who": paper.reference("Device", "device"),
        }
    ]
    if author := paper.by("who"):
        agents.append({"type": concept(coding(participant, "author")), **author})
    return {
        "resourceType": "Provenance",
        "meta": {"profile": [systems.AI_PROVENANCE]},
        "target": list(targets),
        "occurredDateTime": instant(paper.recorded),
        "recorded": instant(paper.recorded),
        "reason": [concept(dict(AI_LABEL))],
        "activity": concept(
            coding(f"{systems.TERMINOLOGY}/iso-21089-lifecycle", "transform"),
            text="Transcription d'un document papier",
        ),
        "agent": agents,
        "entity": [{"role": "source", "what": paper.reference("DocumentReference", "scan")}],
    }
