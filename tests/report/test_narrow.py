"""The text report on narrow terminals: names wrap, columns are dropped in a fixed order, no word is cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from ovms_doctor.model import display_text
from ovms_doctor.model.memory import MemoryEstimate
from ovms_doctor.report.text_columns import Column, Row, layout, write_columns
from ovms_doctor.report.text_writer import TextWriter
from tests.report import samples
from tests.report.format_documents import denied
from tests.report.rendered import text

COLUMNS = (
    Column("model", 28, 12),
    Column("version", 20, 7),
    Column("state", 22, 11),
    Column("file", 40, 16, leaves=1),
    Column("why"),
)
LONG = "detector-of-vehicles_and_pedestrians.0001-fp16-int8"
CELLS = (LONG, "20261128", "LOADING", "vehicle-detection-adas-0002.xml (IR)", "OVD111 no model files")


def table(width: int, *rows: tuple[str, ...]) -> list[str]:
    writer = TextWriter(width, "utf-8", False)
    write_columns(writer, COLUMNS, [Row(cells) for cells in rows or [CELLS]])
    return [line.plain for line in writer.lines]


@pytest.mark.parametrize("width", range(50, 121, 5))
def test_displayed_columns_are_not_cut(width: int) -> None:
    lines = table(width)
    assert max(map(cell_len, lines)) <= width
    assert not any("…" in line for line in lines)
    assert LONG in "".join(line[1:].split("  ")[0].strip() for line in lines if not line.startswith("    "))
    assert "OVD111" in " ".join(lines)


def test_the_order_in_which_columns_are_left_out() -> None:
    """First names wrap, then the file column is dropped, then the reason moves below its row."""
    short = ("m", "1", "LOADING", "vehicle-detection-adas-0002.xml (IR)", "OVD111 no model files")
    assert table(120, short)[0].split() == ["model", "version", "state", "file", "why"]
    wraps, drops, below = table(75, short), table(60, short), table(50, CELLS)
    assert wraps[0].split() == ["model", "version", "state", "file", "why"]
    assert len(wraps) > 2
    assert drops == [
        " model  version  state    why",
        " m      1        LOADING  OVD111 no model files",
        " file is not shown at this width",
    ]
    assert below[0].split() == ["model", "version", "state"]
    assert below[-2:] == ["    OVD111 no model files", " file is not shown at this width"]


@given(
    st.lists(
        st.tuples(
            *(st.text(st.characters(categories=("L", "N", "P"), exclude_characters=" "), max_size=60),) * 5
        ),
        min_size=1,
        max_size=5,
    ),
    st.integers(50, 120),
)
def test_no_line_is_too_long(rows: list[tuple[str, ...]], width: int) -> None:
    visible = [tuple(display_text.visible(cell) for cell in cells) for cells in rows]
    columns, widths, below = layout(COLUMNS, visible, width)
    assert {0, 1, 2, 4} <= set(columns)
    assert 1 + sum(widths) + 2 * (len(widths) - 1) <= width
    assert len(widths) == len(columns) - below
    assert all(cell_len(line) <= width for line in table(width, *rows))


@given(st.text(st.characters(categories=("L", "N", "P", "Zs")), max_size=80), st.integers(4, 40))
def test_a_wrapped_name_is_the_name(name: str, width: int) -> None:
    name = " ".join(name.split())
    lines = display_text.wrap_name(name, width)
    assert "".join(lines).replace(" ", "") == name.replace(" ", "")
    assert all(cell_len(line) <= width for line in lines)


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("resnet-50_v1.5", ["resnet-50_", "v1.5"]),
        ("/srv/models/resnet", ["/srv/", "models/", "resnet"]),
        ("abcdefghijklmno", ["abcdefghij", "klmno"]),
        ("a-bcdefghijklmnop", ["a-bcdefghi", "jklmnop"]),
        ("two words of text", ["two words", "of text"]),
    ],
)
def test_the_line_breaks_of_a_long_name(name: str, lines: list[str]) -> None:
    assert display_text.wrap_name(name, 10) == lines


def test_text_is_cut_at_the_end_of_a_word() -> None:
    assert display_text.clip("one two three four", 12) == "one two…"
    assert display_text.clip("one two three four", 14) == "one two three…"
    assert display_text.clip("onetwothreefour", 12) == "onetwothree…"


@pytest.mark.parametrize("name", sorted(samples.SAMPLES))
@pytest.mark.parametrize("width", [50, 64, 80])
def test_reports_on_narrow_terminals(name: str, width: int) -> None:
    """No line is too long except commands, which are never wrapped."""
    report = samples.SAMPLES[name]()
    steps = [step for one in report.findings if one.remedy for step in one.remedy.steps]
    commands = {display_text.visible_command(str(step.command)) for step in steps}
    for line in text(report, width=width).splitlines():
        assert cell_len(line) <= width or line.strip() in commands, line


# -- groups and the end --------------------------------------------------------------------------------


def test_sixty_models_below_one_closed_directory_are_one_finding() -> None:
    lines = text(denied(60)).splitlines()
    assert len([line for line in lines if "error OVD201" in line]) == 1
    assert len([line for line in lines if "chmod o+rx /srv/models" in line]) == 1
    text_of_report = " ".join(lines)
    assert "60 models" in text_of_report
    assert all(f"m{number:04}" in text_of_report for number in range(60))
    # The table with its rows, one finding, the failed models, the verdict.
    assert len(lines) < 150


def test_versions_of_a_group_are_named() -> None:
    first, second = samples.NO_FILES, samples.GOES_DOWN
    step = samples.Step("Do it.", "touch /srv/x")
    both = [
        samples.replace(
            item, code="OVD111", recovers="next_poll", remedy=samples.Remedy("", (step,)), caused_by=()
        )
        for item in (first, second)
    ]
    text_of_report = text(samples.report(findings=tuple(both)))
    assert "2 × detector" in text_of_report
    assert "for:  detector, version 2; detector, version 1" in text_of_report


def test_the_last_lines_repeat_the_failures() -> None:
    lines = text(samples.failures()).splitlines()
    assert lines[-4:] == [
        "✗ detector, version 2: OVD111 no model files",
        "✗ detector-flat: OVD101 no version directory",
        "✗ tokenizer, version 2: OVD321 unknown operation",
        "✗ 1 of 4 models is served as its owner expects",
    ]
    assert text(samples.failures(), quiet=True).splitlines() == lines[-1:]
    assert not [line for line in text(samples.green()).splitlines() if line.startswith("✗")]


def test_the_end_stays_short_for_many_failures() -> None:
    lines = text(denied(60)).splitlines()
    assert lines[-2] == "… and 20 more failures (--verbose)"
    assert len([line for line in lines if line.startswith("✗ m")]) == 40
    assert len([line for line in text(denied(60), verbose=True).splitlines() if line.startswith("✗ m")]) == 60


def test_the_memory_is_named_even_if_it_is_enough() -> None:
    mib = 1 << 20
    estimate = MemoryEstimate(93 * mib, 120 * mib, 0, 100 * mib, 140 * mib, (), ("graph",), ("FP32",))
    made = samples.green()
    assert made.plan is not None
    assert made.deployment is not None
    plan = samples.replace(made.plan, memory=estimate)
    limited = samples.replace(made, plan=plan, deployment=samples.replace(made.deployment, memory=2 << 30))
    assert (
        "memory: the versions to be loaded need 93 MiB to 120 MiB, the limit is 2.0 GiB; up to 140 MiB while a new "
        "version is loaded; 1 version is not counted"
    ) in " ".join(text(limited).split())
    assert "memory:" not in text(samples.replace(made, plan=plan))


def test_success_is_short() -> None:
    text_of_report = text(samples.green())
    assert "checks:" not in text_of_report
    assert "3 checks ran, 1 did not apply · 0 errors, 0 warnings" in text_of_report
    assert "checks:" in text(samples.green(), verbose=True)
    assert "container: not applicable, none was named" in text(samples.green(), verbose=True)
