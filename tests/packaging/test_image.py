"""`Dockerfile` and `.dockerignore`, checked without being built, which `.ci/run` does where it can."""

import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from conftest import ROOT, text

Instruction = tuple[str, list[str]]


def stages(dockerfile: str) -> list[list[Instruction]]:
    """Instructions by stage, each a keyword and its words."""
    joined = re.sub(r"\\\n", " ", "\n".join(line for line in dockerfile.splitlines() if not line.startswith("#")))
    found: list[list[Instruction]] = []
    for line in filter(str.strip, joined.splitlines()):
        keyword, _, rest = line.partition(" ")
        if keyword == "FROM":
            found.append([])
        found[-1].append((keyword, shlex.split(rest)))
    return found


def words(stage: list[Instruction], keyword: str) -> list[list[str]]:
    return [rest for name, rest in stage if name == keyword]


def ignored(path: str) -> bool:
    """Whether a path of the repository stays out of the build's context."""
    patterns = [line for line in text(".dockerignore").splitlines() if line and not line.startswith("#")]
    return any(path == pattern or path.startswith(f"{pattern}/") for pattern in patterns)


BUILDER, IMAGE = stages(text("Dockerfile"))


def test_it_is_built_with_the_projects_rust_on_the_images_debian() -> None:
    version = tomllib.loads(text("rust-toolchain.toml"))["toolchain"]["channel"]
    base, _, name = words(BUILDER, "FROM")[0]
    found = re.fullmatch(r"rust:(\d+\.\d+)-(\w+)", base)
    assert found
    assert version.startswith(f"{found[1]}.")
    assert words(IMAGE, "FROM") == [[f"debian:{found[2]}-slim"]]
    assert name == "builder"


def test_what_is_copied_is_there() -> None:
    programs = {
        program["name"]
        for manifest in ("harness/Cargo.toml", "models/train/Cargo.toml")
        for program in tomllib.loads(text(manifest))["bin"]
    }
    copied = 0
    for stage in (BUILDER, IMAGE):
        for rest in words(stage, "COPY"):
            *sources, _ = [word for word in rest if not word.startswith("--")]
            from_builder = "--from=builder" in rest
            for source in sources:
                copied += 1
                if not from_builder:
                    assert (ROOT / source).exists(), source
                    assert source == "." or not ignored(source), source
                elif source.startswith("/build/"):
                    assert Path(source).parent == Path("/build/target/release")
                    assert Path(source).name in programs, source
                else:
                    assert source == "/opt/libtorch/lib"
    assert copied == 6


def test_both_programs_are_built_with_the_libtorch_that_the_image_has() -> None:
    runs = [" ".join(rest) for rest in words(BUILDER, "RUN")]
    assert any("cargo xtask setup" in run and "mv .libtorch /opt/libtorch" in run for run in runs)
    assert words(BUILDER, "ENV") == [["LIBTORCH=/opt/libtorch"]]
    build = runs[-1].split()
    assert build[:2] == ["cargo", "build"]
    packages = [build[index + 1] for index, word in enumerate(build) if word == "--package"]
    assert packages == ["harness", "train"]
    # An own LIBTORCH comes first only while the setting is not forced.
    assert tomllib.loads(text(".cargo/config.toml"))["env"]["LIBTORCH"] == {"value": ".libtorch", "relative": True}
    assert "-Wl,-rpath,{libtorch}/lib" in text("models/train/build.rs")


def test_it_is_what_pods_of_launch_ask_for() -> None:
    kubernetes = text("harness/src/launch/kubernetes.rs")
    mount = re.search(r'const MOUNT: &str = "([^"]+)"', kubernetes)
    assert mount
    assert words(IMAGE, "WORKDIR") == [[mount[1]]]
    assert '"command": ["/bin/sh", "-euc", script]' in kubernetes
    assert '(None, false) => "linnet".to_owned()' in text("harness/src/launch/mod.rs")
    # Debian's path has it; both programs lie in one folder.
    copies = [rest for rest in words(IMAGE, "COPY") if "/build/target/release/linnet" in rest]
    assert [rest[-1] for rest in copies] == ["/usr/local/bin/"]
    assert "/build/target/release/linnet-train" in copies[0]


def test_nothing_runs_as_root_in_the_end() -> None:
    keywords = [keyword for keyword, _ in IMAGE]
    assert words(IMAGE, "USER") == [["10001"]]
    assert not {"RUN", "COPY", "ADD"} & set(keywords[keywords.index("USER") :])


def test_what_the_programs_are_built_from_is_not_ignored() -> None:
    members = tomllib.loads(text("Cargo.toml"))["workspace"]["members"]
    needed = ["Cargo.toml", "Cargo.lock", "rust-toolchain.toml", ".cargo/config.toml"]
    needed += [f"{member}/Cargo.toml" for member in members]
    for source in (source for member in members for source in (ROOT / member / "src").rglob("*.rs")):
        # Tests, which come last in a file, are not built.
        built, *_ = source.read_text(encoding="utf-8").split("#[cfg(test)]")
        for included in re.findall(r'include_(?:str|bytes)!\("([^"]+)"\)', built):
            path = (source.parent / included).resolve()
            assert path.exists(), f"{source} includes {included}"
            needed.append(str(path.relative_to(ROOT)))
    assert [path for path in needed if ignored(path)] == []
    assert [path for path in needed if not (ROOT / path).exists()] == []
    assert ignored("target/release/linnet")
    assert ignored(".git/config")


def test_hadolint_finds_nothing() -> None:
    hadolint = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or shutil.which("hadolint")
    if hadolint is None:
        pytest.skip("no hadolint for this machine")
    found = subprocess.run([hadolint, "--no-color", ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout) == (0, "")
