"""The image that a container was made of: too old for its tag, or without the drivers that a model asks for."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ovms_doctor.checks.context import Context
from ovms_doctor.checks.parameter_words import spelled
from ovms_doctor.model.causes import ParameterRefused
from ovms_doctor.model.container import Container
from ovms_doctor.model.findings import Evidence, Finding, Step
from ovms_doctor.model.names import is_stock_image
from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.model.plan import ModelPlan
from ovms_doctor.model.releases import KNOWN_RELEASES, NEWEST, ReleaseError, parse_release

#: How many minor releases behind are worth a word.
_BEHIND = 3
_SEEN_IN_IT = ("the container's log", "the image's label version")
_DEVICE = lazy_pattern(r"(GPU|NPU)(\.\d+)?")


def check(context: Context) -> Iterator[Finding]:
    container = context.deployment.container
    if container is None:
        return
    yield from _outdated(container, context)
    for model in context.plan.models:
        yield from _drivers(context, container, model)


def _tag(image: str) -> str:
    """``latest`` where none is written; empty for a digest."""
    if "@" in image:
        return ""
    return image.rpartition("/")[2].partition(":")[2] or "latest"


# -- latest that is none -------------------------------------------------------------------------------


def _outdated(container: Container, context: Context) -> Iterator[Finding]:
    said = container.release
    if said is None or container.release_from not in _SEEN_IN_IT or not is_stock_image(container.image):
        return
    tag = _tag(container.image)
    if tag not in ("latest", "latest-gpu"):
        return
    try:
        release = parse_release(said)
    except ReleaseError:
        return
    minors = {known.numbers[:2] for known in KNOWN_RELEASES}
    newer = sorted(minor for minor in minors if release.numbers[:2] < minor)
    if len(newer) < _BEHIND:
        return
    yield context.finding(
        "OVD726",
        f"The image is tagged {tag} and holds OVMS {release}; {NEWEST} and perhaps later ones are out",
        evidence=(Evidence(f"OVMS {release}", container.release_from),),
        confidence="high",
        recovers="restart",
        steps=(Step("Name the release that is wanted.", *_newer(container, tag)),),
    )


def _newer(container: Container, tag: str) -> tuple[str]:
    """The same image with the newest known release for its tag."""
    name = container.image.rpartition(":")[0] if container.image.endswith(f":{tag}") else container.image
    image = f"{name}:{NEWEST}{tag.removeprefix('latest')}"
    return (f"{container.engine or 'docker'} pull {image}",)


# -- drivers -------------------------------------------------------------------------------------------


def _drivers(context: Context, container: Container, model: ModelPlan) -> Iterator[Finding]:
    if model.kind != "classic" or model.parameters is None:
        return
    device = model.parameters.device
    match = None if device.chosen_by_server else _DEVICE.fullmatch(device.text)
    lack = None if match is None else _lacks(container, match[1])
    # A model that fails over its device has a finding already; this one tells one reason more.
    if match is None or lack is None or not any(version.attempt for version in model.versions):
        return
    image = container.image or "its image"
    attempts = [version.attempt for version in model.versions if version.attempt is not None]
    fails = any(
        isinstance(item.cause, ParameterRefused) and item.cause.reason == "device" for item in attempts
    )
    yield context.finding(
        "OVD728",
        f"{spelled(model.entry, 'target_device')}: the image {image} has no driver for the {match[1]}",
        model=model.entry.name,
        path=model.entry.base_path,
        base=model.entry.base_path,
        severity="error" if fails else "warning",
        confidence="medium",
        detail="Without a driver OpenVINO does not find the device, even if the container has its node.",
        evidence=(lack,),
        recovers="restart",
        steps=_with_drivers(container),
    )


def _lacks(container: Container, device: str) -> Evidence | None:
    """Why the image has no driver for a device; None where it has, or that is not known. Source: the label
    supported-devices since v2023.1; the tags of openvino/model_server."""
    label = dict(container.labels).get("supported-devices", "")
    match = re.search(rf"\b{device}=([01])\b", label)
    if match is not None:
        return Evidence(f"supported-devices: {label}", "the image's label") if match[1] == "0" else None
    tag = _tag(container.image)
    released = tag == "latest" or re.fullmatch(r"\d{4}\.\d+(\.\d+)*", tag)
    repository = container.image.partition("@")[0].rpartition("/")[2].partition(":")[0]
    if container.image and is_stock_image(container.image) and released and not repository.endswith("-gpu"):
        return Evidence(f"the tag {tag} is for the CPU alone", "the tags of openvino/model_server")
    return None


def _with_drivers(container: Container) -> tuple[Step, ...]:
    tag = _tag(container.image)
    if not tag or not is_stock_image(container.image):
        return (Step("Take the image with the drivers: its tag ends in -gpu."),)
    name = container.image.removesuffix(f":{tag}")
    image = f"{name}:{tag}-gpu"
    text = f"Take {image}, which has the drivers."
    if container.source == "kubernetes":
        return (Step(text, f"image: {image}", "kubernetes", "restarts the server"),)
    if container.source == "compose":
        return (Step(text, f"image: {image}", "compose", "restarts the server"),)
    return (Step(text, f"docker run … {image} …", "docker run", "restarts the server"),)
