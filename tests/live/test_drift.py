"""What a running server read, and when: the times of its log compared with those of files, in any time zone."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from msgspec.structs import replace

from ovms_doctor.checks.live.drift import moment
from ovms_doctor.diagnosis.log_report import read_log
from ovms_doctor.model.container import Container, ContainerState
from ovms_doctor.model.deployment import Deployment
from ovms_doctor.model.live import LiveQuery
from ovms_doctor.model.log import LogSummary
from ovms_doctor.model.options import CheckOptions
from ovms_doctor.model.releases import NEWEST
from ovms_doctor.prediction.live.drift import log_time, server_times
from tests.container.recorded import start_log

#: The first record of the recorded log, read as UTC.
_FIRST = datetime(2026, 11, 28, 13, 38, 8, 413000, tzinfo=timezone.utc)
_LOG = read_log([("", [start_log().encode()])])


def _deployment(started_at: str, log: LogSummary | None = _LOG) -> Deployment:
    container = Container("docker", "ovms", state=ContainerState("running", started_at=started_at))
    options = CheckOptions(container=container, server_log=log, live=LiveQuery(queried_at=1.0))
    return Deployment("config", NEWEST, "log", container=container, options=options)


@pytest.mark.parametrize("hours", [0, 1, -5, 5.5, 5.75, 14, -12])
def test_the_zone_of_the_log_follows_from_the_start(hours: float) -> None:
    """The engine's times are UTC, the server's log is in local time."""
    started = _FIRST - timedelta(hours=hours) - timedelta(seconds=0.7)
    times = server_times(_deployment(started.strftime("%Y-%m-%dT%H:%M:%S.%f123Z")))
    assert times is not None
    assert times.started == pytest.approx(started.timestamp(), abs=1e-5)
    assert times.offset == -hours * 3600
    load = times.loads["fc", 1]
    assert 0.5 < load - times.started < 3


@pytest.mark.parametrize("seconds", [400, -30, 86_400 * 2, 1000])
def test_a_log_of_another_start_is_not_compared(seconds: float) -> None:
    started = (_FIRST - timedelta(seconds=seconds)).isoformat()
    times = server_times(_deployment(started))
    assert times is not None
    assert (times.offset, times.loads) == (None, {})


def test_a_log_without_its_beginning_is_not_compared() -> None:
    tail = read_log([("", [start_log().split("\n", 30)[30].encode()])])
    end = read_log([("", [b""])])
    for log in (tail, end, None):
        times = server_times(_deployment(_FIRST.isoformat(), log))
        assert times is not None
        assert times.loads == {}


def test_the_first_lines_determine_the_time_zone_of_a_long_log() -> None:
    """Only the end of a long output is read as a log; the engine gives its first lines separately."""
    lines = start_log().splitlines()
    tail = read_log([("", ["\n".join(lines[30:]).encode()])])
    deployment = _deployment((_FIRST - timedelta(hours=2)).isoformat(), tail)
    assert deployment.container is not None
    container = replace(deployment.container, log=tuple(lines[:3]))
    times = server_times(replace(deployment, container=container))
    assert times is not None
    assert times.offset == -7200
    assert ("fc", 1) in times.loads


def test_several_servers_in_a_log_are_not_compared() -> None:
    times = server_times(_deployment(_FIRST.isoformat(), replace(_LOG, sources=("a", "b"))))
    assert times is not None
    assert times.offset is None


@pytest.mark.parametrize("text", ["", "yesterday", "0001-01-01T00:00:00Z…", "2026-13-01T00:00:00Z"])
def test_a_container_without_a_start_is_not_compared(text: str) -> None:
    assert server_times(_deployment(text)) is None


def test_times_of_engines_have_nine_digits_and_zones() -> None:
    for text in ("2026-11-28T13:38:08.413000123Z", "2026-11-28T14:38:08.413+01:00"):
        times = server_times(_deployment(text))
        assert times is not None
        assert times.started == pytest.approx(_FIRST.timestamp())


def test_texts_that_are_not_a_log_time() -> None:
    assert log_time(None) is None
    assert log_time("13:38") is None


def test_a_moment_for_people() -> None:
    assert moment(0.0) == "1970-01-01 00:00:00 UTC"
