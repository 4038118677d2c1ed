"""Canonical URIs and code tables that our resources use.

Sources: HL7 FHIR R4 (4.0.1), FR Core 2.2.0, AI Transparency on FHIR (1.0.0), the ANS code lists
(NOS, SMT) and LOINC. Everything under `BASE` is our own and described in `schemas/fhir`.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from pipeline.model import Certainty, DocumentKind, OrderKind

# --- our own --------------------------------------------------------------------------------

BASE: Final = "https://reprise.example/fhir"
EVIDENCE: Final = f"{BASE}/StructureDefinition/evidence"
ALTERNATIVE: Final = f"{BASE}/StructureDefinition/alternative"
DECISION: Final = f"{BASE}/StructureDefinition/decision"
CERTAINTY: Final = f"{BASE}/StructureDefinition/certainty"
MEDICATION_ACTION: Final = f"{BASE}/StructureDefinition/medication-action"
DOSAGE_DETAIL: Final = f"{BASE}/StructureDefinition/dosage-detail"
PAGES: Final = f"{BASE}/StructureDefinition/pages"
DRAFT_BUNDLE: Final = f"{BASE}/StructureDefinition/draft-bundle"
VALIDATED_BUNDLE: Final = f"{BASE}/StructureDefinition/validated-bundle"

DOCUMENT_KIND: Final = f"{BASE}/CodeSystem/document-kind"
ORDER_KIND: Final = f"{BASE}/CodeSystem/order-kind"
CERTIFICATE: Final = f"{BASE}/CodeSystem/certificate"
MEASUREMENT: Final = f"{BASE}/CodeSystem/measurement"
SUBSTITUTION_REASON: Final = f"{BASE}/CodeSystem/substitution-reason"

# Naming systems of identifiers. Their values are never a UUID, so that no server can take one
# for the fullUrl of an entry.
SCAN_NAMES: Final = f"{BASE}/NamingSystem/scan"
DOCUMENT_NAMES: Final = f"{BASE}/NamingSystem/document"
ENTITY_NAMES: Final = f"{BASE}/NamingSystem/entity"
SOFTWARE_NAMES: Final = f"{BASE}/NamingSystem/software"
PRACTICE_NAMES: Final = f"{BASE}/NamingSystem/practice"
LOCAL_PATIENT_NAMES: Final = f"{BASE}/NamingSystem/local-patient"

# --- HL7 ------------------------------------------------------------------------------------

ORIGINAL_TEXT: Final = "http://hl7.org/fhir/StructureDefinition/originalText"
DERIVATION: Final = "http://hl7.org/fhir/StructureDefinition/derivation-reference"
ABSENT: Final = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
TARGET_PATH: Final = "http://hl7.org/fhir/StructureDefinition/targetPath"
TERMINOLOGY: Final = "http://terminology.hl7.org/CodeSystem"
ABSENT_REASON: Final = f"{TERMINOLOGY}/data-absent-reason"
UCUM: Final = "http://unitsofmeasure.org"
LOINC: Final = "http://loinc.org"
SNOMED: Final = "http://snomed.info/sct"
EDQM: Final = "http://standardterms.edqm.eu"
URI: Final = "urn:ietf:rfc:3986"

INLINE_LABEL: Final = (
    "http://hl7.org/fhir/uv/security-label-ds4p/StructureDefinition/extension-inline-sec-label"
)

AI: Final = "http://hl7.org/fhir/uv/aitransparency"
AI_CONFIDENCE: Final = f"{AI}/StructureDefinition/AIconfidence"
AI_KIND: Final = f"{AI}/StructureDefinition/aitransparency.AIKind"
AI_DEVICE: Final = f"{AI}/StructureDefinition/AI-Device"
AI_PROVENANCE: Final = f"{AI}/StructureDefinition/AI-Provenance"
AI_DEVICE_TYPE: Final = f"{AI}/CodeSystem/AIdeviceTypeCS"

# --- France ---------------------------------------------------------------------------------

FR_CORE: Final = "https://hl7.fr/ig/fhir/core/StructureDefinition"
FR_CORE_CODES: Final = "https://hl7.fr/ig/fhir/core/CodeSystem"
BIRTH_PLACE: Final = "http://hl7.org/fhir/StructureDefinition/patient-birthPlace"
INSEE_CODE: Final = f"{FR_CORE}/fr-core-address-insee-code"
COMMUNES: Final = "https://mos.esante.gouv.fr/NOS/TRE_R13-CommuneOM/FHIR/TRE-R13-CommuneOM"
IDENTITY_RELIABILITY: Final = f"{FR_CORE}/fr-core-identity-reliability"
IDENTITY_STATUS: Final = f"{FR_CORE_CODES}/fr-core-cs-v2-0445"
NIR: Final = "urn:oid:1.2.250.1.213.1.4.13"
# A number given while one waits for the definitive one: it begins with 7 or 8.
NIA: Final = "urn:oid:1.2.250.1.213.1.4.14"
SOCIAL_SECURITY: Final = frozenset({NIR, NIA})
INS: Final = frozenset(f"urn:oid:1.2.250.1.213.1.4.{arc}" for arc in (8, 9, 10, 11))
RPPS: Final = "https://rpps.esante.gouv.fr"
AMELI: Final = "https://www.ameli.fr"
FINESS: Final = "https://finess.esante.gouv.fr"
NOS: Final = "https://mos.esante.gouv.fr/NOS"
DOCUMENT_CLASS: Final = f"{NOS}/TRE_A03-ClasseDocument/FHIR/TRE-A03-ClasseDocument"
DOCUMENT_FORMAT: Final = f"{NOS}/TRE_A11-IheFormatCode/FHIR/TRE-A11-IheFormatCode"
SECTOR: Final = f"{NOS}/TRE_R02-SecteurActivite/FHIR/TRE-R02-SecteurActivite"
SETTING: Final = f"{NOS}/TRE_A01-CadreExercice/FHIR/TRE-A01-CadreExercice"
CISIS: Final = "https://smt.esante.gouv.fr/fhir/CodeSystem/terminologie-cisis"
LONG_TERM_CONDITION: Final = "MED-574"


def social_security(number: str) -> str:
    """The naming system of a social security number."""
    return NIA if number.lstrip()[:1] in ("7", "8") else NIR


# Kind of paper → (LOINC code, its French display, document class, class display, title).
DOCUMENT_TYPES: Final = MappingProxyType(
    {
        DocumentKind.PRESCRIPTION: (
            "57833-6", "Prescription de produits de santé", "42", "Prescription", "Ordonnance",
        ),
        DocumentKind.PRESCRIPTION_BIZONE: (
            "57833-6", "Prescription de produits de santé", "42", "Prescription",
            "Ordonnance bizone",
        ),
        DocumentKind.CONSULTATION: (
            "11488-4", "CR ou fiche de consultation ou de visite", "10", "Compte rendu",
            "Note de consultation",
        ),
        DocumentKind.PREGNANCY: (
            "57055-6", "Antepartum summary note", "10", "Compte rendu", "Suivi de grossesse",
        ),
        DocumentKind.TEST_REQUEST: (
            "57832-8", "Prescription de soins", "42", "Prescription", "Demande d'examens",
        ),
        DocumentKind.CERTIFICATE: (
            "89601-9", "Certificat", "52", "Certificat", "Certificat",
        ),
    }
)  # fmt: skip

# A request for one sort of thing only has a more precise type: (LOINC code, display).
REQUEST_TYPES: Final = MappingProxyType(
    {
        OrderKind.IMAGING: ("55115-0", "Demande d'imagerie"),
        OrderKind.REFERRAL: ("96349-6", "Lettre d'adressage"),
    }
)

# What people read before a statement that the note does not affirm.
CERTAINTY_WORDS: Final = MappingProxyType(
    {Certainty.HYPOTHESIS: "Hypothèse", Certainty.NEGATED: "Nié"}
)

PAST: Final = "Antécédent"

# Formats of the document-sharing guides; other media types go without one.
DOCUMENT_FORMATS: Final = MappingProxyType(
    {
        "application/pdf": "urn:ihe:iti:xds-sd:pdf:2008",
        "image/jpeg": "urn:ihe:iti-fr:xds-sd:jpeg:2010",
        "image/tiff": "urn:ihe:iti-fr:xds-sd:tiff:2010",
    }
)

# Vital signs: LOINC code → (HL7 R4 profile, FR Core profile).
VITAL_SIGNS: Final = MappingProxyType(
    {
        "85354-9": ("bp", "bp"),
        "29463-7": ("bodyweight", "body-weight"),
        "8302-2": ("bodyheight", "body-height"),
        "8867-4": ("heartrate", "heartrate"),
        "9279-1": ("resprate", "resp-rate"),
        "8310-5": ("bodytemp", "body-temperature"),
        "39156-5": ("bmi", "bmi"),
        "9843-4": ("headcircum", "head-circum"),
        "2708-6": ("oxygensat", "saturation-oxygen"),
    }
)
BLOOD_PRESSURE: Final = "85354-9"
BODY_MASS_INDEX: Final = "39156-5"
SYSTOLIC: Final = "8480-6"
DIASTOLIC: Final = "8462-4"

# Codes that a profile wants beside a more precise one: pulse oximetry is oxygen saturation.
BROADER: Final = MappingProxyType({"59408-5": ("2708-6", "Oxygen saturation in Arterial blood")})

# Units a vital sign may have, by LOINC code (value sets of the R4 vital sign profiles).
VITAL_SIGN_UNITS: Final = MappingProxyType(
    {
        SYSTOLIC: frozenset({"mm[Hg]"}),
        DIASTOLIC: frozenset({"mm[Hg]"}),
        "29463-7": frozenset({"kg", "g", "[lb_av]"}),
        "8302-2": frozenset({"cm", "[in_i]"}),
        "8867-4": frozenset({"/min"}),
        "9279-1": frozenset({"/min"}),
        "8310-5": frozenset({"Cel", "[degF]"}),
        "39156-5": frozenset({"kg/m2"}),
        "9843-4": frozenset({"cm", "[in_i]"}),
        "2708-6": frozenset({"%"}),
        "59408-5": frozenset({"%"}),
    }
)

# Units of doses that have an EDQM code of a unit of presentation.
EDQM_UNITS: Final = MappingProxyType({"comprimé": "15054000", "gélule": "15012000"})

ORDER_TITLES: Final = MappingProxyType(
    {
        OrderKind.LABORATORY: "Biologie médicale",
        OrderKind.IMAGING: "Imagerie",
        OrderKind.PHYSIOTHERAPY: "Kinésithérapie",
        OrderKind.NURSING: "Soins infirmiers",
        OrderKind.REFERRAL: "Avis d'un confrère",
        OrderKind.OTHER: "Autre demande",
    }
)
FOLLOW_UP: Final = ("follow-up", "Prochain rendez-vous")

CERTIFICATE_TITLES: Final = MappingProxyType(
    {
        "sick-leave": "Arrêt de travail",
        "sport": "Certificat pour le sport",
        "presence": "Certificat de présence",
        "pregnancy": "Déclaration de grossesse",
        "other": "Certificat médical",
    }
)
CERTIFICATE_START: Final = ("start", "Premier jour")
CERTIFICATE_END: Final = ("end", "Dernier jour")

# Measurements that no LOINC code is sure for.
MEASUREMENTS: Final = MappingProxyType(
    {
        "cervix-dilation": "Dilatation du col",
        "visual-acuity": "Acuité visuelle",
        "fev1-percent": "VEMS mesuré sur théorique",
    }
)

SUBSTITUTION_REASONS: Final = MappingProxyType(
    {
        "MTE": "Marge thérapeutique étroite",
        "EFG": "Enfant de moins de six ans sans forme galénique adaptée",
        "CIF": "Contre-indication formelle à un excipient à effet notoire",
    }
)
