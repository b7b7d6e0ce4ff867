"""``model_version_policy`` as the server's code reads it, with or without a schema before it."""

from __future__ import annotations

import contextlib
from typing import Any

from msgspec import Struct

from ovms_doctor.model import server_log
from ovms_doctor.model.deployment import DEFAULT_POLICY, ServerArguments, VersionPolicy
from ovms_doctor.model.plan_problems import ConfigNote, StartProblem
from ovms_doctor.model.releases import NEWEST, Release
from ovms_doctor.prediction.parameters.members import pairs_of, parse_json

_OPTION = "--model_version_policy"
_WRONG = "MODEL_VERSION_POLICY_WRONG_FORMAT"
_UNSUPPORTED = "MODEL_VERSION_POLICY_UNSUPPORTED_KEY"
_INT64, _UINT64 = 2**63, 2**64


class PolicyReading(Struct, frozen=True):
    """The result of reading a version policy."""

    #: The policy that the server reads; None if it refuses the text.
    policy: VersionPolicy | None = None
    #: The server's status for the text.
    status: str = "OK"
    #: The lines that the server writes if it refuses the text.
    log: tuple[str, ...] = ()
    #: Whether the server reads a value as another type without a check, so that the result is not defined.
    undefined: bool = False


def parse_policy(value: Any) -> VersionPolicy | None:
    """Returns the policy, None if the server refuses it or the result is not defined."""
    return read_policy(value, NEWEST).policy


def read_policy(value: Any, release: Release) -> PolicyReading:
    """Applies ``ModelConfig::parseModelVersionPolicy`` to a parsed value (modelconfig.cpp; some values are checked only
    since v2023.1)."""
    if not isinstance(value, dict) or len(pairs_of(value)) != 1:
        return PolicyReading(status=_WRONG)
    if "all" in value:
        return PolicyReading(VersionPolicy("all"))
    if "specific" in value:
        return _specific(value["specific"], release)
    if "latest" in value:
        return _latest(value["latest"])
    return PolicyReading(status=_UNSUPPORTED)


def read_argument(text: str, release: Release) -> tuple[PolicyReading, StartProblem | None]:
    """Returns the policy of ``--model_version_policy``, and the problem that ends the process; no schema validates it
    first."""
    import rapidjson

    if not text:
        return PolicyReading(DEFAULT_POLICY), None
    value = None
    with contextlib.suppress(ValueError, RecursionError):
        value = parse_json(text.split("\0", 1)[0], number_mode=rapidjson.NM_NATIVE)
    reading = read_policy(value, release)
    if reading.policy is not None:
        return reading, None
    if reading.undefined:
        return reading, StartProblem("policy", "OK", 1, (), text=text, option=_OPTION, undefined=True)
    line = server_log.POLICY_UNPARSABLE(status=server_log.STATUS_TEXT[reading.status])
    return reading, StartProblem("policy", reading.status, 1, (*reading.log, line), text=text, option=_OPTION)


def argument_notes(arguments: ServerArguments, reading: PolicyReading) -> tuple[ConfigNote, ...]:
    """Returns the server's warnings on a policy of the command line that it accepts."""
    if reading.policy is None or not reading.log:
        return ()
    text = arguments.model_version_policy or ""
    return (ConfigNote("policy_item", "", text, arguments.model_name, reading.log),)


def _specific(inner: Any, release: Release) -> PolicyReading:
    if not isinstance(inner, dict):
        return PolicyReading(undefined=True)
    if len(pairs_of(inner)) != 1:
        return PolicyReading(status=_WRONG)
    looks = release.at_least(2023, 1)
    if "versions" not in inner:
        return PolicyReading(status=_WRONG, log=(server_log.POLICY_NO_VERSIONS(),) if looks else ())
    listed = inner["versions"]
    if not isinstance(listed, list):
        if not looks:
            return PolicyReading(undefined=True)
        return PolicyReading(status=_WRONG, log=(server_log.POLICY_NO_LIST(),))
    numbers = [item for item in listed if _is_integer(item) and 0 < item < _UINT64]
    log = (server_log.POLICY_ITEM(),) * (len(listed) - len(numbers))
    # A number above 63 bits becomes negative, and no version is negative.
    return PolicyReading(
        VersionPolicy("specific", versions=tuple(number for number in numbers if number < _INT64)), log=log
    )


def _latest(inner: Any) -> PolicyReading:
    if not isinstance(inner, dict):
        return PolicyReading(undefined=True)
    if len(pairs_of(inner)) != 1 or "num_versions" not in inner:
        return PolicyReading(status=_WRONG)
    number = inner["num_versions"]
    if not _is_integer(number) or not -_INT64 <= number < _INT64:
        return PolicyReading(undefined=True)
    return PolicyReading(VersionPolicy("latest", number))


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
