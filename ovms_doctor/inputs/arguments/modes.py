"""The mode of the server, by its arguments: to serve, to pull, to write a graph or a configuration.

Source: cli_parser.cpp isHFPullOrPullAndStart, isHFFlow, isInMemoryGraphMode, isConfigureMode and prepareServer, v2025.2
to v2026.3.
"""

from __future__ import annotations

from ovms_doctor.inputs.arguments.validation import ParsedArguments
from ovms_doctor.model.pull_plan import StartMode


def start_mode(parsed: ParsedArguments) -> StartMode:
    """Returns the mode of the start; ``serve`` also if a config.json makes the graph (v2026.3)."""
    has, release = parsed.has, parsed.release
    if not release.at_least(2025, 2):
        return "serve"
    if has("list_models"):
        return "list_models"
    if has("add_to_config") or has("remove_from_config"):
        return "modify_config"
    pulls = has("pull")
    if release.at_least(2026, 3):
        if has("configure") and not pulls and not has("source_model"):
            return "configure"
        follows = pulls or has("source_model")
    elif release.at_least(2026, 2):
        follows = pulls or (has("task") and has("source_model"))
    elif release.at_least(2025, 4):
        follows = pulls or has("task")
    else:
        follows = pulls or has("task") or has("source_model")
    if follows:
        return "pull" if pulls else "pull_and_start"
    return "in_memory" if has("task") else "serve"
