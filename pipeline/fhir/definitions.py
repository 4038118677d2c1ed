"""Our own FHIR conformance resources, made from the constants that the code itself uses.

Profiles of the draft and the validated Bundle, the extensions, code systems, value sets and
naming systems, what a target server must be able to do, and short forms of the definitions of
others that no validator has offline. `schemas.publish` writes them to `schemas/fhir`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pipeline.fhir import systems
from pipeline.fhir.elements import Json
from pipeline.model import (
    Certainty,
    DecisionAction,
    DocumentKind,
    MedicationAction,
    State,
)

FHIR_VERSION = "4.0.1"
VERSION = "1.0.0"
DATE = "2026-11-23"

_STATES = {
    State.SURE: "Sûre : pré-remplie, montrée sans insister",
    State.DOUBTFUL: "Douteuse : pré-remplie, à vérifier sur le papier",
    State.UNREAD: "Non lue : seule la zone est montrée, rien n'est inventé",
}
_ACTIONS = {
    DecisionAction.CONFIRM: "La valeur lue est juste",
    DecisionAction.CORRECT: "La valeur est remplacée",
    DecisionAction.REJECT: "La valeur est retirée",
    DecisionAction.ADD: "La valeur manquait et est ajoutée",
}
_CERTAINTIES = {
    Certainty.CONFIRMED: "Affirmé par la note",
    Certainty.HYPOTHESIS: "Hypothèse de la note",
    Certainty.NEGATED: "Nié par la note",
}
_MEDICATION_ACTIONS = {
    MedicationAction.START: "Prescrit ou renouvelé",
    MedicationAction.CONTINUE: "À poursuivre",
    MedicationAction.STOP: "À arrêter",
    MedicationAction.SWITCH: "En remplacement d'un autre",
}


def definitions() -> dict[str, Json]:
    """All conformance resources by file name (`StructureDefinition-evidence.json` …)."""
    made = [
        *_extensions(),
        *_profiles(),
        *_dependencies(),
        *_terminology(),
        *_naming_systems(),
        capability_statement(),
    ]
    return {f"{one['resourceType']}-{one['id']}.json": one for one in made}


def _described(kind: str, name: str, title: str, description: str) -> Json:
    return {
        "resourceType": kind,
        "id": name,
        "url": f"{systems.BASE}/{kind}/{name}",
        "version": VERSION,
        "name": "".join(part.capitalize() for part in name.split("-")),
        "title": title,
        "status": "active",
        "date": DATE,
        "publisher": "Reprise",
        "description": description,
    }


# --- extensions -----------------------------------------------------------------------------

# name, lowest and highest number, type of the value, required value set if any
Part = tuple[str, int, str, str, str | None]


def _extension(
    name: str, title: str, description: str, contexts: Sequence[str], elements: Sequence[Json]
) -> Json:
    return {
        **_described("StructureDefinition", name, title, description),
        "fhirVersion": FHIR_VERSION,
        "kind": "complex-type",
        "abstract": False,
        "context": [{"type": "element", "expression": context} for context in contexts],
        "type": "Extension",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Extension",
        "derivation": "constraint",
        "differential": {
            "element": [
                {"id": "Extension", "path": "Extension", "short": title,
                 "definition": description, "min": 0, "max": "*"},
                *elements,
            ]
        },
    }  # fmt: skip


def _binding(name: str) -> Json:
    return {"strength": "required", "valueSet": f"{systems.BASE}/ValueSet/{name}"}


def _simple(url: str, types: Sequence[str], value_set: str | None = None) -> list[Json]:
    """Elements of an extension with one value."""
    value: Json = {
        "id": "Extension.value[x]",
        "path": "Extension.value[x]",
        "min": 1,
        "max": "1",
        **({"type": [{"code": code} for code in types]} if types else {}),
    }
    if value_set is not None:
        value["binding"] = _binding(value_set)
    return [
        {"id": "Extension.extension", "path": "Extension.extension", "max": "0"},
        {"id": "Extension.url", "path": "Extension.url", "fixedUri": url},
        value,
    ]


def _complex(url: str, parts: Sequence[Part]) -> list[Json]:
    """Elements of an extension with named parts, each a slice by its url."""
    required = sum(low for _, low, _, _, _ in parts)
    elements: list[Json] = [
        {
            "id": "Extension.extension",
            "path": "Extension.extension",
            "slicing": {
                "discriminator": [{"type": "value", "path": "url"}],
                "ordered": False,
                "rules": "closed",
            },
            "min": required,
        }
    ]
    for name, low, high, kind, value_set in parts:
        at = f"Extension.extension:{name}"
        value: Json = {
            "id": f"{at}.value[x]",
            "path": "Extension.extension.value[x]",
            "min": 1,
            "type": [{"code": kind}],
        }
        if value_set is not None:
            value["binding"] = _binding(value_set)
        elements += [
            {"id": at, "path": "Extension.extension", "sliceName": name, "min": low, "max": high},
            {"id": f"{at}.extension", "path": "Extension.extension.extension", "max": "0"},
            {"id": f"{at}.url", "path": "Extension.extension.url", "fixedUri": name},
            value,
        ]
    return [
        *elements,
        {"id": "Extension.url", "path": "Extension.url", "fixedUri": url},
        {"id": "Extension.value[x]", "path": "Extension.value[x]", "max": "0"},
    ]


def _extensions() -> Iterator[Json]:
    evidence = _extension(
        "evidence",
        "Preuve d'une valeur lue",
        "Où une valeur a été lue sur le papier, par quoi, et ce qu'une personne doit en faire.",
        ["Element"],
        _complex(
            systems.EVIDENCE,
            [
                ("state", 1, "1", "code", "evidence-state"),
                ("confidence", 1, "1", "decimal", None),
                ("page", 1, "1", "positiveInt", None),
                ("region", 1, "1", "string", None),
                ("text", 0, "1", "string", None),
                ("engine", 0, "1", "string", None),
                ("rule", 0, "1", "string", None),
                ("reason", 0, "*", "string", None),
            ],
        ),
    )
    evidence["differential"]["element"][0]["constraint"] = [
        _invariant(
            "evidence-1",
            "La confiance est une probabilité.",
            "extension.where(url = 'confidence').value.all($this >= 0 and $this <= 1)",
        ),
        _invariant(
            "evidence-2",
            "La région est un rectangle en pourcentages de la page.",
            "extension.where(url = 'region').value.all("
            "$this.matches('^xywh=percent:[0-9.]+,[0-9.]+,[0-9.]+,[0-9.]+$'))",
        ),
    ]
    yield evidence
    yield _extension(
        "alternative",
        "Autre lecture possible",
        "Une autre lecture de la même encre, la plus probable d'abord.",
        ["Element"],
        _simple(systems.ALTERNATIVE, []),
    )
    yield _extension(
        "decision",
        "Décision d'une personne",
        "Qui a confirmé, corrigé ou ajouté une valeur, quand et pourquoi.",
        ["Element"],
        _complex(
            systems.DECISION,
            [
                ("action", 1, "1", "code", "decision-action"),
                ("who", 1, "1", "string", None),
                ("when", 1, "1", "dateTime", None),
                ("why", 0, "1", "string", None),
            ],
        ),
    )
    yield _extension(
        "certainty",
        "Certitude selon la note",
        "Ce que la note dit elle-même de sa certitude ; la validation ne la change jamais.",
        [
            "Condition.verificationStatus",
            "AllergyIntolerance.verificationStatus",
            "FamilyMemberHistory.condition",
        ],
        _simple(systems.CERTAINTY, ["code"], "certainty"),
    )
    yield _extension(
        "medication-action",
        "Ce que demande la ligne",
        "Prescrire, poursuivre, arrêter ou remplacer un médicament.",
        ["MedicationRequest"],
        _simple(systems.MEDICATION_ACTION, ["code"], "medication-action"),
    )
    yield _extension(
        "dosage-detail",
        "Précisions de posologie",
        "Ce que la posologie dit et qu'aucun élément de Dosage ne peut porter.",
        ["Dosage"],
        _complex(
            systems.DOSAGE_DETAIL,
            [
                ("condition", 0, "1", "string", None),
                ("cycle", 0, "1", "string", None),
                ("event", 0, "1", "string", None),
                ("boundsText", 0, "1", "string", None),
                ("startDay", 0, "1", "integer", None),
                ("minInterval", 0, "1", "Duration", None),
            ],
        ),
    )
    yield _extension(
        "pages",
        "Pages du fichier numérisé",
        "Les pages du fichier source dont le document est fait.",
        ["Attachment"],
        _complex(
            systems.PAGES,
            [
                ("first", 1, "1", "positiveInt", None),
                ("last", 1, "1", "positiveInt", None),
                ("page", 1, "*", "positiveInt", None),
            ],
        ),
    )


# --- profiles of the Bundle -----------------------------------------------------------------


def _invariant(key: str, human: str, expression: str) -> Json:
    return {"key": key, "severity": "error", "human": human, "expression": expression}


# 97 − (number mod 97); in Corsica 2A counts as 19 and 2B as 18. The key is read after a 1, since
# a number does not start with a zero.
_SURE_NIR_KEYS = (
    f"entry.resource.ofType(Patient).identifier.where((system = '{systems.NIR}' or "
    f"system = '{systems.NIA}') and "
    f"extension.where(url = '{systems.EVIDENCE}').extension.where(url = 'state')"
    ".value.where($this.toString() != 'sure').empty()).value.all("
    "$this.matches('^[1-478][0-9]{4}([0-9]{2}|2[AB])[0-9]{8}$') and "
    "97 - ($this.substring(0, 13).replace('2A', '19').replace('2B', '18').toDecimal() mod 97)"
    " + 100 = ('1' & $this.substring(13, 2)).toDecimal())"
)


# Numbers that a person has still to look at are not held against a draft.
_TRUSTED = (
    f"where(extension.where(url = '{systems.EVIDENCE}').extension.where(url = 'state')"
    ".value.all($this.toString() = 'sure'))"
)
_SHARED_INVARIANTS = (
    (
        "rpps",
        "Un numéro RPPS a onze chiffres.",
        f"entry.resource.ofType(Practitioner).identifier.where(system = '{systems.RPPS}')"
        f".{_TRUSTED}.value.all($this.matches('^[0-9]{{11}}$'))",
    ),
    (
        "ins",
        "Une identité lue sur papier ne porte pas d'INS.",
        "entry.resource.ofType(Patient).identifier.system.all("
        + " and ".join(f"$this != '{system}'" for system in sorted(systems.INS))
        + ")",
    ),
    (
        "provenance",
        "Un document dit d'où il vient.",
        "entry.resource.ofType(Provenance).exists()",
    ),
)


def _bundle(name: str, title: str, description: str, invariants: Sequence[Json]) -> Json:
    one_of_each = [
        _invariant(
            f"{name}-one-{kind.lower()}",
            f"Un document a exactement une ressource {kind}.",
            f"entry.resource.ofType({kind}).count() = 1",
        )
        for kind in ("Patient", "Encounter", "DocumentReference", "Composition")
    ]
    sound = [
        _invariant(
            f"{name}-references",
            "Une référence urn:uuid mène à une ressource du même document.",
            "entry.resource.descendants().reference.where(startsWith('urn:uuid:'))"
            ".subsetOf(entry.fullUrl)",
        ),
        _invariant(
            f"{name}-nir",
            "Un numéro de sécurité sociale sûr a une clé juste.",
            _SURE_NIR_KEYS,
        ),
        *(
            _invariant(f"{name}-{key}", human, expression)
            for key, human, expression in _SHARED_INVARIANTS
        ),
    ]
    return {
        **_described("StructureDefinition", name, title, description),
        "fhirVersion": FHIR_VERSION,
        "kind": "resource",
        "abstract": False,
        "type": "Bundle",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Bundle",
        "derivation": "constraint",
        "differential": {
            "element": [
                {
                    "id": "Bundle",
                    "path": "Bundle",
                    "constraint": [*one_of_each, *sound, *invariants],
                },
                {"id": "Bundle.identifier", "path": "Bundle.identifier", "min": 1},
                {"id": "Bundle.type", "path": "Bundle.type", "fixedCode": "transaction"},
                {"id": "Bundle.timestamp", "path": "Bundle.timestamp", "min": 1},
                {"id": "Bundle.entry", "path": "Bundle.entry", "min": 1},
                {"id": "Bundle.entry.fullUrl", "path": "Bundle.entry.fullUrl", "min": 1},
                {"id": "Bundle.entry.resource", "path": "Bundle.entry.resource", "min": 1},
                {"id": "Bundle.entry.request", "path": "Bundle.entry.request", "min": 1},
            ]
        },
    }


def _profiles() -> Iterator[Json]:
    statuses = (
        ("Observation", "preliminary"),
        ("Composition", "preliminary"),
        ("MedicationRequest", "draft"),
        ("ServiceRequest", "draft"),
    )
    yield _bundle(
        "draft-bundle",
        "Brouillon d'un document papier",
        "Ce qui a été lu d'un document papier, avant toute relecture. Les statuts disent "
        "brouillon, chaque valeur lue porte sa preuve.",
        [
            _invariant(
                f"draft-{kind.lower()}",
                f"Dans un brouillon, {kind} a le statut {status}.",
                f"entry.resource.ofType({kind}).all(status = '{status}')",
            )
            for kind, status in statuses
        ],
    )
    yield _bundle(
        "validated-bundle",
        "Document papier validé",
        "Un document relu : plus rien n'est douteux, une personne l'a vérifié. Les certitudes "
        "restent celles de la note.",
        [
            *(
                _invariant(
                    f"validated-{kind.lower()}",
                    f"Dans un document validé, {kind} n'a plus le statut {status}.",
                    f"entry.resource.ofType({kind}).all(status != '{status}')",
                )
                for kind, status in statuses
            ),
            _invariant(
                "validated-decided",
                "Dans un document validé, aucune valeur n'est douteuse ou non lue.",
                "entry.resource.descendants().where(url = 'state').value"
                ".all($this.toString() = 'sure')",
            ),
            _invariant(
                "validated-verified",
                "Un document validé dit qui l'a vérifié.",
                "entry.resource.ofType(Provenance).agent.type.coding.where("
                "code = 'verifier').exists()",
            ),
        ],
    )


# --- definitions of others ------------------------------------------------------------------


def _foreign(resource: Json, url: str, source: str) -> Json:
    """A short form of a definition that others own, under their URL."""
    note = f"Forme abrégée, pour valider sans réseau, d'une définition de : {source}."
    return {**resource, "url": url, "status": "draft", "publisher": source, "description": note}


_AI_GUIDE = "AI Transparency on FHIR 1.0.0-current (HL7, CC0-1.0)"
_EXTENSIONS_PACK = "FHIR Extensions Pack 5.2.0 (HL7, CC0-1.0)"


def _dependencies() -> Iterator[Json]:
    yield _foreign(
        _extension(
            "AIconfidence", "AI confidence", "", ["Element"],
            _simple(
                systems.AI_CONFIDENCE,
                ["decimal", "Quantity", "Range", "CodeableConcept", "string"],
            ),
        ),
        systems.AI_CONFIDENCE, _AI_GUIDE,
    )  # fmt: skip
    yield _foreign(
        _extension(
            "AIKind", "Kind of AI", "", ["Device"], _simple(systems.AI_KIND, ["CodeableConcept"])
        ),
        systems.AI_KIND, _AI_GUIDE,
    )  # fmt: skip
    yield _foreign(
        _extension(
            "targetPath", "Path of the target element", "", ["Provenance.target"],
            _simple(systems.TARGET_PATH, ["string"]),
        ),
        systems.TARGET_PATH, _EXTENSIONS_PACK,
    )  # fmt: skip
    yield _foreign(
        _extension(
            "derivation-reference", "Source the element was derived from", "", ["Element"],
            _complex(
                systems.DERIVATION,
                [
                    ("reference", 0, "1", "Reference", None),
                    ("path", 0, "1", "string", None),
                    ("offset", 0, "1", "integer", None),
                    ("length", 0, "1", "integer", None),
                ],
            ),
        ),
        systems.DERIVATION, _EXTENSIONS_PACK,
    )  # fmt: skip
    artificial = {"coding": [{"system": systems.AI_DEVICE_TYPE, "code": "Artificial-Intelligence"}]}
    yield _foreign(
        _profile("AI-Device", "Device", [
            {"id": "Device.type", "path": "Device.type", "min": 1,
             "patternCodeableConcept": artificial},
        ]),
        systems.AI_DEVICE, _AI_GUIDE,
    )  # fmt: skip
    yield _foreign(
        _profile("AI-Provenance", "Provenance", [
            {"id": "Provenance", "path": "Provenance", "constraint": [
                _invariant(
                    "ai-provenance-agent", "An AI took part.",
                    "agent.where(role.coding.where(system = "
                    f"'{systems.AI_DEVICE_TYPE}' and code = 'Artificial-Intelligence').exists()"
                    " and type.exists()).exists()",
                ),
                _invariant(
                    "ai-provenance-reason", "The reason says that an AI asserted it.",
                    "reason.coding.where(code = 'AIAST').exists()",
                ),
            ]},
            {"id": "Provenance.reason", "path": "Provenance.reason", "min": 1},
        ]),
        systems.AI_PROVENANCE, _AI_GUIDE,
    )  # fmt: skip


def _profile(name: str, kind: str, elements: Sequence[Json]) -> Json:
    return {
        **_described("StructureDefinition", name, name, ""),
        "fhirVersion": FHIR_VERSION,
        "kind": "resource",
        "abstract": False,
        "type": kind,
        "baseDefinition": f"http://hl7.org/fhir/StructureDefinition/{kind}",
        "derivation": "constraint",
        "differential": {"element": list(elements)},
    }


# --- terminology ----------------------------------------------------------------------------


def _code_system(name: str, title: str, concepts: Mapping[str, str]) -> tuple[Json, Json]:
    """A code system and the value set of all its codes."""
    system = {
        **_described("CodeSystem", name, title, title),
        "caseSensitive": True,
        "valueSet": f"{systems.BASE}/ValueSet/{name}",
        "content": "complete",
        "count": len(concepts),
        "concept": [{"code": str(code), "display": text} for code, text in concepts.items()],
    }
    value_set = {
        **_described("ValueSet", name, title, title),
        "compose": {"include": [{"system": system["url"]}]},
    }
    return system, value_set


def _terminology() -> Iterator[Json]:
    kinds = {kind.value: systems.DOCUMENT_TYPES[kind][4] for kind in DocumentKind}
    orders = {kind.value: title for kind, title in systems.ORDER_TITLES.items()}
    days = dict((systems.CERTIFICATE_START, systems.CERTIFICATE_END))
    for name, title, concepts in (
        ("evidence-state", "État d'une valeur lue", _STATES),
        ("decision-action", "Décision sur une valeur", _ACTIONS),
        ("certainty", "Certitude selon la note", _CERTAINTIES),
        ("medication-action", "Demande d'une ligne de prescription", _MEDICATION_ACTIONS),
        ("document-kind", "Type de document papier", kinds),
        ("order-kind", "Type de demande", {**orders, **dict([systems.FOLLOW_UP])}),
        ("certificate", "Certificats et leurs dates", {**systems.CERTIFICATE_TITLES, **days}),
        ("measurement", "Mesures sans code LOINC sûr", systems.MEASUREMENTS),
        ("substitution-reason", "Motif de non-substitution", systems.SUBSTITUTION_REASONS),
    ):
        yield from _code_system(name, title, {str(c): t for c, t in dict(concepts).items()})


def _naming_systems() -> Iterator[Json]:
    for url, description in (
        (systems.SCAN_NAMES, "Fichier numérisé, par son empreinte SHA-256"),
        (systems.DOCUMENT_NAMES, "Document papier : empreinte du fichier et première page"),
        (systems.ENTITY_NAMES, "Donnée lue d'un document : document et rang de la donnée"),
        (systems.SOFTWARE_NAMES, "Version du logiciel et de ses étapes"),
        (systems.PRACTICE_NAMES, "Cabinet, par le numéro RPPS de son médecin"),
        (systems.LOCAL_PATIENT_NAMES, "Numéro de dossier du patient écrit sur le papier"),
    ):
        name = url.rsplit("/", 1)[1]
        yield {
            "resourceType": "NamingSystem",
            "id": name,
            "name": "".join(part.capitalize() for part in name.split("-")),
            "status": "active",
            "kind": "identifier",
            "date": DATE,
            "publisher": "Reprise",
            "description": description,
            "uniqueId": [{"type": "uri", "value": url, "preferred": True}],
        }


# --- what a target must do ------------------------------------------------------------------


def capability_statement() -> Json:
    """What a server must be able to do for a reimport, as requirements."""
    clinical = (
        "Encounter", "DocumentReference", "Composition", "Condition", "FamilyMemberHistory",
        "AllergyIntolerance", "Observation", "MedicationRequest", "ServiceRequest", "Provenance",
    )  # fmt: skip
    actors = ("Practitioner", "PractitionerRole", "Organization", "Device")
    return {
        **_described(
            "CapabilityStatement",
            "target",
            "Serveur cible d'un réimport",
            "Le serveur connaît déjà les patients, crée les acteurs sous condition, et accepte "
            "qu'un client choisisse l'identité des ressources (PUT qui crée).",
        ),
        "kind": "requirements",
        "fhirVersion": FHIR_VERSION,
        "format": ["application/fhir+json"],
        "rest": [
            {
                "mode": "server",
                "security": {"cors": False, "description": "TLS hors de la machine elle-même."},
                "resource": [
                    _served("Patient", ("birthdate", "date"), ("family", "string"), actor=True),
                    *(_served(kind, actor=True) for kind in actors),
                    *(_served(kind) for kind in (*clinical, "Binary")),
                ],
                "interaction": [{"code": "transaction"}, {"code": "batch"}],
                "documentation": "Les recherches acceptent _summary=count, _elements et _count.",
            }
        ],
    }


def _served(kind: str, *search: tuple[str, str], actor: bool = False) -> Json:
    """What is asked of one type: reads and counts, versioned updates, deletes to take back.

    An `actor` may be known to the server already: it is found and created by its identifier.
    """
    codes = ["read", "update", "delete", "search-type"]
    parameters = [("_id", "token"), *search]
    if actor:
        codes.insert(1, "create")
        parameters.insert(1, ("identifier", "token"))
    return {
        "type": kind,
        "interaction": [{"code": code} for code in codes],
        "versioning": "versioned-update",
        "updateCreate": True,
        **({"conditionalCreate": True} if actor else {}),
        "searchParam": [{"name": name, "type": what} for name, what in parameters],
    }
