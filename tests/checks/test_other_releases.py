"""The text that the OpenVINO of another release logs for the same file."""

from __future__ import annotations

from pathlib import Path

import pytest

from ovms_doctor.model.releases import parse_release
from ovms_doctor.model.releases.openvino_messages import text_of_release
from tests.checks.helpers import findings


@pytest.mark.parametrize(
    ("release", "texts"),
    [
        ("2023.1", ("2023.1", "[ GENERAL_ERROR ] Incorrect weights in bin file!")),
        ("2024.3", ("2024.3", "Incorrect weights in bin file!")),
        ("2026.3", ("2026.3", "Incorrect weights in bin file!")),
        ("2022.3", None),
    ],
)
def test_each_release_has_another_text(release: str, texts: tuple[str, str] | None) -> None:
    assert text_of_release(parse_release(release), "Incorrect weights in bin file!", "/m/a.xml") == texts


def test_an_unknown_fault_has_no_text_of_another_release() -> None:
    assert text_of_release(parse_release("2024.3"), "something else", "/m/a.xml") is None


def test_texts_of_other_releases_are_quoted_only_if_they_differ(public_dir: Path) -> None:
    (public_dir / "m" / "1").mkdir(parents=True)
    (public_dir / "m" / "1" / "a.xml").write_text("no model")
    (public_dir / "m" / "1" / "a.bin").write_text("x")

    def quoted(release: str) -> list[str]:
        (finding,) = findings(public_dir / "m", "--ovms-version", release)
        return [item["what"] for item in finding["evidence"] if "reports of such a file" in item["how"]]

    (old,) = quoted("2025.4")
    assert "model format: xml is supported" in old
    assert str(public_dir / "m" / "1" / "a.xml") in old
    assert quoted("2026.3") == []
