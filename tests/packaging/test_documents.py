"""Documents beside the code: versions agree, links lead somewhere, commands are there, examples in Python run."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import ROOT, text

DOCUMENTS = (
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "book/src/loading-results.md",
    "examples/README.md",
    "results/python/README.md",
)


def version() -> str:
    found = re.search(r'^\[workspace\.package\]\nversion = "([^"]+)"', text("Cargo.toml"), re.MULTILINE)
    assert found
    return found[1]


def blocks(name: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text(name), re.MULTILINE | re.DOTALL)


def test_every_version_is_the_workspaces() -> None:
    assert f"\nversion: {version()}\n" in text("CITATION.cff")
    assert f'\nversion = "{version()}"\n' in text("results/python/pyproject.toml")
    assert re.search(rf"^## \[?{re.escape(version())}\b", text("CHANGELOG.md"), re.MULTILINE)


def test_the_citation_is_valid() -> None:
    cffconvert = Path(sys.executable).with_name("cffconvert")
    found = subprocess.run([cffconvert, "--validate", "--infile", ROOT / "CITATION.cff"], capture_output=True, check=False)
    assert found.returncode == 0, found.stderr
    spoilt = text("CITATION.cff").replace("type: software", "type: program")
    found = subprocess.run(
        [cffconvert, "--validate", "--infile", "-"], input=spoilt.encode(), capture_output=True, check=False
    )
    assert found.returncode != 0


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_somewhere(name: str) -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text(name))
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not ((ROOT / name).parent / link).exists()] == []


def test_the_book_has_its_page() -> None:
    assert "(loading-results.md)" in text("book/src/SUMMARY.md")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_commands_are_those_of_the_readme(name: str) -> None:
    """Every command of `linnet`, with its options, stands in the README or the book too."""
    known = text("README.md") + "".join(page.read_text() for page in (ROOT / "book/src").glob("*.md") if page.name != name)
    lines = [line.split("#")[0].strip() for block in blocks(name, "sh") for line in block.splitlines()]
    for line in lines:
        if line.startswith("linnet "):
            _, command, *rest = line.split()
            assert f"linnet {command}" in known, line
            assert [word for word in rest if word.startswith("--") and word not in known] == []
        if line.startswith("cargo xtask "):
            assert f'"{line.split()[2]}" =>' in text("xtask/src/main.rs"), line
    paths = re.findall(r"(?:studies|results|examples)/[\w./-]+", " ".join(lines))
    assert [path for path in paths if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("name", ["book/src/loading-results.md", "results/python/README.md"])
def test_examples_in_python_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "results").symlink_to(ROOT / "results")
    monkeypatch.chdir(tmp_path)
    code = "".join(blocks(name, "python"))
    exec(compile(code, name, "exec"), {})
    assert (tmp_path / "accuracy.pdf").stat().st_size > 1000


def test_the_notebook_is_committed_without_outputs() -> None:
    cells = json.loads(text("examples/results.ipynb"))["cells"]
    assert len(cells) > 5
    for cell in cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
