"""What docs/nouns.md and docs/design.md say of the code is true: rooms, files and names are there."""

from __future__ import annotations

import re
import tomllib

import pytest

from support import ROOT

PACKAGE = ROOT / "src" / "gansmith"
ROWS = re.findall(r"^\| (`.+?) \| (`.+?) \| ", (ROOT / "docs" / "nouns.md").read_text(), re.M)
DESIGN = (ROOT / "docs" / "design.md").read_text()


def test_there_are_nouns_to_check() -> None:
    assert len(ROWS) > 40


@pytest.mark.parametrize(("nouns", "files"), ROWS, ids=lambda text: text.replace("/", " "))
def test_a_noun_is_defined_where_the_page_says(nouns: str, files: str) -> None:
    code = "".join((PACKAGE / file).read_text() for file in re.findall(r"`(.+?)`", files))
    for noun in re.findall(r"`(\w+)`", nouns):
        assert re.search(rf"^(class|def) {noun}\b", code, re.M), f"{noun} is not in {files}"


def test_the_design_names_every_room_and_draws_their_order() -> None:
    rooms = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()}
    assert set(re.findall(r"^\| `(\w+)` \| ", DESIGN.split("## The rooms")[1].split("## ")[0], re.M)) == rooms
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(c["layers"] for c in contracts if c["name"] == "rooms")
    drawing = DESIGN.split("## The rooms")[1].split("| room |")[0]
    drawn = [re.split(r" {2,}", line.strip())[0] for line in re.findall(r"^ {4}(\w.*)$", drawing, re.M)]
    assert [sorted(line.split(" | ")) for line in drawn] == [sorted(line.split(" | ")) for line in layers]


def test_the_design_is_one_page() -> None:
    assert len(DESIGN.split()) <= 1200


def test_every_decision_is_in_the_index() -> None:
    folder = ROOT / "docs" / "decisions"
    pages = {path.name for path in folder.glob("*.md")} - {"README.md"}
    index = re.findall(r"^- \[(.+)\]\((.+)\)$", (folder / "README.md").read_text(), re.M)
    assert {page for _, page in index} == pages
    for title, page in index:
        assert (folder / page).read_text().startswith(f"# {title}\n"), page


def test_every_file_that_the_pages_name_is_there() -> None:
    pages = [ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    rooms = {path.name for path in PACKAGE.iterdir() if path.is_dir()}
    named = {(page.name, path) for page in pages for path in re.findall(r"`([\w/]+/\w+\.py)`", page.read_text())}
    assert len(named) > 30
    for page, path in sorted(named):
        root = PACKAGE if path.split("/")[0] in rooms else ROOT
        assert (root / path).is_file(), f"{page} names {path}"
