"""What is written for readers leads nowhere empty; the model card explains every fact of the manifests, in words."""

import ast
import pkgutil
import re

import nbformat
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


# What each page names, for whoever follows it.

PAGES = ("README.md", "CONTRIBUTING.md", "data/README.md", "data/weights/README.md")
FENCED = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
OF_THE_REPOSITORY = re.compile(r"(?<![\w./-])(?:sarco|tests|workflow|data|chapters)/[\w./*<>{}-]*")
PLACEHOLDER = re.compile(r"[*<>{}]|NN")


@pytest.fixture(scope="module")
def prose(root, chapters):
    """Text by page: those of the repository, and the words of each chapter."""
    files = [*(root / name for name in PAGES), *(root / "chapters").glob("*.md")]
    texts = {file.relative_to(root).as_posix(): file.read_text(encoding="utf-8") for file in files}
    for path in chapters:
        cells = nbformat.read(path, as_version=4).cells
        texts[f"chapters/{path.name}"] = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    return texts


def _quoted(text):
    """What stands in backticks, outside blocks of code."""
    return re.findall(r"`([^`\n]+)`", FENCED.sub("", text))


def test_what_a_page_imports_is_there(prose):
    imported, problems = 0, []
    for page in PAGES:
        for language, block in FENCED.findall(prose[page]):
            for node in ast.walk(ast.parse(block)) if language == "python" else ():
                line = ast.unparse(node) if isinstance(node, ast.Import | ast.ImportFrom) else ""
                if re.match(r"(import|from) sarco\b", line):
                    imported += 1
                    try:
                        exec(line, {})
                    except ImportError as error:
                        problems.append(f"{page}: {line}: {error}")
    assert imported > 1 and not problems, problems


def test_each_path_that_a_page_names_is_there(root, prose):
    named = {(page, path) for page, text in prose.items() for quoted in _quoted(text)
             for path in OF_THE_REPOSITORY.findall(quoted) if not PLACEHOLDER.search(path)}  # fmt: skip
    assert named.issuperset({("README.md", "sarco/method/"), ("CONTRIBUTING.md", "tests/test_package.py")})
    assert not {(page, path) for page, path in named if not (root / path).exists()}


def test_each_name_of_the_package_that_a_page_names_is_there(prose):
    named = {(page, name) for page, text in prose.items() for name in _quoted(text)
             if re.fullmatch(r"sarco(\.\w+)+", name)}  # fmt: skip
    assert ("data/README.md", "sarco.phantom.phantom.fit_area") in named
    for page, name in named:
        try:
            pkgutil.resolve_name(name)
        except (ImportError, AttributeError) as error:
            pytest.fail(f"{page}: {name}: {error}")
