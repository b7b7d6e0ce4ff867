"""The parsers of tool calls and of reasoning that each release has (parser_config_validation.cpp)."""

from __future__ import annotations

from ovms_doctor.model.releases.release import Release

#: The parsers, by their first release, in the server's order; none was removed.
_TOOL_PARSERS = (
    ((2025, 3), "llama3 hermes3 phi4 mistral"),
    ((2025, 4), "gptoss qwen3coder"),
    ((2026, 0), "devstral"),
    ((2026, 2), "lfm2 gemma4"),
    ((2026, 3), "minicpm5"),
)
_REASONING_PARSERS = (
    ((2025, 3), "qwen3"),
    ((2026, 2), "gemma4"),
    ((2025, 4), "gptoss"),
    ((2026, 3), "minicpm5 lfm2"),
)


def output_parsers(option: str, release: Release) -> tuple[str, ...]:
    """Returns the values of ``tool_parser`` or ``reasoning_parser`` that a release accepts."""
    table = _TOOL_PARSERS if option == "tool_parser" else _REASONING_PARSERS
    return tuple(name for since, names in table if release.at_least(*since) for name in names.split())
