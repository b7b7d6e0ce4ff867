"""From a container to options: ids on the host, mounts, what cannot be read, the limits of the host."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from ovms_doctor.diagnosis.deploy import deployment_for
from ovms_doctor.diagnosis.from_container import options_from_container
from ovms_doctor.diagnosis.saved_options import options_from_json, options_to_json
from ovms_doctor.model.container import Container, ContainerLimits, ContainerMount, IdRange
from ovms_doctor.model.environment import variables
from ovms_doctor.model.facts import Facts
from ovms_doctor.model.host import Host, User
from ovms_doctor.model.mounts import Mount
from ovms_doctor.model.options import CheckOptions

ARGUMENTS = ("--config_path", "/models/config.json", "--port", "9000")
BASE = Container("docker", "ovms", name="ovms", arguments=ARGUMENTS, engine="docker")
MODELS = ContainerMount("/models", "bind", "/srv/models", read_only=True)


@pytest.mark.parametrize(
    ("written", "added", "user"),
    [
        ("", (), User(5000, 5000, (39, 44))),
        ("ovms", (), User(5000, 5000, (39, 44))),
        ("5000", (), User(5000, 5000, (39, 44))),
        ("5000:5000", (), User(5000, 5000)),
        ("1000", (), User(1000, 0)),
        ("1000:1000", ("109",), User(1000, 1000, (109,))),
        ("root", (), User(0, 0)),
        ("0:0", (), User(0, 0)),
        (":", (), User(0, 0)),
        (":44", (), User(0, 44)),
        ("1000:", (), User(1000, 0)),
        ("5000:", (), User(5000, 5000, (39, 44))),
        ("ovms:root", (), User(5000, 0)),
        ("", ("109", "video", "render"), User(5000, 5000, (39, 44, 109))),
    ],
)
def test_the_servers_user(written: str, added: tuple[str, ...], user: User) -> None:
    request = options_from_container(CheckOptions(), replace(BASE, user=written, groups=added))
    assert request.user == user


def test_a_name_that_only_the_image_knows_is_not_guessed() -> None:
    request = options_from_container(CheckOptions(), replace(BASE, user="somebody"))
    assert "somebody" in request.user_from
    assert request.container is not None
    assert request.container.problems == (
        "The container's user somebody is a name that only the image's /etc/passwd defines: the image's "
        "own user, uid 5000, is assumed. Set the user with --user UID:GID.",
    )


@pytest.mark.parametrize("written", ["1000", "ovms", ":", "0:0"])
def test_a_certain_user_is_not_a_problem(written: str) -> None:
    request = options_from_container(CheckOptions(), replace(BASE, user=written))
    assert request.container is not None
    assert request.container.problems == ()


def test_ids_of_a_user_namespace_are_the_hosts() -> None:
    mapped = replace(BASE, user_namespace="remapped", id_map=(IdRange(0, 100000, 65536),))
    request = options_from_container(CheckOptions(), mapped)
    assert (request.user.uid, request.user.gid) == (105000, 105000)
    assert "5000 in the container" in request.user_from


def test_unknown_rootless_ids_are_not_reported_as_missing_rights() -> None:
    request = options_from_container(CheckOptions(), replace(BASE, user_namespace="rootless"))
    assert request.user == User(0, 0)
    assert "not known" in request.user_from


@pytest.mark.parametrize("written", ["4294967296", "99999999999999999999:1", "nobody", "1000:video"])
def test_unknown_ids_are_reported(written: str) -> None:
    request = options_from_container(CheckOptions(), replace(BASE, user=written))
    assert request.user == User(5000, 5000, (39, 44))
    assert any(written in problem for problem in request.container.problems)  # type: ignore[union-attr]


def test_user_option_overrides_the_container() -> None:
    options = CheckOptions(user=User(7, 7), user_from="--user")
    assert options_from_container(options, replace(BASE, user="0:0")).user == User(7, 7)


def test_mounts_hide_the_containers_files_and_the_users_mounts_hide_all() -> None:
    options = CheckOptions(mounts=(Mount("/here", "/data"),))
    volume = ContainerMount("/data", "volume", name="weights")
    request = options_from_container(
        options, replace(BASE, merged_directory="/overlay/merged", mounts=(MODELS, volume))
    )
    assert request.mounts == (
        Mount("/overlay/merged", "/"),
        Mount("/srv/models", "/models", True),
        Mount("/here", "/data", rights="copy"),
    )
    assert request.unavailable_paths == ()


def test_unavailable_part_has_its_reason() -> None:
    mounts = (
        MODELS,
        ContainerMount("/data", "volume", name="weights"),
        ContainerMount("/cfg", "config", name="ovms-config"),
        ContainerMount("/tmp", "tmpfs"),
    )
    request = options_from_container(
        CheckOptions(), replace(BASE, mounts=mounts), missing_paths={"/srv/models"}
    )
    assert [item.server for item in request.unavailable_paths] == ["/models", "/data", "/cfg", "/tmp", "/"]
    assert "/srv/models, which is not on this host" in request.unavailable_paths[0].reason


def test_paths_of_a_container_without_mounts_are_not_read_on_this_host() -> None:
    assert [item.server for item in options_from_container(CheckOptions(), BASE).unavailable_paths] == ["/"]


@pytest.mark.parametrize(
    ("limits", "host", "cores"),
    [
        (ContainerLimits(cpus=1.5), Host(online=16, affinity=16), 2),
        (ContainerLimits(cpuset="0-2,5"), Host(online=16, affinity=16), 4),
        (ContainerLimits(), Host(online=16, affinity=16), 16),
        (ContainerLimits(complete=False), Host(online=16, affinity=16), None),
        (ContainerLimits(cpus=2), None, None),
        (ContainerLimits(cpuset="0-x"), Host(online=16, affinity=16), None),
    ],
)
def test_cores_of_a_new_release_come_from_quota_and_cpuset(
    limits: ContainerLimits, host: Host | None, cores: int | None
) -> None:
    request = options_from_container(CheckOptions(release="2026.3"), replace(BASE, limits=limits), host)
    assert deployment_for(request, Facts()).limits.cores == cores


def test_a_mount_with_an_unknown_host_path() -> None:
    request = options_from_container(
        CheckOptions(), replace(BASE, mounts=(ContainerMount("/models", "bind"),))
    )
    assert request.unavailable_paths[0].reason == (
        "/models is mounted from a path of the host that is not known: name its path with --mount HOST:/models"
    )


def test_missing_arguments_end_in_an_unknown_plan() -> None:
    request = options_from_container(
        CheckOptions(), replace(BASE, arguments=None, arguments_unavailable="a wrapper hides them")
    )
    deployment = deployment_for(request, Facts())
    assert deployment.unavailable is not None
    assert deployment.unavailable.reason == "a wrapper hides them"


def test_the_release_of_the_image_counts_unless_the_user_names_one() -> None:
    container = replace(BASE, release="2025.4", release_from="the image's tag")
    from_image = deployment_for(options_from_container(CheckOptions(), container), Facts())
    from_user = deployment_for(options_from_container(CheckOptions(release="2024.0"), container), Facts())
    assert (str(from_image.release), from_image.release_from) == ("2025.4", "the image's tag")
    assert (str(from_user.release), from_user.release_from) == ("2024.0", "--ovms-version")


def test_an_invalid_release_is_ignored() -> None:
    container = replace(BASE, release="nightly", release_from="the image's tag")
    assert (
        deployment_for(options_from_container(CheckOptions(), container), Facts()).release_from
        == "newest known"
    )


def test_a_request_survives_being_saved() -> None:
    container = replace(
        BASE,
        mounts=(MODELS, ContainerMount("/d\udcff", "volume")),
        limits=ContainerLimits(memory=1 << 30, cpus=2),
        environment=variables([("https_proxy", "http://u:canary@p:1"), ("S3_ENDPOINT", "http://m:9000")]),
        id_map=(IdRange(0, 100000, 65536),),
    )
    request = options_from_container(CheckOptions(timeout=3), container, Host(online=4, affinity=4))
    saved = json.dumps(options_to_json(request))
    assert "canary" not in saved
    assert options_from_json(json.loads(saved)) == request
