"""All missing rights are found at once, and one remedy grants them all."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ovms_doctor.model.facts import Denials, ListDenials
from ovms_doctor.probes.filesystem import open_files
from tests.cli.helpers import check, codes, good_model
from tests.cli.run import Result

USER = (5000, 5000, (39, 44))


def denied(path: Path, top: Path | None = None) -> Denials:
    answer = open_files(None).answer(ListDenials(str(path), str(top or path), *USER))
    assert isinstance(answer, Denials)
    return answer


def paths(found: tuple[Any, ...], below: Path) -> list[str]:
    return [item.path.removeprefix(f"{below}/") for item in found]


@pytest.fixture
def tree(public_dir: Path) -> Path:
    """A closed directory with a closed model in it, and many files that no server reads."""
    version = good_model(public_dir / "closed" / "team" / "m" / "1")
    for file in version.iterdir():
        file.chmod(0o600)
    (version / "notes.txt").write_text("x")
    (version / "notes.txt").chmod(0o600)
    (version / "elsewhere.xml").symlink_to("/etc/shadow")
    (version.parent / ".git").mkdir(0o700)
    (version.parent / "docs").mkdir(0o700)
    for directory in (version, version.parent, version.parent.parent, public_dir / "closed"):
        directory.chmod(0o700)
    return public_dir


def test_parent_directories_and_files_that_a_server_reads(tree: Path) -> None:
    found = denied(tree / "closed/team/m", tree / "closed")
    assert paths(found.directories, tree / "closed") == ["team", "team/m", "team/m/1"]
    assert paths(found.files, tree / "closed") == ["team/m/1/model.bin", "team/m/1/model.xml"]
    assert {item.how for item in (*found.directories, *found.files)} == {"predicted"}
    assert not found.more


def test_allowed_path_is_not_denied(public_dir: Path) -> None:
    good_model(public_dir / "m" / "1")
    assert denied(public_dir / "m") == Denials()
    assert denied(public_dir / "nothing") == Denials()
    (public_dir / "file").write_text("x")
    assert denied(public_dir / "file") == Denials()


def test_a_large_tree_is_not_read_completely(public_dir: Path) -> None:
    version = public_dir / "m" / "1"
    version.mkdir(parents=True)
    for number in range(5100):
        os.close(os.open(version / f"{number}.xml", os.O_CREAT, 0o600))
    found = denied(public_dir / "m")
    assert len(found.files) == 200
    assert found.more


def test_a_deep_tree_ends(public_dir: Path) -> None:
    deep = public_dir.joinpath("m", *["d"] * 40)
    deep.mkdir(parents=True)
    (deep / "model.xml").write_text("")
    found = denied(public_dir / "m")
    assert (found.directories, found.files, found.more) == ((), (), True)


def remedies(result: Result) -> list[str]:
    """The first command of every finding on rights."""
    return [
        finding["remedy"]["steps"][0]["command"]
        for finding in result.document["findings"]
        if finding["code"].startswith("OVD20")
    ]


@pytest.mark.needs_root
def test_one_remedy_gives_all_rights(public_dir: Path) -> None:
    """A closed model directory in which everything is closed, and two files beside each other."""
    version = good_model(public_dir / "models" / "a" / "1")
    other = good_model(public_dir / "models" / "b" / "1")
    for path in (*version.iterdir(), *other.iterdir()):
        path.chmod(0o600)
    version.chmod(0o700)
    version.parent.chmod(0o700)
    result = check(public_dir / "models", "--load", "none", "--no-plugins")
    assert codes(result) == ["OVD202", "OVD203"]
    a, b = remedies(result)
    assert a == (
        f"chmod o+rx {version.parent} {version} && chmod o+r {version}/model.bin {version}/model.xml"
    )
    assert b == f"chmod o+r {other}/model.xml {other}/model.bin"
    for command in (a, b):
        subprocess.run(["sh", "-c", command], check=True)
    assert check(public_dir / "models", "--load", "none", "--no-plugins").code == 0


@pytest.mark.needs_root
def test_many_denied_paths_have_one_remedy_for_the_tree(public_dir: Path) -> None:
    for number in range(10):
        for file in good_model(public_dir / "models" / f"m{number}" / "1").iterdir():
            file.chmod(0o600)
    (public_dir / "models").chmod(0o700)
    result = check(public_dir / "models", "--load", "none", "--no-plugins")
    commands = set(remedies(result))
    # There is one remedy for all models, so that they form one group.
    assert commands == {f"chmod -R o+rX {public_dir}/models"}
    subprocess.run(["sh", "-c", commands.pop()], check=True)
    assert stat.S_IMODE((public_dir / "models/m0/1/model.bin").stat().st_mode) == 0o604
    assert check(public_dir / "models", "--load", "none", "--no-plugins").code == 0


@pytest.mark.needs_root
def test_saved_facts_give_the_same_remedy(public_dir: Path, tmp_path: Path) -> None:
    from tests.cli.run import ovms_doctor

    version = good_model(public_dir / "models" / "a" / "1")
    version.chmod(0o700)
    version.parent.chmod(0o700)
    saved = tmp_path / "facts.json"
    assert ovms_doctor("collect", public_dir / "models", "--load", "none", "-o", saved).code == 0
    from_facts = check("--facts", saved)
    assert remedies(from_facts) == remedies(check(public_dir / "models", "--load", "none", "--no-plugins"))
    assert remedies(from_facts) == [f"chmod o+rx {version.parent} {version}"]
