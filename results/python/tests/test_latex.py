"""Tables for LaTeX."""

import pandas as pd
import pytest

from conftest import DEMO
from linnet_results import Results, ResultsError, latex, load

Frames = Results[pd.DataFrame]

COLUMNS = ["method", "budget", "link", "acc_fixed_test", "online_s_p50", "online_down_bytes", "online_rounds"]

TABLE = r"""\begin{tabular}{lrlrrrr}
\toprule
method & budget (ReLUs) & link & accuracy fixed test (\%) & online median (ms) & online down (MB) & online rounds (flights) \\
\midrule
ar & all & lan & 94.80 & 7.66 & 1.51 & 16 \\
ar & all & wan & 94.80 & 357 & 1.51 & 16 \\
privshap & 2,765 & lan & 95.70 & 4.74 & 0.450 & 16 \\
\bottomrule
\end{tabular}
"""


def test_a_table_of_the_demo(demo: Frames) -> None:
    assert latex(demo.summary[:3], COLUMNS) == TABLE


def test_polars_gives_the_same() -> None:
    assert latex(load(DEMO, engine="polars").summary[:3], COLUMNS) == TABLE


def test_intervals(demo: Frames) -> None:
    table = latex(demo.summary[:2], ["acc_secure", "online_s_p50", "setup_s_p50"], intervals=True)
    assert table.splitlines()[4:6] == [
        r"90.00 [74.38, 96.54] & 7.66 [7.65, 7.68] & 34.1 \\",
        # Decimals enough to see that the interval is not of one value.
        r"93.33 [78.68, 98.15] & 357.1 [357.0, 357.2] & 136 \\",
    ]


def test_an_interval_that_is_missing_is_left_out(links: Frames) -> None:
    table = latex(links.summary[:1], ["online_s_p50", "acc_fixed_test"], intervals=True)
    assert table.splitlines()[4] == r"85.0 & 91.45 [90.14, 92.60] \\"


def test_digits_headings_and_missing_values(demo: Frames) -> None:
    table = latex(demo.summary[:1], ["offline_s_p50", "rate_per_s", "n"], digits=2, headings={"n": r"$n$"})
    assert table.splitlines()[2:5] == [r"offline median (ms) & rate a & $n$ \\", r"\midrule", r"26 & -- & 30 \\"]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a_b & 5%", r"a\_b \& 5\%"),
        (r"C:\x {y}", r"C:\textbackslash{}x \{y\}"),
        ("online@wan #1 ~ ^ $", r"online@wan \#1 \textasciitilde{} \textasciicircum{} \$"),
        ("<3|4>", r"\textless{}3\textbar{}4\textgreater{}"),
    ],
)
def test_text_is_escaped(text: str, written: str) -> None:
    lines = latex(pd.DataFrame({"a_b": [text]})).splitlines()
    assert (lines[2], lines[4]) == (r"a b \\", rf"{written} \\")


def test_numbers_as_people_read_them() -> None:
    frame = pd.DataFrame({"online_s_p50": [1234.5, 1.0, 0.09996, 0.0], "bytes": [999_600, 1, 36_913, 0]})
    lines = latex(frame, ["online_s_p50", "bytes"]).splitlines()
    assert lines[2] == r"online median (s) & bytes (MB) \\"
    assert lines[4:8] == [r"1,234 & 1.00 \\", r"1.00 & 0.00000100 \\", r"0.100 & 0.0369 \\", r"0.00 & 0.00 \\"]


def test_what_is_no_column_is_told(demo: Frames) -> None:
    with pytest.raises(ResultsError, match=r"latex: expected columns of the frame: run, model, .* found latency, speed"):
        latex(demo.summary, ["latency", "method", "speed"])
    with pytest.raises(ResultsError, match="latex: expected a column at least, found none"):
        latex(demo.summary, [])
