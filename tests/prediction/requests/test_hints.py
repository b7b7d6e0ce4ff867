"""How encoded data of an input is converted, by release."""

from __future__ import annotations

import pytest

from ovms_doctor.model.releases import parse_release
from ovms_doctor.model.served_models import Dimension, ServedInput
from ovms_doctor.prediction.requests.validation import processing_hint


@pytest.mark.parametrize(
    ("precision", "rank", "split", "release", "hint"),
    [
        ("STRING", 1, False, "2024.0", "string"),
        ("STRING", 1, False, "2023.3", "none"),
        ("U8", 2, False, "2023.0", "string 2D"),
        ("U8", 2, False, "2022.3", "none"),
        ("U8", 2, True, "2026.3", "none"),
        ("I8", 2, False, "2026.3", "none"),
        ("U8", 3, False, "2026.3", "none"),
        ("U8", 4, False, "2026.3", "image"),
        ("FP32", 4, False, "2022.1", "image"),
        ("FP32", 4, True, "2026.3", "none"),
        ("FP32", 5, True, "2026.3", "image"),
    ],
)
def test_the_hint(precision: str, rank: int, split: bool, release: str, hint: str) -> None:
    item = ServedInput("x", "x", precision, (Dimension(1, 1),) * rank, is_split=split)
    assert processing_hint(item, parse_release(release)) == hint
