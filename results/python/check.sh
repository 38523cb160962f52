#!/usr/bin/env bash
# Checks of all that is Python or packaging: style, types, tests, the notebook, the Dockerfile and CITATION.cff, in an environment of
# its own under target/. Without a network for pip it says that they are skipped; any other failure fails.
set -euo pipefail
cd "$(dirname "$0")/../.."

environment=target/python
if [ ! -x "$environment/bin/pip" ]; then
    python3 -m venv "$environment"
fi
# pandas and the others in the versions that the checks were written with.
if ! "$environment/bin/pip" install --quiet --disable-pip-version-check \
    --constraint results/python/constraints.txt --editable 'results/python[test]'; then
    if "$environment/bin/pip" download --quiet --disable-pip-version-check --no-deps --dest "$environment/probe" iniconfig; then
        echo "linnet-results cannot be installed" >&2
        exit 1
    fi
    echo "skipped: the checks of linnet-results, for which pip reaches no packages here"
    exit 0
fi

export RUFF_CACHE_DIR=$environment/ruff MYPY_CACHE_DIR=$environment/mypy
run() { "$environment/bin/$1" "${@:2}"; }
run ruff format --check --config results/python/pyproject.toml results/python tests/packaging
run ruff check --config results/python/pyproject.toml results/python tests/packaging
run mypy --config-file results/python/pyproject.toml
run pytest --quiet --config-file results/python/pyproject.toml results/python/tests
run pytest --quiet --config-file results/python/pyproject.toml tests/packaging
# The notebook as somebody runs it, from its folder; what comes out is not kept.
run jupyter nbconvert --log-level WARN --to notebook --execute --output-dir "$environment/notebooks" examples/results.ipynb
