"""The model card explains every fact of the manifests, repeats none of their numbers, and leads nowhere empty."""

import re

import pytest

from sarco.engines.weights import read_manifest
from sarco.runs import profiles


@pytest.fixture(scope="module")
def folder():
    return profiles.load("published").weights_dir


@pytest.fixture(scope="module")
def card(folder):
    return (folder / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("student", [False, True])
def test_every_key_of_a_manifest_is_explained(folder, card, student):
    if student and not (folder / "student.json").exists():
        pytest.skip("no student is shipped")
    manifest = read_manifest(folder, student)
    named = set(re.findall(r"`(\w+)`", card))
    assert set(manifest) | set(manifest["members"][0]) <= named
    assert manifest["licence"] in card


def test_no_result_is_typed(card):
    text = re.sub(r"```.*?```|`[^`]*`|\([^)]*\)|CC BY 4\.0", "", card, flags=re.DOTALL)
    assert not re.findall(r"\d+\.\d+|\b\d{2,}\b", text)


def test_links_lead_to_files(folder, card):
    links = re.findall(r"\]\(([^)]+)\)", card)
    assert links and all((folder / link).exists() for link in links)
