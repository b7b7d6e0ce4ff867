"""Completion in real shells: commands, options, codes, the values of options, and the engine's containers."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ovms_doctor.cli.completion import complete_codes, complete_containers, complete_outputs
from ovms_doctor.model.output_options import FORMATS, output_file
from tests.container.listening import body, listening

ROOT = Path(__file__).parents[2]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A PATH with the command, and a home directory without settings."""
    command = tmp_path / "bin/ovms-doctor"
    command.parent.mkdir()
    python, root = shlex.quote(sys.executable), shlex.quote(str(ROOT))
    command.write_text(f'#!/bin/sh\nPYTHONPATH={root} exec {python} -m ovms_doctor "$@"\n')
    command.chmod(0o755)
    path = f"{command.parent}:{os.environ['PATH']}"
    return {"PATH": path, "HOME": str(tmp_path), "TERM": "dumb", "LC_ALL": "C.UTF-8"}


def run(environment: dict[str, str], *command: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    """The output of a command that ends with this exit code."""
    completed = subprocess.run(command, env=environment, capture_output=True, check=False, text=True)
    assert completed.returncode == code, completed.stderr
    return completed


def in_bash(environment: dict[str, str], *arguments: str) -> list[str]:
    """The completions that bash offers for the last word."""
    script = """
        source <(ovms-doctor --show-completion bash)
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
        _ovms_doctor_completion ovms-doctor
        printf '%s\\n' "${COMPREPLY[@]}"
    """
    completed = run(environment, "bash", "--norc", "-c", script, "bash", *arguments)
    assert completed.stderr == ""
    return completed.stdout.split()


CASES = [
    (["che"], ["check", "checks"]),
    (["check", "--ovms"], ["--ovms-version"]),
    (["logs", "--si"], ["--since"]),
    (["check", "--format", "s"], ["sarif"]),
    (["check", "--load", ""], ["none", "read", "compile"]),
    (["check", "--select", "OVD101"], ["OVD101"]),
    (["check", "--ignore", "OVD101,permis"], ["OVD101,permissions"]),
    (["explain", "OVD70"], ["OVD701", "OVD702"]),
]


@pytest.mark.needs_command("bash")
@pytest.mark.parametrize(("arguments", "offered"), CASES, ids=lambda item: " ".join(item))
@pytest.mark.sample(every=3)
def test_bash(environment: dict[str, str], arguments: list[str], offered: list[str]) -> None:
    found = in_bash(environment, "ovms-doctor", *arguments)
    assert set(offered) <= set(found)
    assert all(item.lower().startswith(arguments[-1].lower()) for item in found)


@pytest.mark.needs_command("bash")
def test_bash_completes_files_itself(environment: dict[str, str]) -> None:
    """Where ovms-doctor offers nothing, bash completes file names (``complete -o default``)."""
    assert in_bash(environment, "ovms-doctor", "check", "./mod") == []
    completed = run(environment, "ovms-doctor", "--show-completion", "bash")
    assert "complete -o default -F _ovms_doctor_completion ovms-doctor" in completed.stdout


@pytest.mark.parametrize("arguments", [["--show-completion", "zsh"], ["--show-completion=zsh"]], ids=len)
def test_the_named_shell_counts(environment: dict[str, str], arguments: list[str]) -> None:
    """The shell that runs the tests does not matter."""
    completed = run(environment, "ovms-doctor", *arguments)
    assert completed.stdout.startswith("#compdef ovms-doctor")


def test_an_unknown_shell_is_a_usage_error(environment: dict[str, str]) -> None:
    completed = run(environment, "ovms-doctor", "--show-completion", "tcsh", code=2)
    assert "tcsh" in completed.stderr
    assert "Traceback" not in completed.stderr


class Zsh:
    """An interactive zsh on a terminal."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._master, slave = pty.openpty()
        self._process = subprocess.Popen(
            ["zsh", "-f", "-i"],
            env=environment,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        self.send("PS1='READY%% '; unsetopt zle_bracketed_paste; bindkey -e\n")
        self.until("READY% ")

    def send(self, text: str) -> None:
        os.write(self._master, text.encode())

    def until(self, pattern: str) -> str:
        """The output of the terminal up to a text; the limit only ends a test that hangs."""
        output = ""
        end = time.monotonic() + 120
        while re.search(pattern, output) is None:
            assert time.monotonic() < end, output
            if select.select([self._master], [], [], 1)[0]:
                output += os.read(self._master, 65536).decode("utf-8", "replace")
        return output

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._master)


@pytest.fixture
def zsh(environment: dict[str, str]) -> Iterator[Zsh]:
    if shutil.which("zsh") is None:
        pytest.skip("needs zsh")
    shell = Zsh(environment)
    shell.send(
        'autoload -U compinit; compinit -u; eval "$(ovms-doctor --show-completion zsh)"; echo DO""NE\n'
    )
    shell.until("DONE\r?\n")
    yield shell
    shell.close()


@pytest.mark.needs_command("zsh")
def test_zsh(zsh: Zsh) -> None:
    zsh.send("ovms-doctor check --ovms\t")
    zsh.until("--ovms-version ")
    zsh.send("\x15ovms-doctor check --select OVD10\t")
    output = zsh.until("OVD109")
    assert "The models directory has no sub-directory" in output
    zsh.send("\x15ovms-doctor explain no-version\t")
    zsh.until("no-version-directory")


def test_codes_behind_a_comma() -> None:
    offered = dict(complete_codes("OVD1,no-ver"))
    assert list(offered) == ["OVD1,no-version-directory"]
    assert "sub-directory" in offered["OVD1,no-version-directory"]
    assert dict(complete_codes("LAY")).keys() >= {"layout"}


def test_containers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [
        {"Names": ["/ovms"]},
        {"Names": ["/ovms-old", "/alias"]},
        {"Names": ["/evil\n\x1b[31m"]},
        {"Names": None},
    ]
    answer = body(json.dumps(names).encode())

    def reply(connection: socket.socket) -> None:
        path = [*connection.recv(65536).split(b" "), b""][1]
        connection.sendall(body(b'{"ApiVersion": "1.41"}') if path.endswith(b"/version") else answer)

    with listening(tmp_path / "socket", reply) as url:
        monkeypatch.setenv("DOCKER_HOST", url)
        assert [name for name, _ in complete_containers("ovms")] == ["ovms", "ovms-old"]
        assert [name for name, _ in complete_containers("")] == ["ovms", "ovms-old", "alias"]


def test_no_completions_without_an_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nothing")
    assert complete_containers("") == []


# -- files with a format -------------------------------------------------------------------------------


@pytest.mark.needs_command("bash")
def test_formats_of_files_in_bash(
    environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two candidates with a common prefix: bash inserts the prefix, with the colon and without a space."""
    monkeypatch.chdir(tmp_path)
    assert in_bash(environment, "ovms-doctor", "check", "m", "-o", "s") == ["sarif:", "sarif:report.sarif"]
    assert "json:" in in_bash(environment, "ovms-doctor", "logs", "x", "--output", "j")
    # In bash the colon is a separate word; after it, bash completes file names.
    assert in_bash(environment, "ovms-doctor", "check", "m", "-o", "sarif", ":", "") == []
    # Facts have one format.
    assert in_bash(environment, "ovms-doctor", "collect", "m", "-o", "s") == []


@pytest.mark.needs_command("zsh")
def test_formats_of_files_in_zsh(zsh: Zsh, tmp_path: Path) -> None:
    (tmp_path / "results.sarif").touch()
    zsh.send(f'cd {tmp_path}; echo DO""NE\n')
    zsh.until("DONE\r?\n")
    zsh.send("ovms-doctor check m -o s\t")
    zsh.until("s\x1b?.*arif:")
    zsh.send("res\t")
    zsh.until("results.sarif")


def test_each_format_is_offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    offered = [text for text, _ in complete_outputs("")]
    assert [text for text in offered if text.endswith(":")] == [f"{form}:" for form in FORMATS]
    assert all(output_file(text).format for text in offered if not text.endswith(":"))


def test_files_behind_a_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out").mkdir()
    for name in ("out/a.json", "old.json", "x$(touch evil).json", "x`id`", "x'y", "x\ny", ".hidden"):
        (tmp_path / name).touch()
    assert [text for text, _ in complete_outputs("json:o")] == ["json:old.json", "json:out/"]
    assert [text for text, _ in complete_outputs("json:out/")] == ["json:out/a.json"]
    assert [text for text, _ in complete_outputs("json:")] == ["json:old.json", "json:out/"]
    assert [text for text, _ in complete_outputs("o")] == ["old.json", "out/"]
    # Names that a shell could execute are not offered.
    assert complete_outputs("x") == complete_outputs("missing/") == complete_outputs("json:\0") == []
