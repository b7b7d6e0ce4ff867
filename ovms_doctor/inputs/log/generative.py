"""Figures of generative models: the lines of the executor, and of each request in releases that log them."""

from __future__ import annotations

from ovms_doctor.inputs.log.tally import DURATIONS, condensed, distribution, new_durations
from ovms_doctor.model.log import GenerativeStatistics
from ovms_doctor.model.pattern import lazy_pattern

#: ``Cache usage 23.9%`` until 2026.0, ``cache usage: 41.2% of 1.5 GB`` since; none for models without batching.
_LOAD = lazy_pattern(
    r"All requests: (\d{1,9})(?:; Scheduled requests: (\d{1,9}))?;"
    r"(?: (?:Cache type: \w+, )?[Cc]ache usage:? (\d{1,3}(?:\.\d{1,6})?)%(?: of ([\d.]{1,12} ?\w{1,4}))?;)?"
)
_REQUEST = lazy_pattern(
    r"Request processing metrics \| input_token_count: (\d{1,12}) \| output_token_count: (\d{1,12})"
    r"(?: \|.*?\bttft_ms: ([\d.]{1,15}))?"
)
_FULL = 99.0


class Generative:
    """Counts the figures while the log is read."""

    def __init__(self) -> None:
        self.lines = 0
        self.most = 0
        self.waiting = 0
        self.usage: float | None = None
        self.full = 0
        self.full_first: str | None = None
        self.full_last: str | None = None
        self.size: str | None = None
        self.measured = 0
        self.tokens_in = 0
        self.tokens_out = 0
        self.first_token = new_durations()

    def message(self, at: str, text: str) -> None:
        match = _LOAD.match(text)
        if match:
            self.lines += 1
            requests = int(match[1])
            self.most = max(self.most, requests)
            if match[2]:
                self.waiting = max(self.waiting, requests - int(match[2]))
            if match[3]:
                usage = float(match[3])
                self.usage = max(self.usage or 0.0, usage)
                if usage >= _FULL:
                    self.full += 1
                    self.full_first = self.full_first or at
                    self.full_last = at
            self.size = match[4] or self.size
            return
        match = _REQUEST.match(text)
        if match:
            self.measured += 1
            self.tokens_in += int(match[1])
            self.tokens_out += int(match[2])
            if match[3]:
                self.first_token[match[3].encode()] += 1
                if len(self.first_token) > DURATIONS:
                    self.first_token = condensed(self.first_token)

    def statistics(self, source: str) -> GenerativeStatistics | None:
        """Returns the figures; None if the log has none."""
        if not self.lines and not self.measured:
            return None
        return GenerativeStatistics(
            source=source,
            lines=self.lines,
            max_requests=self.most,
            max_waiting=self.waiting,
            max_cache_usage=self.usage,
            cache_full_lines=self.full,
            cache_full_first_at=self.full_first,
            cache_full_last_at=self.full_last,
            cache_size=self.size,
            measured_requests=self.measured,
            input_tokens=self.tokens_in,
            output_tokens=self.tokens_out,
            first_token=distribution(self.first_token),
        )
