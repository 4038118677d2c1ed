"""Entries of a transaction Bundle: how each resource is to be written, once only."""

from __future__ import annotations

from urllib.parse import quote

from pipeline.fhir import systems
from pipeline.fhir.elements import Json

# Actors that a server may know already, by identifiers that mean the same to everyone (Device:
# by our own). They are created on condition; all else is PUT under an id that never changes.
_KNOWN_BY = {
    "Patient": (systems.ENTITY_NAMES,),
    "Practitioner": (systems.RPPS,),
    "PractitionerRole": (systems.AMELI,),
    "Organization": (systems.FINESS, systems.PRACTICE_NAMES),
    "Device": (systems.SOFTWARE_NAMES,),
}


def entry(url: str, resource: Json) -> Json:
    """The Bundle entry of `resource`, whose fullUrl `url` is `urn:uuid:` and a UUIDv5."""
    kind = resource["resourceType"]
    request = _conditional_create(resource)
    if request is not None:
        resource = {name: value for name, value in resource.items() if name != "id"}
    else:
        identity = url.removeprefix("urn:uuid:")
        request = {"method": "PUT", "url": f"{kind}/{identity}"}
        resource = {"resourceType": kind, "id": identity, **resource}
    return {"fullUrl": url, "resource": resource, "request": request}


def _conditional_create(resource: Json) -> Json | None:
    kind = resource["resourceType"]
    for identifier in resource.get("identifier", ()) if kind in _KNOWN_BY else ():
        if identifier.get("system") in _KNOWN_BY[kind] and "value" in identifier:
            # A plus sign or a bar inside a value would be read as a blank or a separator.
            system, value = (quote(identifier[part], safe=":/.") for part in ("system", "value"))
            return {
                "method": "POST",
                "url": kind,
                "ifNoneExist": f"identifier={system}|{value}",
            }
    return None
