"""Every sentence of a notice is in every catalogue, once and whole, and no catalogue holds what nobody says."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from contracts.personal import PersonalContent
from services.order.notice_language import CATALOGUES, ENGLISH, LANGUAGES, Language
from services.order.notice_mail import values_of
from services.order.notice_rehearsal import EXAMPLES

ROOT = Path(__file__).parents[2]
SERVICE = ROOT / "services" / "order"
SPOKEN = [("**.html", "jinja2.ext:babel_extract"), ("**.txt", "jinja2.ext:babel_extract")]
CHOSEN = [("*.py", "python")]
PLACEHOLDER = re.compile(r"%\((\w+)\)s")


def sentences() -> Iterator[str]:
    """What templates say, and what is chosen in code (`marked`)."""
    for folder, methods, keywords in (
        (SERVICE / "notice_templates", SPOKEN, {"_": None}),
        (SERVICE, CHOSEN, {"marked": None}),
    ):
        for _, _, message, _, _ in extract_from_dir(str(folder), methods, keywords=keywords):
            assert isinstance(message, str)
            yield message


def catalogue(language: str) -> Catalog:
    """A catalogue as it lies in the repository."""
    with (CATALOGUES / f"{language}.po").open("rb") as file:
        return read_po(file, locale=language, abort_invalid=True)


def test_there_are_sentences_and_languages() -> None:
    assert len(set(sentences())) > 30
    assert {"en", "de", "fr", "ja", "ar"} == LANGUAGES


@pytest.mark.parametrize("language", sorted(LANGUAGES - {"en"}))
def test_a_catalogue_has_every_sentence_and_no_other(language: str) -> None:
    found = catalogue(language)
    assert {message.id for message in found if message.id} == set(sentences())
    assert not found.obsolete
    assert [message.id for message in found if message.id and (message.fuzzy or not message.string)] == []
    assert found.locale_identifier == language


@pytest.mark.parametrize("language", sorted(LANGUAGES - {"en"}))
def test_a_translation_has_the_values_of_its_sentence_and_no_markup(language: str) -> None:
    wrong = []
    for message in catalogue(language):
        if message.id:
            values = sorted(PLACEHOLDER.findall(str(message.id)))
            text = str(message.string)
            left = PLACEHOLDER.sub("", text)
            if sorted(PLACEHOLDER.findall(text)) != values or "%" in left or set("<>&") & set(text):
                wrong.append(message.id)
    assert wrong == []


def test_the_page_lists_what_a_template_may_use() -> None:
    page = (ROOT / "docs" / "operating.md").read_text()
    rows = page.partition("A template may use:")[2].partition("\n\nA template that fails")[0]
    values = values_of(EXAMPLES[0], PersonalContent(), "acme", Language(ENGLISH, ZoneInfo("UTC")))
    listed = {
        name for row in rows.splitlines() for name in re.findall(r"`(\w+)`", row.partition("|")[2].partition("|")[0])
    }
    assert listed | {"_"} == values.keys()
    assert '`_("…")`' in rows


def test_no_compiled_catalogue_is_kept_that_could_be_stale() -> None:
    kept = subprocess.run(["git", "ls-files", "*.mo"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert kept.stdout == ""
