"""The image of the container: an old release with the tag latest, or no driver for a model's device."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ovms_doctor.checks.context import Context
from ovms_doctor.checks.parameters.text import show_parameter
from ovms_doctor.model.causes import ParameterRefused
from ovms_doctor.model.codes import Code, Example
from ovms_doctor.model.container import Container
from ovms_doctor.model.findings import Evidence, Finding, Step
from ovms_doctor.model.names import is_stock_image
from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.model.plan import ModelPlan
from ovms_doctor.model.releases.release import KNOWN_RELEASES, NEWEST, ReleaseError, parse_release

IMAGE_LATEST_IS_OLD = Code(
    code="OVD726",
    name="image-latest-is-old",
    severity="info",
    summary="The image is tagged latest, but contains an old release",
    remedy="Name a release in the tag, or pull again.",
    recovers="restart",
    releases="The same in all releases.",
    see_also=("OVD728",),
    example=Example("openvino/model_server:latest   pulled two years ago", "openvino/model_server:2026.3"),
)

IMAGE_WITHOUT_DRIVER = Code(
    code="OVD728",
    name="image-without-driver",
    severity="warning",
    summary="The target device of a model is a GPU or NPU, but the image has no driver for it",
    remedy="Use the image whose tag ends in -gpu.",
    recovers="restart",
    releases="Since 2023.1 the label supported-devices of the images lists the devices with drivers.",
    see_also=("OVD432", "OVD731", "OVD732"),
    example=Example(
        "docker run openvino/model_server:2026.3 … --target_device GPU",
        "docker run openvino/model_server:2026.3-gpu … --target_device GPU",
    ),
)


#: How many newer minor releases make an image old.
_NEWER_RELEASES = 3
_RELIABLE_SOURCES = ("the container's log", "the image's label version")
_DEVICE = lazy_pattern(r"(GPU|NPU)(\.\d+)?")


CODES = (IMAGE_LATEST_IS_OLD, IMAGE_WITHOUT_DRIVER)


def check(context: Context, container: Container) -> Iterator[Finding]:
    """Yields findings on the image's release, and on the devices of the models."""
    yield from _outdated(container, context)
    for model in context.plan.models:
        yield from _drivers(context, container, model)


def _tag(image: str) -> str:
    """Returns the tag: ``latest`` if none is written; empty for a digest."""
    if "@" in image:
        return ""
    return image.rpartition("/")[2].partition(":")[2] or "latest"


# -- an old latest -------------------------------------------------------------------------------


def _outdated(container: Container, context: Context) -> Iterator[Finding]:
    text = container.release
    if text is None or container.release_from not in _RELIABLE_SOURCES or not is_stock_image(container.image):
        return
    tag = _tag(container.image)
    if tag not in ("latest", "latest-gpu"):
        return
    try:
        release = parse_release(text)
    except ReleaseError:
        return
    minors = {known.numbers[:2] for known in KNOWN_RELEASES}
    newer = sorted(minor for minor in minors if release.numbers[:2] < minor)
    if len(newer) < _NEWER_RELEASES:
        return
    yield context.finding(
        IMAGE_LATEST_IS_OLD,
        f"The image is tagged {tag} and contains OVMS {release}; newer releases exist, at least {NEWEST}",
        evidence=(Evidence(f"OVMS {release}", container.release_from),),
        confidence="high",
        recovers="restart",
        steps=(Step("Name the release in the tag.", *_newer(container, tag)),),
    )


def _newer(container: Container, tag: str) -> tuple[str]:
    """Returns the same image with the newest known release for its tag."""
    name = container.image.rpartition(":")[0] if container.image.endswith(f":{tag}") else container.image
    image = f"{name}:{NEWEST}{tag.removeprefix('latest')}"
    return (f"{container.engine or 'docker'} pull {image}",)


# -- drivers -------------------------------------------------------------------------------------------


def _drivers(context: Context, container: Container, model: ModelPlan) -> Iterator[Finding]:
    if model.kind != "classic" or model.parameters is None:
        return
    device = model.parameters.device
    match = None if device.chosen_by_server else _DEVICE.fullmatch(device.text)
    missing = None if match is None else _no_driver(container, match[1])
    # A model that fails because of its device has a finding already; this one adds a reason.
    if match is None or missing is None or not any(version.attempt for version in model.versions):
        return
    image = container.image or "its image"
    attempts = [version.attempt for version in model.versions if version.attempt is not None]
    fails = any(
        isinstance(item.cause, ParameterRefused) and item.cause.reason == "device" for item in attempts
    )
    yield context.finding(
        IMAGE_WITHOUT_DRIVER,
        f"{show_parameter(model.entry, 'target_device')}: the image {image} has no driver for the {match[1]}",
        model=model.entry.name,
        path=model.entry.base_path,
        base=model.entry.base_path,
        severity="error" if fails else "warning",
        confidence="medium",
        detail="Without a driver OpenVINO does not find the device, even if the container has the device node.",
        evidence=(missing,),
        recovers="restart",
        steps=_with_drivers(container),
    )


def _no_driver(container: Container, device: str) -> Evidence | None:
    """Returns the evidence that the image has no driver for a device; None if it has one, or if it is not known.

    Sources: the label supported-devices since v2023.1; the tags of openvino/model_server.
    """
    label = dict(container.labels).get("supported-devices", "")
    match = re.search(rf"\b{device}=([01])\b", label)
    if match is not None:
        return Evidence(f"supported-devices: {label}", "the image's label") if match[1] == "0" else None
    tag = _tag(container.image)
    released = tag == "latest" or re.fullmatch(r"\d{4}\.\d+(\.\d+)*", tag)
    repository = container.image.partition("@")[0].rpartition("/")[2].partition(":")[0]
    if container.image and is_stock_image(container.image) and released and not repository.endswith("-gpu"):
        return Evidence(f"the tag {tag} is for the CPU only", "the tags of openvino/model_server")
    return None


def _with_drivers(container: Container) -> tuple[Step, ...]:
    tag = _tag(container.image)
    if not tag or not is_stock_image(container.image):
        return (Step("Use the image with the drivers: its tag ends in -gpu."),)
    name = container.image.removesuffix(f":{tag}")
    image = f"{name}:{tag}-gpu"
    text = f"Use {image}, which has the drivers."
    if container.source == "kubernetes":
        return (Step(text, f"image: {image}", "kubernetes", "restarts the server"),)
    if container.source == "compose":
        return (Step(text, f"image: {image}", "compose", "restarts the server"),)
    return (Step(text, f"docker run … {image} …", "docker run", "restarts the server"),)
