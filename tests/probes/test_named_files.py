"""Files that the command line names: devices are refused, pipes are read as long as data arrives."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

from ovms_doctor.model.errors import UsageError
from ovms_doctor.probes import interrupts
from ovms_doctor.probes.log_files import pieces
from ovms_doctor.probes.named_files import NamedFile, read_named_file
from tests.cli.helpers import good_model
from tests.cli.run import ovms_doctor

#: Options whose value is the path of a document, with the other arguments of the command.
DOCUMENTS = [
    ["check", ".", "--load", "none", "--env-file"],
    ["check", "--inspect"],
    ["check", "--compose"],
    ["check", "--kubernetes"],
    ["check", "--facts"],
    ["request", "--model", "."],
    ["logs"],
    ["check", ".", "--load", "none", "--log"],
]


@pytest.fixture
def pipe(tmp_path: Path) -> str:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return str(path)


@pytest.mark.parametrize("arguments", DOCUMENTS, ids=lambda arguments: arguments[-1])
@pytest.mark.parametrize("path", ["/dev/zero", "/"])
def test_a_device_or_directory_is_not_a_document(arguments: list[str], path: str) -> None:
    result = ovms_doctor(*arguments, path)
    assert result.code == 2
    assert b"is a directory, not a file" in result.err or b"is a device, not a file" in result.err
    assert result.err.count(b"\n") == 1


def test_a_pipe_without_a_writer_times_out(pipe: str) -> None:
    with pytest.raises(UsageError, match=r"pipe: no data arrived for 0\.01 seconds"):
        read_named_file(pipe, 100, time_limit=0.01)


def test_a_slowly_written_pipe_is_read_to_its_end(pipe: str) -> None:
    def write() -> None:
        with open(pipe, "wb") as file:
            file.write(b"a" * 200_000)

    writer = threading.Thread(target=write)
    writer.start()
    assert read_named_file(pipe, 1 << 20) == b"a" * 200_000
    writer.join()


def test_a_pipe_without_end_is_refused_at_the_limit() -> None:
    readable, writable = os.pipe()
    os.write(writable, b"x" * 5000)
    with pytest.raises(UsageError, match="more than 4,999 bytes"):
        read_named_file(f"/dev/fd/{readable}", 4999)
    # The writer is still open: the allowed amount was read without waiting for the end.
    os.close(writable)
    os.close(readable)


def test_an_interruption_ends_the_wait(pipe: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interrupts, "_noted", 1)
    with pytest.raises(interrupts.InterruptedRunError):
        read_named_file(pipe, 100)
    assert signal.getsignal(signal.SIGINT) is not None


def test_the_null_device_is_an_empty_file() -> None:
    assert read_named_file("/dev/null", 100) == b""


def test_a_missing_file_is_named() -> None:
    with pytest.raises(UsageError, match=r"^/nonexistent: No such file or directory$"):
        read_named_file("/nonexistent", 100)


def test_a_pipe_as_a_log_is_read_in_pieces(pipe: str) -> None:
    def write() -> None:
        with open(pipe, "wb") as file:
            file.write(b"a line of a log\n" * 100_000)

    writer = threading.Thread(target=write)
    writer.start()
    assert b"".join(pieces(pipe)) == b"a line of a log\n" * 100_000
    writer.join()


def test_a_log_without_a_writer_times_out(pipe: str) -> None:
    with NamedFile(pipe, 0.01) as file, pytest.raises(UsageError, match="no data arrived"):
        file.read()


def test_a_body_in_a_pipe_is_a_request(pipe: str, tmp_path: Path) -> None:
    good_model(tmp_path / "m" / "1")

    def write() -> None:
        with open(pipe, "wb") as file:
            file.write(b'{"inputs": [{"name": "x", "shape": [1, 3], "datatype": "FP32", "data": [1, 2, 3]}]}')

    writer = threading.Thread(target=write)
    writer.start()
    result = ovms_doctor("request", pipe, "--path", "/v2/models/m/infer", "--model", tmp_path / "m")
    writer.join()
    assert result.code == 0, result.err
