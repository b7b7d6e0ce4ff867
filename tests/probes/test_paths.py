"""Server paths to host paths and back."""

from __future__ import annotations

import pytest

from ovms_doctor.probes.paths import Mount, PathMap

MOUNTS = PathMap(
    [
        Mount("/srv/models", "/models"),
        Mount("/srv/a/", "/models/a/"),
        Mount("/etc/c.json", "/config.json", True),
    ]
)


@pytest.mark.parametrize(
    ("server", "host"),
    [
        ("/models", "/srv/models"),
        ("/models/", "/srv/models/"),
        ("/models/b/1/", "/srv/models/b/1/"),
        ("//models//./b", "/srv/models/./b"),
        ("/models/a", "/srv/a"),
        ("/models/a/1", "/srv/a/1"),
        ("/models/ab", "/srv/models/ab"),
        ("/modelsx", None),
        ("/", None),
        ("/config.json", "/etc/c.json"),
    ],
)
def test_the_longest_server_prefix_wins(server: str, host: str | None) -> None:
    assert MOUNTS.to_host(server) == host


@pytest.mark.parametrize(
    ("host", "server"), [("/srv/models/b", "/models/b"), ("/srv/a/1", "/models/a/1"), ("/srv", None)]
)
def test_back_again(host: str, server: str | None) -> None:
    assert MOUNTS.to_server(host) == server


def test_a_later_mount_on_the_same_place_hides_the_earlier() -> None:
    assert PathMap([Mount("/a", "/m"), Mount("/b", "/m")]).to_host("/m/x") == "/b/x"


def test_the_root_can_be_mounted() -> None:
    paths = PathMap([Mount("/container", "/"), Mount("/", "/host")])
    assert paths.to_host("/models/x") == "/container/models/x"
    assert paths.to_host("/") == "/container"
    assert paths.to_host("/host") == "/"
    assert paths.to_host("/host/srv") == "/srv"


def test_without_mounts_every_path_is_its_own() -> None:
    assert PathMap().to_host("//a/./b/") == "//a/./b/"
    assert PathMap().to_server("/a") == "/a"
