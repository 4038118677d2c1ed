"""A document as HL7 CDA R2, level 1: the French header ("structuration minimale") around a PDF."""

from __future__ import annotations

import base64
import datetime as dt
from typing import Final

from lxml import etree

from pipeline.reimport.export.header import (
    LOINC_OID,
    PERSON_OID,
    RPPS_PREFIX,
    Coded,
    Header,
    Identified,
)

HL7: Final = "urn:hl7-org:v3"
# The header's, the French one's and the unstructured document's (IHE XDS-SD), in this order.
TEMPLATES: Final = (
    "2.16.840.1.113883.2.8.2.1",
    "1.2.250.1.213.1.1.1.1",
    "1.3.6.1.4.1.19376.1.2.20",
)
_GENDER_OID: Final = "2.16.840.1.113883.5.1"
_GENDERS: Final = {"F": ("F", "Féminin"), "M": ("M", "Masculin"), "U": ("UN", "Inconnu")}
_CONFIDENTIALITY_OID: Final = "2.16.840.1.113883.5.25"


def cda(header: Header, pdf: bytes) -> bytes:
    """The ClinicalDocument in UTF-8, `pdf` in it.

    Author and legal authenticator are the prescriber, who signed the paper on its day; the
    document's own time is that of its validation.
    """
    root = etree.fromstring(f'<ClinicalDocument xmlns="{HL7}"/>')
    _add(root, "realmCode", code="FR")
    _add(root, "typeId", root="2.16.840.1.113883.1.3", extension="POCD_HD000040")
    for template in TEMPLATES:
        _add(root, "templateId", root=template)
    _add(root, "id", root=header.id)
    _code(root, "code", Coded(header.type.code, LOINC_OID, header.type.display))
    _add(root, "title", header.title)
    _add(root, "effectiveTime", value=moment(header.validated))
    _code(root, "confidentialityCode", Coded("N", _CONFIDENTIALITY_OID, "Normal"))
    _add(root, "languageCode", code="fr-FR")
    _add(root, "setId", root=header.id)
    _add(root, "versionNumber", value="1")
    _record_target(root, header)
    author = _add(root, "author")
    _add(author, "time", value=day(header.day))
    _person(_add(author, "assignedAuthor"), header)
    _custodian(root, header)
    signer = _add(root, "legalAuthenticator")
    _add(signer, "time", value=day(header.day))
    _add(signer, "signatureCode", code="S")
    _person(_add(signer, "assignedEntity"), header)
    _service(root, header)
    _encounter(root, header)
    body = _add(_add(root, "component"), "nonXMLBody")
    encoded = base64.b64encode(pdf).decode()
    _add(body, "text", encoded, mediaType="application/pdf", representation="B64")
    data: bytes = etree.tostring(root, encoding="UTF-8", xml_declaration=True)
    return data


def moment(when: dt.datetime) -> str:
    """An HL7 time stamp with its offset, to the second."""
    return f"{when:%Y%m%d%H%M%S%z}"


def day(when: dt.date) -> str:
    return f"{when:%Y%m%d}"


def _record_target(root: etree._Element, header: Header) -> None:
    subject = header.subject
    role = _add(_add(root, "recordTarget"), "patientRole")
    _id(role, subject.number)
    patient = _add(role, "patient")
    name = _add(patient, "name")
    if subject.birth_family:
        _add(name, "family", subject.birth_family, qualifier="BR")
    if subject.used_family:
        _add(name, "family", subject.used_family, qualifier="CL")
    if subject.birth_given:
        _add(name, "given", subject.birth_given[0], qualifier="BR")
        _add(name, "given", " ".join(subject.birth_given))
    if subject.used_given:
        _add(name, "given", subject.used_given, qualifier="CL")
    code, display = _GENDERS[subject.gender]
    _code(patient, "administrativeGenderCode", Coded(code, _GENDER_OID, display))
    _add(patient, "birthTime", value=day(subject.birth_date))


def _person(entity: etree._Element, header: Header) -> None:
    author = header.author
    _id(entity, Identified(PERSON_OID, RPPS_PREFIX + author.rpps))
    if author.specialty is not None:
        _code(entity, "code", author.specialty)
    name = _add(_add(entity, "assignedPerson"), "name")
    if author.prefix:
        _add(name, "prefix", author.prefix)
    if author.given:
        _add(name, "given", author.given)
    _add(name, "family", author.family)
    _organization(entity, header)


def _organization(entity: etree._Element, header: Header, *, setting: bool = False) -> None:
    organization = _add(entity, "representedOrganization")
    if header.practice.number.extension:
        _id(organization, header.practice.number)
    _add(organization, "name", header.practice.name)
    if setting:
        _code(organization, "standardIndustryClassCode", header.practice.setting)


def _custodian(root: etree._Element, header: Header) -> None:
    keeper = _add(_add(root, "custodian"), "assignedCustodian")
    organization = _add(keeper, "representedCustodianOrganization")
    _id(organization, header.practice.number)
    _add(organization, "name", header.practice.name)


def _service(root: etree._Element, header: Header) -> None:
    event = _add(_add(root, "documentationOf"), "serviceEvent")
    _add(_add(event, "effectiveTime"), "low", value=day(header.day))
    performer = _add(_add(event, "performer", typeCode="PRF"), "assignedEntity")
    author = header.author
    _id(performer, Identified(PERSON_OID, RPPS_PREFIX + author.rpps))
    if author.specialty is not None:
        _code(performer, "code", author.specialty)
    name = _add(_add(performer, "assignedPerson"), "name")
    if author.given:
        _add(name, "given", author.given)
    _add(name, "family", author.family)
    _organization(performer, header, setting=True)


def _encounter(root: etree._Element, header: Header) -> None:
    encounter = _add(_add(root, "componentOf"), "encompassingEncounter")
    _add(_add(encounter, "effectiveTime"), "low", value=day(header.day))
    facility = _add(_add(encounter, "location"), "healthCareFacility")
    _code(facility, "code", header.practice.facility)


def _name(local: str) -> str:
    return f"{{{HL7}}}{local}"


def _add(parent: etree._Element, name: str, text: str = "", /, **attributes: str) -> etree._Element:
    element = etree.SubElement(parent, _name(name), attributes)
    if text:
        element.text = text
    return element


def _id(parent: etree._Element, number: Identified) -> None:
    extension = {"extension": number.extension} if number.extension else {}
    _add(parent, "id", root=number.root, **extension)


def _code(parent: etree._Element, name: str, coded: Coded) -> None:
    _add(parent, name, code=coded.code, codeSystem=coded.system, displayName=coded.display)
