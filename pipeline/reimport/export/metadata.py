"""METADATA.XML of an XDM package: ebRIM 3.0 as IHE XDS and the French volume constrain it."""

from __future__ import annotations

import datetime as dt
import hashlib
import uuid
from collections.abc import Iterator
from itertools import count
from typing import Final

from lxml import etree

from pipeline.reimport.export.header import (
    ORGANIZATION_OID,
    PERSON_OID,
    RPPS_PREFIX,
    Coded,
    Header,
    oid,
)

RIM: Final = "urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0"
LCM: Final = "urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0"
_REGREP: Final = "urn:oasis:names:tc:ebxml-regrep"
_DOCUMENT, _SET = "Document01", "SubmissionSet01"

# Schemes of the document entry (IHE ITI TF-3, 4.2.5).
_STABLE: Final = "urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1"
_AUTHOR: Final = "urn:uuid:93606bcf-9494-43ec-9b4e-a7748d1a838d"
_CLASS: Final = "urn:uuid:41a5887f-8865-4c09-adf7-e362475b143a"
_TYPE: Final = "urn:uuid:f0306f51-975f-434e-a61c-c59651d33983"
_FORMAT: Final = "urn:uuid:a09d5840-386c-46f2-b5ad-9c3699a4309d"
_CONFIDENTIALITY: Final = "urn:uuid:f4f85eac-e6cb-4883-b524-f2705394840f"
_FACILITY: Final = "urn:uuid:f33fb8ac-18af-42cc-ae0e-ed0b0bdb91e1"
_SETTING: Final = "urn:uuid:cccf5598-8b07-4b77-a05e-ae952c785ead"
_PATIENT: Final = "urn:uuid:58a6f841-87b3-4a3e-92fd-a8ffeff98427"
_UNIQUE: Final = "urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab"
# Schemes of the submission set.
_SET_NODE: Final = "urn:uuid:a54d6aa5-d40d-43f9-88c5-b4633d873bdd"
_SET_AUTHOR: Final = "urn:uuid:a7058bb9-b4e4-4307-ba5b-e3f0ab85e12d"
_SET_CONTENT: Final = "urn:uuid:aa543740-bdda-424e-8c96-df4873be8500"
_SET_PATIENT: Final = "urn:uuid:6b5aea1a-874d-4603-a4bc-96a0a7b38446"
_SET_SOURCE: Final = "urn:uuid:554ac39e-e3fe-47fe-b233-965d2a147832"
_SET_UNIQUE: Final = "urn:uuid:96fdda7c-d067-4183-912e-bf5ee74998a8"

_PDF_FORMAT: Final = Coded(
    "urn:ihe:iti:xds-sd:pdf:2008", "1.3.6.1.4.1.19376.1.2.3", "Document à corps non structuré"
)
_NORMAL: Final = Coded("N", "2.16.840.1.113883.5.25", "Normal")


def metadata(header: Header, document: bytes, uri: str) -> bytes:
    """METADATA.XML for one `document`, the exact bytes of the file at `uri` in its folder.

    Its hash is SHA-1, as XDS wants it. Without a qualified INS the patient is known by the
    practice's own number (type PI).
    """
    root = etree.Element(f"{{{LCM}}}SubmitObjectsRequest", nsmap={"lcm": LCM, "rim": RIM})
    objects = _add(root, "RegistryObjectList")
    ids = (f"id{number}" for number in count(1))
    _document_entry(objects, ids, header, document, uri)
    _submission_set(objects, ids, header)
    _add(
        objects, "Classification", id=next(ids), classifiedObject=_SET, classificationNode=_SET_NODE
    )
    member = _add(
        objects,
        "Association",
        id=next(ids),
        associationType=f"{_REGREP}:AssociationType:HasMember",
        sourceObject=_SET,
        targetObject=_DOCUMENT,
        objectType=f"{_REGREP}:ObjectType:RegistryObject:Association",
    )
    _slot(member, "SubmissionSetStatus", "Original")
    data: bytes = etree.tostring(root, encoding="UTF-8", xml_declaration=True, pretty_print=True)
    return data


def utc(when: dt.datetime) -> str:
    """A time as XDS writes it: UTC, without an offset."""
    return f"{when.astimezone(dt.UTC):%Y%m%d%H%M%S}"


def _document_entry(
    objects: etree._Element, ids: Iterator[str], header: Header, document: bytes, uri: str
) -> None:
    entry = _add(objects, "ExtrinsicObject", id=_DOCUMENT, objectType=_STABLE, mimeType="text/xml")
    _slot(entry, "creationTime", utc(header.validated))
    _slot(entry, "hash", hashlib.sha1(document, usedforsecurity=False).hexdigest())
    _slot(entry, "languageCode", "fr-FR")
    _slot(entry, "legalAuthenticator", _person(header))
    _slot(entry, "serviceStartTime", f"{header.day:%Y%m%d}")
    _slot(entry, "size", str(len(document)))
    _slot(entry, "sourcePatientId", _patient_id(header))
    _slot(entry, "sourcePatientInfo", *_patient_info(header))
    _slot(entry, "URI", uri)
    _label(entry, header.title)
    _author(entry, ids, _AUTHOR, header)
    for scheme, coded in (
        (_CLASS, header.category),
        (_TYPE, header.type),
        (_FORMAT, _PDF_FORMAT),
        (_CONFIDENTIALITY, _NORMAL),
        (_FACILITY, header.practice.facility),
        (_SETTING, header.practice.setting),
    ):
        _coded(entry, ids, scheme, coded)
    _identifier(entry, ids, _PATIENT, _patient_id(header), "XDSDocumentEntry.patientId")
    _identifier(entry, ids, _UNIQUE, header.id, "XDSDocumentEntry.uniqueId")


def _submission_set(objects: etree._Element, ids: Iterator[str], header: Header) -> None:
    package = _add(objects, "RegistryPackage", id=_SET)
    _slot(package, "submissionTime", utc(header.validated))
    _label(package, header.title)
    _author(package, ids, _SET_AUTHOR, header)
    _coded(package, ids, _SET_CONTENT, header.type)
    submission = oid(uuid.uuid5(uuid.NAMESPACE_OID, f"{header.id}/submission"))
    source = oid(uuid.uuid5(uuid.NAMESPACE_OID, f"{header.practice.name}/{header.author.rpps}"))
    _identifier(package, ids, _SET_PATIENT, _patient_id(header), "XDSSubmissionSet.patientId")
    _identifier(package, ids, _SET_SOURCE, source, "XDSSubmissionSet.sourceId")
    _identifier(package, ids, _SET_UNIQUE, submission, "XDSSubmissionSet.uniqueId")


# --- data types of HL7 v2.5, as XDS uses them ------------------------------------------------


def _v2(text: str) -> str:
    """`text` with the separators of HL7 v2 escaped."""
    escapes = {"\\": "\\E\\", "^": "\\S\\", "&": "\\T\\", "|": "\\F\\", "~": "\\R\\"}
    return "".join(escapes.get(character, character) for character in text)


def _patient_id(header: Header) -> str:
    number = header.subject.number
    return f"{_v2(number.extension)}^^^&{number.root}&ISO^PI"


def _patient_info(header: Header) -> Iterator[str]:
    subject = header.subject
    first = subject.birth_given[0] if subject.birth_given else subject.used_given
    if subject.birth_family:
        given = " ".join(subject.birth_given) or first
        yield f"PID-5|{_v2(subject.birth_family)}^{_v2(first)}^{_v2(given)}^^^^L"
    if subject.used_family:
        yield f"PID-5|{_v2(subject.used_family)}^{_v2(subject.used_given or first)}^^^^^D"
    yield f"PID-7|{subject.birth_date:%Y%m%d}"
    yield f"PID-8|{subject.gender}"


def _person(header: Header) -> str:
    author = header.author
    return (
        f"{RPPS_PREFIX}{author.rpps}^{_v2(author.family)}^{_v2(author.given)}"
        f"^^^^^^&{PERSON_OID}&ISO^D^^^IDNPS"
    )


def _institution(header: Header) -> str:
    practice = header.practice
    if not practice.number.extension:
        return _v2(practice.name)
    return f"{_v2(practice.name)}^^^^^&{ORGANIZATION_OID}&ISO^IDNST^^^{practice.number.extension}"


# --- ebRIM ----------------------------------------------------------------------------------


def _author(parent: etree._Element, ids: Iterator[str], scheme: str, header: Header) -> None:
    made = _add(
        parent,
        "Classification",
        id=next(ids),
        classificationScheme=scheme,
        classifiedObject=str(parent.attrib["id"]),
        nodeRepresentation="",
    )
    _slot(made, "authorInstitution", _institution(header))
    _slot(made, "authorPerson", _person(header))
    specialty = header.author.specialty
    if specialty is not None:
        _slot(
            made, "authorSpecialty", f"{specialty.code}^{_v2(specialty.display)}^{specialty.system}"
        )


def _coded(parent: etree._Element, ids: Iterator[str], scheme: str, coded: Coded) -> None:
    made = _add(
        parent,
        "Classification",
        id=next(ids),
        classificationScheme=scheme,
        classifiedObject=str(parent.attrib["id"]),
        nodeRepresentation=coded.code,
    )
    _slot(made, "codingScheme", coded.system)
    _label(made, coded.display)


def _identifier(
    parent: etree._Element, ids: Iterator[str], scheme: str, value: str, label: str
) -> None:
    made = _add(
        parent,
        "ExternalIdentifier",
        id=next(ids),
        registryObject=str(parent.attrib["id"]),
        identificationScheme=scheme,
        value=value,
    )
    _label(made, label)


def _slot(parent: etree._Element, name: str, *values: str) -> None:
    listed = _add(_add(parent, "Slot", name=name), "ValueList")
    for value in values:
        _add(listed, "Value").text = value


def _label(parent: etree._Element, text: str) -> None:
    _add(_add(parent, "Name"), "LocalizedString", value=text)


def _add(parent: etree._Element, name: str, /, **attributes: str) -> etree._Element:
    return etree.SubElement(parent, f"{{{RIM}}}{name}", attributes)
