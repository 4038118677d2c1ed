"""A reader that makes no mistake: truth in, Bundle out, by the output contract alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

EVIDENCE = "https://reprise.example/fhir/StructureDefinition/evidence"
PAGES = "https://reprise.example/fhir/StructureDefinition/pages"
Json = dict[str, Any]


def evidence(
    state: str = "sure", page: int = 1, region: str = "", confidence: float = 0.99
) -> Json:
    parts: list[Json] = [
        {"url": "state", "valueCode": state},
        {"url": "confidence", "valueDecimal": confidence},
        {"url": "page", "valuePositiveInt": page},
    ]
    if region:
        parts.append({"url": "region", "valueString": region})
    return {"url": EVIDENCE, "extension": parts}


class Perfect:
    """Builds the Bundle of one document of the truth, every value in one `state`."""

    def __init__(self, scan: str, facts: Mapping[str, Any], state: str = "sure") -> None:
        self.scan, self.facts, self.state = scan, facts, state

    def marks(self, fact: str) -> list[Json]:
        for place in self.facts.get("places", ()):
            if place["fact"] == fact:
                region = "xywh=percent:" + ",".join(f"{v:.2f}" for v in place["box"])
                return [evidence(self.state, place["page"], region)]
        return [evidence(self.state)]

    def bundle(self) -> Json:
        facts = self.facts
        resources: list[Json] = [
            {
                "resourceType": "DocumentReference",
                "content": [{"attachment": {"title": self.scan}}],
                "extension": [
                    {
                        "url": PAGES,
                        "extension": [
                            {"url": "page", "valuePositiveInt": p} for p in facts["pages"]
                        ],
                    }
                ],
            },
            {
                "resourceType": "Composition",
                "type": {"extension": self.marks(""), "coding": [{"code": facts["kind"]}]},
                "date": facts["date"],
                "_date": {"extension": self.marks("date")},
            },
            self.patient(facts["patient"]),
            self.practitioner(facts["prescriber"]),
            *(self.observation(fact) for fact in facts["measurements"]),
            *(self.medication(i, fact) for i, fact in enumerate(facts["medications"])),
            *(self.allergy(fact) for fact in facts["allergies"]),
            *(self.condition(fact) for fact in facts["conditions"]),
            *(
                {
                    "resourceType": "ServiceRequest",
                    "code": {"extension": self.marks(""), "text": fact["text"]},
                }
                for fact in facts["orders"]
            ),
        ]
        entries = [{"fullUrl": f"urn:x:{n}", "resource": r} for n, r in enumerate(resources)]
        return {"resourceType": "Bundle", "type": "transaction", "entry": entries}

    def patient(self, fact: Mapping[str, Any]) -> Json:
        names: list[Json] = [
            {"use": "usual", "family": fact["family"].upper(), "given": fact["given"]}
        ]
        if "birth_family" in fact:
            names.append({"use": "official", "family": fact["birth_family"]})
        for name in names:
            name["extension"] = self.marks("patient.family")
        result: Json = {"resourceType": "Patient", "name": names, "identifier": []}
        if "birthDate" in fact:
            result["birthDate"] = fact["birthDate"]
            result["_birthDate"] = {"extension": self.marks("patient.birthDate")}
        result |= {"gender": fact["sex"], "_gender": {"extension": self.marks("")}}
        if "nir" in fact:
            result["identifier"].append(
                {
                    "system": "urn:oid:1.2.250.1.213.1.4.13",
                    "value": fact["nir"],
                    "extension": self.marks("patient.nir"),
                }
            )
        return result

    def practitioner(self, fact: Mapping[str, Any]) -> Json:
        name = {"family": fact["family"], "given": [fact["given"]]}
        result: Json = {
            "resourceType": "Practitioner",
            "name": [{**name, "extension": self.marks("prescriber.family")}],
            "identifier": [],
        }
        if "rpps" in fact:
            result["identifier"].append(
                {
                    "system": "https://rpps.esante.gouv.fr",
                    "value": fact["rpps"],
                    "extension": self.marks("prescriber.rpps"),
                }
            )
        return result

    def observation(self, fact: Mapping[str, Any]) -> Json:
        parts = [self._measured(part) for part in fact.get("components", ())]
        own = {"component": parts} if parts else self._measured(fact)
        return {"resourceType": "Observation", **own, "code": _loinc(fact["loinc"])}

    def _measured(self, fact: Mapping[str, Any]) -> Json:
        result: Json = {"code": _loinc(fact["loinc"])}
        if "date" in fact:
            result |= {
                "valueDateTime": fact["date"],
                "_valueDateTime": {"extension": self.marks("")},
            }
        elif "text" in fact:
            result |= {"valueString": fact["text"], "_valueString": {"extension": self.marks("")}}
        else:
            result["valueQuantity"] = {
                "value": fact["value"], "code": fact["unit"], "extension": self.marks(""),
            }  # fmt: skip
        return result

    def medication(self, index: int, fact: Mapping[str, Any]) -> Json:
        path = f"medications[{index}]"
        product: Json = {"resourceType": "Medication", "id": "medication", "ingredient": []}
        for number, part in enumerate(fact.get("strength", ())):
            per: Json = {"value": 1}
            value, unit = part["value"], part["unit"]
            if unit in ("UI/mL", "mg/g"):
                unit, below = unit.split("/")
                per["code"] = below
            ratio: Json = {"numerator": {"value": value, "unit": unit}, "denominator": per}
            if number == 0:
                ratio["extension"] = self.marks(path)
            product["ingredient"].append({"strength": ratio})
        steps = [_dosage(step) for step in fact["dosage"]]
        if "expectedSupplyDuration" in fact and len(steps) == 1:
            repeat = steps[0].setdefault("timing", {}).setdefault("repeat", {})
            repeat["boundsDuration"] = _duration(fact["expectedSupplyDuration"])
        steps[0]["extension"] = self.marks(f"{path}.dosage")
        result: Json = {
            "resourceType": "MedicationRequest",
            "contained": [product],
            "medicationCodeableConcept": {"extension": self.marks(path), "text": fact["drug"]},
            "dosageInstruction": steps,
        }
        if "numberOfRepeatsAllowed" in fact:
            result["dispenseRequest"] = {
                "numberOfRepeatsAllowed": fact["numberOfRepeatsAllowed"],
                "_numberOfRepeatsAllowed": {"extension": self.marks("")},
            }
        if fact.get("substitutionAllowed") is False:
            concept = {"extension": self.marks(""), "coding": [{"code": "N"}]}
            result["substitution"] = {"allowedCodeableConcept": concept}
        return result

    def allergy(self, fact: Mapping[str, Any]) -> Json:
        code: Json = {"extension": self.marks(""), "text": fact["text"]}
        if fact["noneKnown"]:
            code |= {"coding": [{"code": "716186003"}], "text": "Pas d'allergie connue"}
        return {"resourceType": "AllergyIntolerance", "code": code}

    def condition(self, fact: Mapping[str, Any]) -> Json:
        status = "refuted" if fact["certainty"] == "negated" else "unconfirmed"
        certainty = {
            "url": "https://reprise.example/fhir/StructureDefinition/certainty",
            "valueCode": fact["certainty"],
        }
        return {
            "resourceType": "Condition",
            "verificationStatus": {"extension": [certainty], "coding": [{"code": status}]},
            "code": {"extension": self.marks(""), "text": fact["text"]},
        }


def _loinc(code: str) -> Json:
    return {"coding": [{"system": "http://loinc.org", "code": code}]}


def _duration(fact: Mapping[str, Any]) -> Json:
    return {"value": fact["value"], "code": fact["unit"]}


def _dosage(step: Mapping[str, Any]) -> Json:
    result: Json = {"sequence": step["sequence"]}
    timing = {k: v for k, v in step.get("timing", {}).items() if k != "boundsDuration"}
    if "boundsDuration" in step.get("timing", {}):
        timing["boundsDuration"] = _duration(step["timing"]["boundsDuration"])
    if timing:
        result["timing"] = {"repeat": timing}
    doses = {k: step[k] for k in ("doseQuantity", "doseRange") if k in step}
    if doses:
        result["doseAndRate"] = [doses]
    if step["asNeeded"]:
        result["asNeededBoolean"] = True
    if "maxDosePerPeriod" in step:
        most = step["maxDosePerPeriod"]
        result["maxDosePerPeriod"] = {
            "numerator": {"value": most["value"], "unit": most["unit"]},
            "denominator": {"value": most["period"], "code": most["periodUnit"]},
        }
    return result
