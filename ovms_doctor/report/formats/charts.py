"""Charts of a log's requests as SVG inside an HTML page: requests over time, and their durations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from html import escape

from ovms_doctor.report.formats.common import safe
from ovms_doctor.report.log_document import DurationInfo, LogInfo, RequestsInfo
from ovms_doctor.report.phrases import number

#: The width of a chart in its own units, the width of the bar area, and the start of that area.
_WIDTH, _AREA, _LEFT = 800, 720, 70
_HEIGHT = 72
#: Maximum number of bars in one chart; longer times are combined.
_MOST_BARS = 180
#: Maximum number of charts of each kind.
_MOST_CHARTS = 12
_ROW = 18


def charts(log: LogInfo) -> Iterator[str]:
    """Yields a figure for each servable's requests over time, and one with their durations; none without requests."""
    if not log.requests:
        return
    yield "<h2>Usage</h2>\n"
    for item in log.requests[:_MOST_CHARTS]:
        if len(item.by_minute) > 1:
            yield _over_time(item)
    timed = [item for item in log.requests if item.inference_ms is not None or item.wait_ms is not None]
    if timed:
        yield _durations(timed[:_MOST_CHARTS])


def _name(item: RequestsInfo) -> str:
    source = f"{item.source}: " if item.source else ""
    return f"{source}{item.servable or '(not named)'} over {item.interface}"


def _over_time(item: RequestsInfo) -> str:
    keys, values, unit = _series(item.by_minute)
    highest = max(values)
    width = _AREA / len(values)
    bars = []
    for index, (key, value) in enumerate(zip(keys, values, strict=True)):
        height = _HEIGHT * value / highest
        bars.append(
            f'<rect class="bar" x="{_LEFT + index * width:.1f}" y="{_HEIGHT - height + 10:.1f}" '
            f'width="{max(width - 0.5, 0.5):.1f}" height="{height:.1f}">'
            f"<title>{_text(key)}: {value:,}</title></rect>"
        )
    bottom = _HEIGHT + 10
    caption = f"Requests to {_name(item)}, for each {unit}: at most {highest:,}"
    return _figure(
        caption,
        _HEIGHT + 35,
        f'<line class="axis" x1="{_LEFT}" y1="{bottom}" x2="{_LEFT + _AREA}" y2="{bottom}"/>'
        f'<line class="axis" x1="{_LEFT}" y1="10" x2="{_LEFT}" y2="{bottom}"/>'
        f'<text x="{_LEFT - 6}" y="20" text-anchor="end">{highest:,}</text>'
        f'<text x="{_LEFT - 6}" y="{bottom}" text-anchor="end">0</text>'
        f'<text x="{_LEFT}" y="{bottom + 18}">{_text(keys[0])}</text>'
        f'<text x="{_LEFT + _AREA}" y="{bottom + 18}" text-anchor="end">{_text(keys[-1])}</text>'
        + "".join(bars),
    )


def _series(counts: Mapping[str, int]) -> tuple[list[str], list[int], str]:
    """Returns the times with their numbers, without gaps, at most :data:`_MOST_BARS` of them; and the period of one
    bar."""
    first, last = min(counts), max(counts)
    by_hour = len(first) <= len("2026-01-01T00")
    step = timedelta(hours=1) if by_hour else timedelta(minutes=1)
    form = "%Y-%m-%dT%H" if by_hour else "%Y-%m-%dT%H:%M"
    try:
        begin, end = (datetime.strptime(text, form) for text in (first, last))  # noqa: DTZ007 - the server's own
    except ValueError:
        keys = sorted(counts)[:_MOST_BARS]
        return keys, [counts[key] for key in keys], "minute or hour"
    total = int((end - begin) / step) + 1
    together = -(-total // _MOST_BARS)
    values = [0] * -(-total // together)
    for key, count in counts.items():
        try:
            at = datetime.strptime(key, form)  # noqa: DTZ007
        except ValueError:
            continue
        values[int((at - begin) / step) // together] += count
    keys = [(begin + index * together * step).strftime(form) for index in range(len(values))]
    unit = "hour" if by_hour else "minute"
    return keys, values, unit if together == 1 else f"{together} {unit}s"


def _durations(items: list[RequestsInfo]) -> str:
    """Returns two bars for each: waiting and inference, the median solid and the 95th percentile as a line."""
    kinds = (("waiting", "bar2"), ("inference", "bar"))
    rows: list[tuple[str, str, DurationInfo]] = []
    for item in items:
        for (kind, style), values in zip(kinds, (item.wait_ms, item.inference_ms), strict=True):
            if values is not None:
                rows.append((f"{_name(item)}: {kind}", style, values))
    longest = max(values.p95 for _, _, values in rows) or 1.0
    parts = []
    for row, (label, style, values) in enumerate(rows):
        top = row * 2 * _ROW + 14
        median, high = (_AREA * value / longest for value in (values.p50, values.p95))
        parts.append(
            f'<text x="0" y="{top}">{_text(label)}: p50 {number(values.p50)} ms, p95 {number(values.p95)} ms, '
            f"{values.count:,} requests</text>"
            f'<line class="axis" x1="0" y1="{top + 9}" x2="{high:.1f}" y2="{top + 9}"/>'
            f'<rect class="{style}" x="0" y="{top + 4}" width="{max(median, 1):.1f}" height="10"/>'
            f'<rect class="{style}" x="{max(high - 2, 0):.1f}" y="{top + 2}" width="2" height="14"/>'
        )
    caption = (
        "How long requests wait and compute: the bar ends at the median, the mark is the 95th percentile "
        f"(the longest: {number(longest)} ms)"
    )
    return _figure(caption, len(rows) * 2 * _ROW + 6, "".join(parts))


def _figure(caption: str, height: int, content: str) -> str:
    label = _text(caption)
    return (
        f'<figure><figcaption>{label}</figcaption><svg viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'aria-label="{label}">{content}</svg></figure>\n'
    )


def _text(text: str) -> str:
    return escape(safe(text))
