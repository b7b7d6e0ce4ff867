"""Parameters that the server refuses when it reads them: an entry is left out, or the process ends."""

from __future__ import annotations

from ovms_doctor.checks.context import Context
from ovms_doctor.checks.parameters.hints import as_argument, form_steps, key_hint, key_in
from ovms_doctor.checks.parameters.text import (
    locate_parameter,
    show_parameter,
    show_plugin_config,
    show_value,
)
from ovms_doctor.checks.positions import argument_position, subconfig_evidence, with_position
from ovms_doctor.model import server_log
from ovms_doctor.model.codes import Code, Example
from ovms_doctor.model.findings import Evidence, Finding, Step
from ovms_doctor.model.plan_problems import SkippedEntry, StartProblem

PARAMETER_MALFORMED = Code(
    code="OVD421",
    name="parameter-malformed",
    severity="error",
    summary="A model parameter has a form that the server does not accept",
    remedy=(
        "Write the parameter in the server's form: layout NCHW or NHWC:NCHW, shape (1,3,224,224), "
        'plugin_config an object such as {"NUM_STREAMS": "2"}.'
    ),
    log=(
        server_log.ENTRY_REFUSED,
        server_log.SHAPE_UNPARSABLE,
        server_log.LAYOUT_UNPARSABLE,
        server_log.PREPROCESSING_UNPARSABLE,
        server_log.PLUGIN_CONFIG_UNPARSABLE,
        server_log.LOW_LATENCY_NOT_STATEFUL,
        server_log.CLEANUP_NOT_STATEFUL,
        server_log.SEQUENCES_NOT_STATEFUL,
        server_log.MAX_SEQUENCE_TOO_HIGH,
        "Parsing model shape string",
        "Invalid color format configuration string",
    ),
    recovers="config_change",
    releases=(
        "mean, scale, color_format and precision since 2026.0, on the command line only. The keys of "
        "stateful models until 2026.2."
    ),
    see_also=("OVD423", "OVD404"),
    example=Example('"layout": "XYZ"', '"layout": "NCHW"'),
)

PLUGIN_KEY_UNSUPPORTED = Code(
    code="OVD422",
    name="plugin-key-unsupported",
    severity="error",
    summary="plugin_config has a key that no plugin of the target device supports",
    remedy=(
        "Remove the key, correct its spelling, or name the device that supports it. AUTO has few keys "
        "of its own; AUTO:CPU supports those of CPU too. CPU does not support CACHE_DIR; use --cache_dir."
    ),
    log=(
        server_log.PLUGIN_KEY_UNKNOWN,
        server_log.PLUGIN_KEYS_UNSUPPORTED,
    ),
    recovers="config_change",
    releases=(
        "Since 2022.2; before, the key fails when the model is compiled. Which keys a plugin supports "
        "differs from release to release. ENABLE_MMAP is always allowed since 2025.0."
    ),
    see_also=("OVD433", "OVD432"),
    example=Example('"plugin_config": {"NUM_STREAM": "2"}', '"plugin_config": {"NUM_STREAMS": "2"}'),
)


CODES = (PARAMETER_MALFORMED, PLUGIN_KEY_UNSUPPORTED)


def finding_on_argument(context: Context, problem: StartProblem) -> Finding:
    """Returns the finding on a parameter that ends the process: of the command line, or of an entry of the
    configuration."""
    if problem.pointer is not None:
        return _finding_on_key(context, problem)
    name = problem.text
    unsupported = problem.status == "MODEL_CONFIG_INVALID"
    arguments = context.deployment.arguments
    parameter = None if arguments is None else arguments.parameters.get(problem.text)
    if parameter is not None and problem.text == "plugin_config":
        parameter = show_plugin_config(parameter, key_in(problem.log[0]) if problem.log else "")
    parameter_text = "" if arguments is None else show_value(parameter)
    hint = key_hint(problem.log[0], context.deployment.release) if unsupported and problem.log else ""
    hint = as_argument(hint)
    position = argument_position(context, problem.option)
    return context.finding(
        PLUGIN_KEY_UNSUPPORTED if unsupported else PARAMETER_MALFORMED,
        (f"{position}: " if position else "")
        + f"--{name} {parameter_text}: "
        + ("the device has no such property" if unsupported else "the server does not accept this value"),
        detail=f"The server ends with exit code {problem.exit_code}; nothing is served.",
        log=problem.log,
        evidence=(
            Evidence(
                f"{f'{position}: ' if position else ''}--{name} {parameter_text}", "read of the arguments"
            ),
        ),
        recovers="restart",
        steps=(Step(hint),) if hint else form_steps(name, context.deployment.release, argument=True),
    )


def _finding_on_key(context: Context, problem: StartProblem) -> Finding:
    """Returns the finding on a key of the configuration whose value ends the process by an exception."""
    pointer = problem.pointer or ""
    # The positions that are known are those of the configuration file.
    is_configuration = problem.path == context.plan.config_path
    position = context.position(pointer) if is_configuration else None
    return context.finding(
        PARAMETER_MALFORMED,
        f"{with_position(problem.path or 'the configuration', position)}: the value of {problem.text} is out of range, "
        "and ends the server",
        path=problem.path,
        detail=f"The server ends with exit code {problem.exit_code}; nothing is served.",
        log=problem.log,
        at=pointer if is_configuration else None,
        evidence=(Evidence(f"{position or pointer}: {problem.text}", "read of the configuration"),),
        recovers="restart",
        steps=form_steps(problem.text, context.deployment.release),
    )


def finding_on_entry(context: Context, skipped: SkippedEntry) -> Finding:
    """Returns the finding on an entry of the configuration that is left out because of a parameter."""
    entry, aborts = skipped.entry, skipped.reason == "aborts"
    hint = key_hint(skipped.log[0], context.deployment.release) if aborts and skipped.log else ""
    key = key_in(skipped.log[0]) if aborts and skipped.log else ""
    parameter_text = show_parameter(entry, skipped.parameter, key=key)
    position, evidence, at = locate_parameter(context, entry, skipped.parameter, key)
    if skipped.file:
        position, evidence = f"{skipped.file}: ", subconfig_evidence(skipped, parameter_text)
    rest = "any entry after it in this file" if skipped.file else "any entry after it"
    detail = (
        f"The server loads neither this entry nor {rest}. It starts and answers “ready”."
        if aborts
        else (
            "The server does not load this entry. It starts and answers “ready”, but does not serve this "
            "name."
        )
    )
    return context.finding(
        PLUGIN_KEY_UNSUPPORTED if aborts else PARAMETER_MALFORMED,
        f"{position}{parameter_text}: "
        + ("the device has no such property" if aborts else "the server does not accept this value"),
        model=entry.name,
        path=skipped.file or context.plan.config_path,
        detail=detail,
        log=skipped.log,
        at=at,
        evidence=evidence,
        recovers="config_change",
        steps=(Step(hint),) if hint else form_steps(skipped.parameter, context.deployment.release),
    )
