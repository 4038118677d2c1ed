"""ISO Schematron with XPath 2, compiled to XSLT as far as the French profiles use it.

Patterns become modes, rules templates (the first that matches wins), abstract rules named lists
of tests that others extend; every assert that fails is one line of the output.
"""

from __future__ import annotations

from pathlib import Path

import saxonche
from lxml import etree

SCH = "{http://purl.oclc.org/dsdl/schematron}"
XSL = "http://www.w3.org/1999/XSL/Transform"


def _xsl(parent: etree._Element, name: str, /, **attributes: str) -> etree._Element:
    return etree.SubElement(parent, f"{{{XSL}}}{name}", attributes)


def stylesheet(schema: Path) -> bytes:
    """The XSLT 2 that checks a document against `schema` (its includes are read)."""
    root = etree.parse(schema).getroot()
    _include(root, schema.parent)
    names = {ns.get("prefix", ""): ns.get("uri", "") for ns in root.iter(f"{SCH}ns")}
    names.pop("xml", None)
    sheet = etree.Element(f"{{{XSL}}}stylesheet", nsmap={"xsl": XSL, **names}, version="2.0")
    _xsl(sheet, "output", method="text")
    start = _xsl(sheet, "template", match="/")
    abstract = {rule.get("id"): rule for rule in root.iter(f"{SCH}rule") if rule.get("abstract")}
    for number, pattern in enumerate(root.iter(f"{SCH}pattern")):
        mode = f"m{number}"
        for let in pattern.findall(f"{SCH}let"):
            _xsl(sheet, "variable", name=str(let.attrib["name"]), select=str(let.attrib["value"]))
        rules = [rule for rule in pattern.findall(f"{SCH}rule") if not rule.get("abstract")]
        if not rules:
            continue
        _xsl(start, "apply-templates", select="/", mode=mode)
        for place, rule in enumerate(rules):
            made = _xsl(
                sheet,
                "template",
                match=str(rule.attrib["context"]),
                mode=mode,
                priority=str(len(rules) - place),
            )
            _tests(made, rule, abstract)
            _xsl(made, "apply-templates", select="@*|*", mode=mode)
        rest = _xsl(sheet, "template", match="@*|node()", mode=mode, priority="-1")
        _xsl(rest, "apply-templates", select="@*|*", mode=mode)
    return etree.tostring(sheet)


def _include(node: etree._Element, folder: Path) -> None:
    for include in list(node.iter(f"{SCH}include")):
        parent = include.getparent()
        assert parent is not None
        part = etree.parse(folder / str(include.attrib["href"])).getroot()
        # A file of data types is a bare rule or a pattern with rules.
        children = [part]
        if part.tag == parent.tag:
            children = list(part)
        for child in reversed(children):
            include.addnext(child)
        parent.remove(include)


def _tests(
    made: etree._Element, rule: etree._Element, abstract: dict[str | None, etree._Element]
) -> None:
    for child in rule:
        if child.tag == f"{SCH}let":
            _xsl(
                made, "variable", name=str(child.attrib["name"]), select=str(child.attrib["value"])
            )
        elif child.tag == f"{SCH}extends":
            _tests(made, abstract[child.get("rule")], abstract)
        elif child.tag in {f"{SCH}assert", f"{SCH}report"} and _is_error(child):
            fails = str(child.attrib["test"])
            if child.tag == f"{SCH}assert":
                fails = f"not({fails})"
            branch = _xsl(made, "if", test=fails)
            _xsl(branch, "text").text = " ".join("".join(map(str, child.itertext())).split()) + "\n"


def _is_error(check: etree._Element) -> bool:
    return check.get("role", "error") == "error"


class Checker:
    """A compiled schema; `failures` lists the messages of the asserts that do not hold."""

    def __init__(self, schema: Path) -> None:
        self._processor = saxonche.PySaxonProcessor(license=False)
        compiler = self._processor.new_xslt30_processor()
        base = schema.as_uri()
        sheet = etree.fromstring(stylesheet(schema))
        sheet.set("{http://www.w3.org/XML/1998/namespace}base", base)
        self._executable = compiler.compile_stylesheet(
            stylesheet_text=etree.tostring(sheet).decode()
        )

    def failures(self, document: bytes) -> list[str]:
        node = self._processor.parse_xml(xml_text=document.decode())
        output = self._executable.transform_to_string(xdm_node=node)
        return [line for line in (output or "").splitlines() if line.strip()]
