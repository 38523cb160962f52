"""The committed runs, which the tests read."""

from pathlib import Path

import pandas as pd
import pytest

import linnet_results
from linnet_results import Results

RESULTS = Path(__file__).parents[2]
# A run of the demo that was kept without its rows.
DEMO = Path(__file__).parent / "summary_only"
# A run of seven methods from before there were scenarios, kept without its rows.
METHODS = Path(__file__).parent / "older"
LINKS = RESULTS / "studies/cifar10-resnet20-links"
SHAPES = RESULTS / "studies/imagenet-shapes"


@pytest.fixture(scope="session")
def demo() -> Results[pd.DataFrame]:
    return linnet_results.load(DEMO)


@pytest.fixture(scope="session")
def shapes() -> Results[pd.DataFrame]:
    return linnet_results.load(SHAPES)


@pytest.fixture(scope="session")
def links() -> Results[pd.DataFrame]:
    return linnet_results.load(LINKS)
