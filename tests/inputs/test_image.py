"""The release and the variant of an image."""

from __future__ import annotations

import pytest

from ovms_doctor.inputs.image import release_of

LINE = "[2026-08-05 19:04:12.513][1][serving][info][server.cpp:115] OpenVINO Model Server "


@pytest.mark.parametrize(
    ("image", "release"),
    [
        ("openvino/model_server:2026.3", "2026.3"),
        ("openvino/model_server:2026.3-gpu", "2026.3"),
        ("openvino/model_server:2026.3-py", "2026.3"),
        ("openvino/model_server:2025.4.1", "2025.4.1"),
        ("openvino/model_server:2021.4", "2021.4"),
        ("openvino/model_server:2019_R3", "2019.3"),
        ("intelaipg/openvino-model-server:2020_R1.1", "2020.1"),
        ("openvino/model_server:2025_R3", None),
        ("other/image:2019_R3", None),
        ("docker.io/openvino/model_server:v2025.0", "2025.0"),
        ("localhost:5000/mirror/openvino/model_server:2022.3.0.1", "2022.3.0.1"),
        ("localhost:2025/openvino/model_server", None),
        ("openvino/model_server:2025.4@sha256:" + "0" * 64, "2025.4"),
        ("openvino/model_server@sha256:" + "0" * 64, None),
        ("openvino/model_server:latest-gpu", None),
        ("openvino/model_server:weekly", None),
        ("openvino/model_server", None),
        ("mycorp/ovms-custom:2024.5-build7", "2024.5"),
        ("mycorp/resnet:2024.10", None),
        ("openvino/model_server:2024.5.1.2.3", None),
        ("", None),
    ],
)
def test_tag(image: str, release: str | None) -> None:
    assert release_of(image, {}, ()) == (release, "the image's tag" if release else "")


@pytest.mark.parametrize(
    ("text", "release"),
    [
        ("2026.3.0.6f3df706b", "2026.3"),
        ("2025.1.a53a72550", "2025.1"),
        ("2025.4.1.12345678a", "2025.4.1"),
        ("2022.3.0.1.0a1b2c3d", "2022.3.0.1"),
        ("REPLACE_PROJECT_VERSION", None),
    ],
)
def test_banner(text: str, release: str | None) -> None:
    assert release_of("", {}, ["first", LINE + text, "last"])[0] == release


def test_the_precedence_of_release_sources() -> None:
    labels = {"name": "OVMS", "version": "2024.5.0"}
    image = "openvino/model_server:2022.1"
    assert release_of(image, labels, [LINE + "2025.4.0.0a1b2c3d"]) == ("2025.4", "the container's log")
    assert release_of(image, labels, ["nothing"]) == ("2024.5", "the image's label version")
    # The label belongs to another product or is known to be wrong.
    assert release_of(image, {"name": "ubi9", "version": "2024.5"}, ())[0] == "2022.1"
    assert release_of(image, {"name": "OVMS", "version": "2021.4"}, ())[0] == "2022.1"
    assert release_of(image, [("name", "OVMS"), ("version", "2023.0")], ())[0] == "2023.0"
