"""Papers of every kind as text, whose drafts are made by the whole extraction and not by hand."""

from __future__ import annotations

from typing import Any

from pipeline.config import Settings
from pipeline.extraction.evidence import document_from_text
from pipeline.model import DocumentKind
from pipeline.runner import draft_from_document

HEAD = """Dr Alix ROY
Médecine générale
12 place du Marché, 00000 Villefictive
RPPS 10990000001
Le 12/11/2026
"""

PAPERS: dict[DocumentKind, str] = {
    DocumentKind.PRESCRIPTION: f"""{HEAD}ORDONNANCE
Mme LEFÈVRE Zoé née le 25/12/1974
AMLODIPINE 5 mg gél : 1 le matin, QSP 3 mois, non substituable (MTE)
DOLIPRANE 1000 mg cp : 1 cp si douleur, max 3 par jour, espacer de 6 h
PREDNISOLONE 20 mg : 40 mg pendant 3 jours puis 20 mg pendant 3 jours
AR 2
""",
    DocumentKind.PRESCRIPTION_BIZONE: f"""{HEAD}ORDONNANCE BIZONE
M. MARTIN Luc né le 02/03/1951
Prescriptions relatives au traitement de l'affection de longue durée reconnue
METFORMINE 1000 mg : 1 cp matin et soir QSP 3 mois
Prescriptions SANS RAPPORT avec l'affection de longue durée
PARACETAMOL 1 g : 1 cp 3 fois par jour pendant 5 jours
""",
    DocumentKind.CONSULTATION: f"""{HEAD}CONSULTATION
Mme LEFÈVRE Zoé née le 25/12/1974
Motif : toux depuis 3 jours
Antécédents : HTA, appendicectomie 1998, pas de diabète
Antécédents familiaux : pas de diabète, père : IDM
Allergies : pénicilline (urticaire)
Examen : TA 13/8, FC 78, T° 38,2, SpO2 97 %, P 72,5 kg, T 1m72
Conclusion : suspicion de pneumopathie
Traitement : AMOXICILLINE 1 g 3 fois par jour pendant 7 jours
Arrêt de l'IBUPROFENE
Radio de thorax. NFS, CRP. Revoir dans 8 jours
""",
    DocumentKind.PREGNANCY: f"""{HEAD}SUIVI DE GROSSESSE
Mme BERNARD Maëlle née le 09/04/1996
G2P1 DDR 15/06/2026 terme 21 SA
TA 11/7 P 63 kg HU 20 cm BDC + MAF + BU : prot 0 sucre 0
Pas d'allergie connue
Prochain RDV le 10/12/2026
""",
    DocumentKind.TEST_REQUEST: f"""{HEAD}Faire pratiquer
Mme LEFÈVRE Zoé née le 25/12/1974
Radiographie du genou gauche face et profil
Échographie abdominale
""",
    DocumentKind.CERTIFICATE: f"""{HEAD}CERTIFICAT MÉDICAL
Je soussigné certifie que M. MARTIN Luc né le 02/03/1951
doit bénéficier d'un arrêt de travail du 12/11/2026 au 16/11/2026
""",
}


def draft_of(kind: DocumentKind) -> dict[str, Any]:
    """The draft Bundle that the whole extraction makes of a paper of this kind."""
    text = PAPERS[kind]
    return draft_from_document(document_from_text(text), text.encode(), Settings()).bundle
