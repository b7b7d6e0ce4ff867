"""The device nodes of GPUs and NPUs on a host: which are used, and which groups can open them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from msgspec.structs import replace

from ovms_doctor.diagnosis.deploy import deployment_for
from ovms_doctor.diagnosis.saved_options import options_from_json, options_to_json
from ovms_doctor.model.facts import Facts
from ovms_doctor.model.host import Host, HostDevices
from ovms_doctor.model.options import CheckOptions
from ovms_doctor.probes.acl import ATTRIBUTE, GROUP_OBJ, MASK, OTHER, USER, USER_OBJ, AclEntry, pack
from ovms_doctor.probes.host import read_devices, read_host

INTEL, OTHER_MAKER = "0x8086\n", "0x10de\n"


def node(root: Path, path: str, mode: int = 0o660, group: int = 0, maker: str | None = None) -> Path:
    """A regular file instead of a device node, because tests may not create device nodes."""
    file = root / "dev" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
    if os.geteuid() == 0:
        os.chown(file, 0, group)
    file.chmod(mode)
    if maker is not None:
        kind = "drm" if path.startswith("dri") else "accel"
        vendor = root / "sys/class" / kind / file.name / "device/vendor"
        vendor.parent.mkdir(parents=True)
        vendor.write_text(maker)
    return file


def test_a_host_without_devices(tmp_path: Path) -> None:
    assert read_devices(str(tmp_path)) == HostDevices()
    (tmp_path / "dev/dri").mkdir(parents=True)
    assert read_devices(str(tmp_path)) == HostDevices()


@pytest.mark.parametrize(
    ("path", "maker", "expected"),
    [
        ("dri/renderD128", INTEL, HostDevices(dri=True, intel_gpu=True)),
        ("dri/renderD128", None, HostDevices(dri=True)),
        ("dri/renderD128", "nonsense", HostDevices(dri=True)),
        ("dri/renderD128", OTHER_MAKER, HostDevices()),
        ("dri/card0", INTEL, HostDevices()),
        ("accel/accel0", INTEL, HostDevices(accel=True)),
        ("accel/accel0", OTHER_MAKER, HostDevices()),
        ("dxg", None, HostDevices(dxg=True)),
    ],
)
def test_nodes_that_count_as_devices(
    tmp_path: Path, path: str, maker: str | None, expected: HostDevices
) -> None:
    node(tmp_path, path, 0o666, maker=maker)
    assert read_devices(str(tmp_path)) == expected


@pytest.mark.needs_root
@pytest.mark.parametrize(
    ("modes", "groups"),
    [
        ([(0o660, 109)], (109,)),
        ([(0o666, 109)], ()),
        ([(0o640, 109)], ()),
        ([(0o660, 109), (0o660, 44)], (44, 109)),
        ([(0o660, 109), (0o666, 44)], ()),
    ],
)
def test_groups(tmp_path: Path, modes: list[tuple[int, int]], groups: tuple[int, ...]) -> None:
    for number, (mode, group) in enumerate(modes):
        node(tmp_path, f"dri/renderD{128 + number}", mode, group, INTEL)
        node(tmp_path, f"accel/accel{number}", mode, group)
    host_devices = read_devices(str(tmp_path))
    assert (host_devices.render_groups, host_devices.accel_groups) == (groups, groups)


@pytest.mark.needs_root
def test_an_acl_or_another_owner_leaves_the_groups_open(tmp_path: Path) -> None:
    file = node(tmp_path, "dri/renderD128", 0o660, 109, INTEL)
    os.chown(file, 1000, 109)
    assert read_devices(str(tmp_path)).render_groups == ()
    os.chown(file, 0, 109)
    assert read_devices(str(tmp_path)).render_groups == (109,)
    entries = (
        AclEntry(USER_OBJ, 6),
        AclEntry(USER, 6, 1000),
        AclEntry(GROUP_OBJ, 6),
        AclEntry(MASK, 6),
        AclEntry(OTHER, 0),
    )
    try:
        os.setxattr(file, ATTRIBUTE, pack(entries))
    except OSError:
        pytest.skip("this file system has no ACLs")
    assert read_devices(str(tmp_path)).render_groups == ()


FOUND_DEVICES = HostDevices(
    dri=True, accel=True, render_groups=(109, 110), accel_groups=(992,), intel_gpu=True
)


def test_recorded_facts_carry_the_devices() -> None:
    request = CheckOptions(
        arguments=("--model_path", "/m", "--port", "9000"), host=Host(devices=FOUND_DEVICES)
    )
    again = options_from_json(json.loads(json.dumps(options_to_json(request))))
    assert again == request
    assert deployment_for(again, Facts(complete=True)).devices == FOUND_DEVICES
    assert read_host().devices is not None


def test_devices_of_an_unknown_host_are_unknown() -> None:
    request = CheckOptions(arguments=("--model_path", "/m"), host=Host())
    assert deployment_for(request, Facts(complete=True)).devices is None
    assert deployment_for(replace(request, host=None), Facts(complete=True)).devices is None


@pytest.mark.parametrize(
    "data", [[], 1, {"dri": 1}, {"render_groups": 5}, {"render_groups": ["5"]}, {"accel_groups": [-1]}]
)
def test_invalid_devices_are_refused(data: object) -> None:
    with pytest.raises(ValueError, match="not the options of a run"):
        options_from_json({"host": {"devices": data}})
