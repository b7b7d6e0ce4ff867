"""Replaces the server in a container: writes a recorded log with current times, then serves recorded answers.

It is run by the host's Python, which is mounted: ``serve_recorded.py DIRECTORY ARGUMENTS``. The directory
contains ``log``, and ``answers.json``, which is read again for each request: status, Content-Type and body by
path.
"""

from __future__ import annotations

import json
import re
import sys
import time
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

_TIME = re.compile(r"(?m)^\[(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3})\]")
_UNKNOWN_URL = [400, "application/json", '{"error":"Invalid request URL"}']


def from_now_on(text: str) -> tuple[str, datetime]:
    """The log from now on, twenty times as fast as it was recorded; and the time of its last record."""
    # The server logs local time.
    now = datetime.now()  # noqa: DTZ005
    times = _TIME.findall(text)
    first = datetime.fromisoformat(times[0])

    def moved(recorded: str) -> datetime:
        return now + (datetime.fromisoformat(recorded) - first) / 20

    log = _TIME.sub(lambda match: f"[{moved(match[1]).isoformat(' ', 'milliseconds')}]", text)
    return log, moved(times[-1])


class Handler(BaseHTTPRequestHandler):
    """Answers GET from the file."""

    directory: Path

    def do_GET(self) -> None:
        answers = json.loads((self.directory / "answers.json").read_text())
        status, content_type, body = answers.get(self.path, _UNKNOWN_URL)
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *args: Any) -> None:
        """Writes nothing: the container's output contains only the log."""


def main(directory: Path, arguments: list[str]) -> None:
    log, end = from_now_on((directory / "log").read_text())
    sys.stdout.write(log)
    sys.stdout.flush()
    # When a client can connect, all times of the log are in the past.
    time.sleep(max(0.0, (end - datetime.now()).total_seconds()))  # noqa: DTZ005
    Handler.directory = directory
    port = int(arguments[arguments.index("--rest_port") + 1])
    bound = (
        arguments[arguments.index("--rest_bind_address") + 1]
        if "--rest_bind_address" in arguments
        else "0.0.0.0"
    )
    server = ThreadingHTTPServer((bound, port), Handler)
    if bound == "127.0.0.1":
        print("recorded: bound to 127.0.0.1", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
