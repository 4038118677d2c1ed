"""Import of the official files: encodings, names, strengths, codes."""

from __future__ import annotations

import datetime as dt
import time
from pathlib import Path

import pytest

from pipeline.config import Settings
from pipeline.errors import SetupError
from pipeline.evaluation.posology import load, score_lines
from pipeline.extraction.drugs import read_medications
from pipeline.extraction.evidence import document_from_text, text_lines
from pipeline.terminology import Labels, Summary, Terminology, import_bdpm, import_cim10
from pipeline.terminology.names import substance_name, without_laboratory
from pipeline.terminology.strengths import parse_strength, read, written

CIS = (
    "60000001\tPARAGÉSIC 500 mg, comprimé\tcomprimé\torale\tAutorisation active"
    "\tProcédure nationale\tCommercialisée\t01/02/2010\t\t\t LABO\tNon\r\n"
    "60000002\tPARAGÉSIC 1 000 mg, gélule\tgélule\torale\tAutorisation active"
    "\tProcédure nationale\tCommercialisée\t01/02/2010\t\t\t LABO\tNon\r\n"
    "60000003\tPARACÉTAMOL ARROW 500 mg, comprimé\tcomprimé\torale\tAutorisation active"
    "\tProcédure nationale\tCommercialisée\t03/04/2020\t\t\t ARROW\tNon\r\n"
    "60000004\tVIEUXNOM 2 mg, gélule\tgélule\torale\tAutorisation abrogée\tProcédure nationale"
    "\tNon commercialisée\t01/01/1990\t\t\t LABO\tNon\r\n"
    "60000005\tDUO’CIL 500 mg/62,5 mg, comprimé pelliculé\tcomprimé pelliculé\torale"
    "\tAutorisation active\tProcédure nationale\tCommercialisée\t01/01/2990\t\t\t LABO\tNon\r\n"
)
COMPO = (
    "60000001\tcomprimé\t00001\tPARACÉTAMOL\t500 mg\tun comprimé\tSA\t1\r\n"
    "60000002\tgélule\t00001\tPARACÉTAMOL\t1000 mg\tune gélule\tSA\t1\r\n"
    "60000003\tcomprimé\t00001\tPARACÉTAMOL\t500 mg\tun comprimé\tSA\t1\r\n"
    "60000004\tgélule\t00002\tCHLORHYDRATE DE LOPÉRAMIDE\t2 mg\tune gélule\tSA\t1\r\n"
    "60000004\tgélule\t00003\tLOPÉRAMIDE\t\t\tFT\t1\r\n"
    "60000005\tcomprimé\t00004\tAMOXICILLINE\t500 mg\tun comprimé\tFT\t1\r\n"
    "60000005\tcomprimé\t00005\tACIDE CLAVULANIQUE\t62,5 mg\tun comprimé\tFT\t2\r\n"
)
CIP = (
    "60000001\t3000001\tplaquette de 16 comprimés\tPrésentation active"
    "\tDéclaration de commercialisation\t05/06/2021\t3400930000011\toui\t65%\t1,00\t2,00\t1,00\t\n"
    "60000002\t3000002\tplaquette de 8 gélules\tPrésentation active"
    "\tDéclaration de commercialisation\t29/11/2924\t3400930000028\toui\t65%\t1,00\t2,00\t1,00\t\n"
)
MITM = "60000003\tN02BE01\tPARACÉTAMOL ARROW 500 mg\thttp://exemple\r\n60000004\tA07DA\tX\tu\r\n"


@pytest.fixture
def official(tmp_path: Path) -> Path:
    """A folder of official files in small, each in its own encoding."""
    (tmp_path / "CIS_bdpm.txt").write_bytes(CIS.encode("cp1252"))
    (tmp_path / "CIS_COMPO_bdpm.txt").write_bytes(COMPO.encode("cp1252"))
    (tmp_path / "CIS_CIP_bdpm.txt").write_bytes(CIP.encode("utf-8"))
    (tmp_path / "CIS_MITM.txt").write_bytes(MITM.encode("cp1252"))
    return tmp_path


def test_import_in_small(official: Path, tmp_path: Path) -> None:
    store = tmp_path / "store.sqlite"
    summary = import_bdpm(official, store, today=dt.date(2026, 11, 1))
    assert (summary.products, summary.presentations, summary.with_atc) == (5, 2, 3)
    assert summary.as_of == dt.date(2021, 6, 5)  # dates to come are no age of the files
    terminology = Terminology.load(Settings(terminology=store))
    (entry,) = terminology.find("Paragesic")
    assert entry.name == "PARAGESIC"
    assert entry.substances == ("paracetamol",)
    assert entry.atc == ("N02BE01",)
    assert entry.has_strength(parse_strength("1 g"))
    assert entry.has_strength(parse_strength("250 mg")) is False
    products = terminology.products(entry)
    assert {product.cis: product.cip13 for product in products} == {
        "60000001": ("3400930000011",),
        "60000002": ("3400930000028",),
    }


def test_names_of_generics_and_of_withdrawn_medicines(official: Path, tmp_path: Path) -> None:
    store = tmp_path / "store.sqlite"
    import_bdpm(official, store)
    terminology = Terminology.load(Settings(terminology=store))
    generic = next(e for e in terminology.find("paracétamol Arrow") if e.key is not None)
    assert (generic.name, generic.kind) == ("PARACETAMOL", "substance")
    (old,) = terminology.find("VIEUXNOM")
    assert not old.marketed
    assert old.substances == ("loperamide",)
    (duo,) = terminology.find("Duo'cil")
    assert duo.has_strength(parse_strength("500 mg/62,5 mg"))


def test_a_missing_file_is_said_in_french(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="CIS_bdpm"):
        import_bdpm(tmp_path, tmp_path / "store.sqlite")


def test_a_foreign_store_is_refused(tmp_path: Path) -> None:
    store = tmp_path / "store.sqlite"
    store.write_bytes(b"not a database at all, but long enough to look like a file" * 20)
    with pytest.raises(SetupError):
        Terminology.load(Settings(terminology=store))


def test_a_new_import_keeps_the_cim10_labels(official: Path, tmp_path: Path) -> None:
    store = tmp_path / "store.sqlite"
    labels = tmp_path / "cim10.txt"
    labels.write_text("code|libelle\nA000|Choléra à Vibrio\nJ45|Asthme\n", "utf-8")
    import_bdpm(official, store)
    assert import_cim10(labels, store) == 2
    import_bdpm(official, store)
    assert len(Labels.load(Settings(terminology=store))) == 2


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("CHLORHYDRATE DE METFORMINE", "metformine"),
        ("AMOXICILLINE TRIHYDRATÉE", "amoxicilline"),
        ("LÉVOTHYROXINE SODIQUE ANHYDRE", "levothyroxine"),
        ("CHLORURE DE POTASSIUM", "chlorure de potassium"),
        ("BÉSILATE D'AMLODIPINE", "amlodipine"),
        ("MALÉATE D'ÉNALAPRIL", "enalapril"),
        ("PÉRINDOPRIL ARGININE", "perindopril"),
        ("ACIDE FOLIQUE ANHYDRE", "acide folique"),
        ("SODIUM (ALGINATE DE)", "alginate de sodium"),
        ("METFORMINE (CHLORHYDRATE DE)", "metformine"),
        ("(S)-MALATE DE CABOZANTINIB", "cabozantinib"),
    ],
)
def test_substance_names(raw: str, name: str) -> None:
    assert substance_name(raw) == name


@pytest.mark.parametrize(
    ("label", "strength"),
    [
        ("500 mg, comprimé", "500 mg"),
        ("1 g/125 mg ADULTES, poudre", "1000 mg/125 mg"),
        ("100 microgrammes/dose, suspension", "0.1 mg"),
        ("6 000 UI anti-Xa/0,6 ml, solution injectable", "6000 UI"),
        ("0,05 %, crème", "0.05 %"),
        ("10 mg/20 mg, comprimé", "10 mg/20 mg"),
        ("75 microgrammes, comprimé sécable", "0.075 mg"),
        ("comprimé pelliculé", ""),
    ],
)
def test_strengths_of_labels(label: str, strength: str) -> None:
    assert written(parse_strength(label)) == strength
    if strength:
        assert written(read(strength)) == strength


def test_laboratories_are_no_part_of_a_name() -> None:
    assert without_laboratory("amoxicilline acide clavulanique biogaran") == (
        "amoxicilline acide clavulanique"
    )
    assert without_laboratory("arrow") == "arrow"


def test_the_real_files(official_store: Path, official_summary: Summary) -> None:
    store, summary = official_store, official_summary
    assert summary.products == 15_848
    assert summary.presentations > 20_000
    assert summary.with_atc / summary.products > 0.65
    assert store.stat().st_size < 12_000_000
    begin = time.process_time()
    terminology = Terminology.load(Settings(terminology=store))
    assert time.process_time() - begin < 2
    for name, atc in (
        ("DOLIPRANE", "N02BE01"),
        ("Lévothyrox", "H03AA01"),
        ("amoxicilline", "J01CA04"),
        ("XATRAL LP", "G04CA01"),
        ("Imodium", "A07DA03"),
    ):
        assert atc in terminology.find(name)[0].atc
    assert terminology.find("") == ()
    assert terminology.find("mot qui n'est dans aucune liste") == ()
    assert all(len(name) > 2 for name in terminology.names)
    augmentin = terminology.find("augmentin")[0]
    labels = [product.label for product in terminology.products(augmentin)]
    assert any("500 mg/62,5 mg" in label for label in labels)
    assert all(product.cis.isdecimal() for product in terminology.products(augmentin))


def test_real_dosage_lines_read_as_well_with_the_official_files(
    shared_dir: Path, official_store: Path
) -> None:
    lines = load(shared_dir / "clinical-text" / "posology_dev.jsonl")
    score = score_lines(lines, Settings(terminology=official_store))
    assert score.line_accuracy >= 0.95, score.mistakes
    assert score.sure_and_wrong <= 1, score.mistakes


def test_a_product_has_its_codes_when_name_strength_and_form_leave_only_one(
    official_store: Path,
) -> None:
    settings = Settings(terminology=official_store)

    def systems(line: str) -> set[str]:
        rows = text_lines(document_from_text(line))
        (medication,) = read_medications(rows, settings, prescription=True)
        assert medication.drug.value is not None
        return {coding.system for coding in medication.drug.value.codings}

    specialty = "https://smt.esante.gouv.fr/terminologie-bdpm"
    assert specialty in systems("KARDEGIC 75 mg 1 sachet/j")
    assert specialty not in systems("KARDEGIC 1 sachet/j")
    assert specialty not in systems("PARACETAMOL 500 mg 1 cp x 3/j")
    assert "http://www.whocc.no/atc" in systems("PARACETAMOL 500 mg 1 cp x 3/j")
