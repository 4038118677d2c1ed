"""The package a French practice imports: zip, metadata, CDA by schema and schematron, PDF."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pypdfium2
import pytest
from lxml import etree

from pipeline.model import Box, Size
from pipeline.reimport.export import Exported, export
from pipeline.reimport.export.header import header
from pipeline.reimport.export.pdfa import turned
from tests.reimport.export.conftest import Outcome
from tests.reimport.export.schematron import Checker

CDA = "{urn:hl7-org:v3}"
RIM = "{urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0}"
DOCUMENT = "IHE_XDM/SUBSET01/DOC0001.XML"
INS = "1.2.250.1.213.1.4."


@pytest.fixture(scope="module")
def exported(validated_out: Outcome, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    return export(validated_out.path, "xdm", tmp_path_factory.mktemp("to") / "xdm")


@pytest.fixture(scope="module")
def packages(exported: Exported) -> dict[Path, dict[str, bytes]]:
    """Files of each zip, by the folder the zip is in."""
    found = {}
    for path in exported.files:
        if path.name == "IHE_XDM.ZIP":
            with zipfile.ZipFile(path) as package:
                assert package.testzip() is None
                found[path.parent] = {name: package.read(name) for name in package.namelist()}
    assert len(found) >= 6
    return found


def test_every_document_is_packed_or_named_with_the_reason(
    validated_out: Outcome, exported: Exported, packages: dict[Path, dict[str, bytes]]
) -> None:
    left = {one.document for one in exported.left_out}
    assert left | {folder.name for folder in packages} == set(validated_out.bundles)
    assert not left & {folder.name for folder in packages}
    assert all("RPPS" in one.sentence for one in exported.left_out)


def test_the_zip_has_the_tree_of_an_xdm_medium(packages: dict[Path, dict[str, bytes]]) -> None:
    for files in packages.values():
        assert set(files) == {
            "IHE_XDM/", "IHE_XDM/SUBSET01/", "README.TXT", "INDEX.HTM",
            "IHE_XDM/SUBSET01/METADATA.XML", DOCUMENT,
        }  # fmt: skip
        page = etree.fromstring(files["INDEX.HTM"])
        links = page.findall(".//{http://www.w3.org/1999/xhtml}a")
        assert all(link.get("href") in files for link in links)


def test_metadata_name_the_exact_bytes_and_agree_with_the_cda(
    packages: dict[Path, dict[str, bytes]],
) -> None:
    for files in packages.values():
        metadata = etree.fromstring(files["IHE_XDM/SUBSET01/METADATA.XML"])
        entry = metadata.find(f".//{RIM}ExtrinsicObject")
        assert entry is not None
        slots = {
            str(slot.get("name")): [value.text for value in slot.iter(f"{RIM}Value")]
            for slot in entry.findall(f"{RIM}Slot")
        }
        assert slots["hash"] == [hashlib.sha1(files[DOCUMENT]).hexdigest()]
        assert slots["size"] == [str(len(files[DOCUMENT]))]
        assert slots["URI"] == ["DOC0001.XML"]
        document = etree.fromstring(files[DOCUMENT])
        unique = [
            str(one.get("value"))
            for one in entry.iter(f"{RIM}ExternalIdentifier")
            if one.get("identificationScheme") == "urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab"
        ]
        assert unique == [document.find(f"{CDA}id").get("root")]  # type: ignore[union-attr]
        number = document.find(f"{CDA}recordTarget/{CDA}patientRole/{CDA}id")
        assert number is not None
        expected = f"{number.get('extension')}^^^&{number.get('root')}&ISO^PI"
        assert slots["sourcePatientId"] == [expected]
        owners = {one.get("id") for one in metadata.iter() if one.get("id")}
        for one in metadata.iter(f"{RIM}Classification"):
            assert one.get("classifiedObject") in owners
        ids = [one.get("id") for one in metadata.iter() if one.get("id")]
        assert len(ids) == len(set(ids))


def test_no_ins_is_claimed_for_an_identity_read_from_paper(
    packages: dict[Path, dict[str, bytes]],
) -> None:
    for folder, files in packages.items():
        for name in (DOCUMENT, "IHE_XDM/SUBSET01/METADATA.XML"):
            assert INS.encode() not in files[name]
        assert "X-MSS-INS : N" in (folder / "MESSAGE.TXT").read_text("utf-8")


def test_the_pdf_beside_the_zip_is_the_one_in_the_cda(
    packages: dict[Path, dict[str, bytes]],
) -> None:
    for folder, files in packages.items():
        text = etree.fromstring(files[DOCUMENT]).find(f".//{CDA}nonXMLBody/{CDA}text")
        assert text is not None
        assert text.text is not None
        assert base64.b64decode(text.text) == (folder / "DOCUMENT.PDF").read_bytes()


def test_the_pdf_shows_the_scan_with_its_words_and_then_the_values(
    validated_out: Outcome, packages: dict[Path, dict[str, bytes]]
) -> None:
    for folder in packages:
        pdf = pypdfium2.PdfDocument(io.BytesIO((folder / "DOCUMENT.PDF").read_bytes()))
        text = [page.get_textpage() for page in pdf]
        assert text[0].get_text_range().strip() == "Ordonnance"
        # The word's box: 60 pixels from the left and top of 877, at 75 dpi.
        left, _bottom, _right, top = text[0].get_charbox(0)
        assert 50 <= left * 75 / 72 <= 70
        assert 50 <= 877 - top * 75 / 72 <= 80
        said = header(validated_out.bundles[folder.name])
        values = " ".join(one.get_text_range() for one in text[1:])
        family = said.subject.birth_family or said.subject.used_family
        assert family in values
        assert said.validator in values
        assert f"{said.subject.birth_date:%d/%m/%Y}" in values


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_boxes_turn_with_their_page(rotation: int) -> None:
    size = Size(width=100, height=200)
    box = Box(x=10, y=20, width=30, height=5)
    expected = {
        0: (10, 20, 30, 5), 90: (175, 10, 5, 30), 180: (60, 175, 30, 5), 270: (20, 60, 5, 30),
    }[rotation]  # fmt: skip
    found = turned(box, size, rotation)
    assert (found.x, found.y, found.width, found.height) == expected


# --- official rules -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def schema(shared_dir: Path) -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(shared_dir / "cda" / "schema" / "CDA_extended.xsd"))


@pytest.fixture(scope="module")
def rules(shared_dir: Path) -> Checker:
    folder = shared_dir.resolve() / "cda" / "schematron" / "structurationMinimale"
    return Checker(folder / "ASIP-STRUCT-MIN-StrucMin.sch")


def test_every_cda_keeps_the_schema_and_the_french_schematron(
    packages: dict[Path, dict[str, bytes]], schema: etree.XMLSchema, rules: Checker
) -> None:
    for files in packages.values():
        assert schema.validate(etree.fromstring(files[DOCUMENT])), str(schema.error_log)
        assert rules.failures(files[DOCUMENT]) == []


FAULTS: dict[str, Callable[[bytes], bytes]] = {
    "realm": lambda cda: cda.replace(b'realmCode code="FR"', b'realmCode code="US"'),
    "template": lambda cda: cda.replace(b"1.3.6.1.4.1.19376.1.2.20", b"1.3.6.1.4.1.19376.1.2.21"),
    "type": lambda cda: cda.replace(b'code code="11488-4"', b'code code="11488-5"'),
    "language": lambda cda: cda.replace(b'code="fr-FR"', b'code="french"'),
    "facility": lambda cda: cda.replace(b'code="SA07"', b'code="SA7"'),
    "name": lambda cda: cda.replace(b'qualifier="CL"', b'qualifier="SP"'),
    "signer": lambda cda: cda.replace(b'signatureCode code="S"', b'signatureCode code="X"'),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_schematron_finds_each_planted_fault(
    packages: dict[Path, dict[str, bytes]], rules: Checker, fault: str
) -> None:
    cda = next(
        files[DOCUMENT]
        for files in packages.values()
        if b'code code="11488-4"' in files[DOCUMENT] and b'qualifier="CL"' in files[DOCUMENT]
    )
    broken = FAULTS[fault](cda)
    assert broken != cda
    assert rules.failures(broken)
