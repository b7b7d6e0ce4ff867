"""``--as-me``: the server has the user, the groups and the files of this process."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.helpers import good_model
from tests.cli.run import ovms_doctor


def test_as_me_assumes_this_processs_user_on_this_host(public_dir: Path) -> None:
    good_model(public_dir / "m" / "1")
    result = ovms_doctor("check", public_dir / "m", "--as-me", "--load", "none", "-f", "json")
    assert result.code == 0
    server = result.document["server"]
    assert (server["user"]["uid"], server["user"]["gid"]) == (os.geteuid(), os.getegid())
    assert set(server["user"]["groups"]) == set(os.getgroups()) - {os.getegid()}
    assert (server["user_from"], server["bare_metal"]) == ("--as-me", True)


def test_facts_keep_the_user(public_dir: Path) -> None:
    good_model(public_dir / "m" / "1")
    facts = public_dir / "facts.json"
    assert ovms_doctor("collect", public_dir / "m", "--as-me", "--load", "none", "-o", facts).code == 0
    server = ovms_doctor("check", "--facts", facts, "-f", "json").document["server"]
    assert (server["user"]["uid"], server["user_from"]) == (os.geteuid(), "--as-me")


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (["m", "--user", "5000"], "--as-me and --user exclude each other"),
        (["m", "--mount", "/a:/b"], "--as-me and --mount exclude each other"),
        (["--container", "ovms"], "--as-me can be used with a TARGET or with --"),
    ],
)
def test_options_for_another_user_or_other_files_are_refused(other: list[str], message: str) -> None:
    result = ovms_doctor("check", "--as-me", *other)
    assert result.code == 2
    assert message in result.err.decode()
