"""What all workers need, loaded once: the process that forks them imports this module and waits.

Nothing here may start a thread: a fork has none of those of its parent, but the locks they held.
The networks' runtime does, and is left to each worker.
"""

from __future__ import annotations

from contextlib import suppress

from pipeline.errors import RepriseError
from pipeline.loading import many_modules

with many_modules():
    import distributed.nanny
    import distributed.versions
    import distributed.worker

    from pipeline import tasks  # noqa: F401
    from pipeline.config import Settings
    from pipeline.extraction.evidence import document_from_text
    from pipeline.fhir import serialising  # noqa: F401
    from pipeline.results import READING_ROOMS, code_version
    from pipeline.runner import draft_from_document

    # Vocabularies and the models of resources are loaded where they are first used.
    _TEXT = """\
Docteur Anne MODÈLE
Médecin généraliste - RPPS 10990000001

Le 2 mars 2026
Mme Jeanne MODÈLE, née le 1er janvier 1950

Allergie à la pénicilline. Hypertension artérielle.
TA 130/80, poids 62 kg.
Paracétamol 1 g : 1 comprimé 3 fois par jour pendant 5 jours
Faire pratiquer une NFS.
Prochain rendez-vous dans 3 mois.
"""
    with suppress(RepriseError):  # the page that meets it will say it
        draft_from_document(document_from_text(_TEXT), _TEXT.encode(), Settings())
    code_version(*READING_ROOMS)
    distributed.versions.get_versions()
