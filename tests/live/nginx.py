"""nginx in a process of its own: a site without OVMS, and a reverse proxy before a server."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.stores.servers import free_port

_CONFIG = """
daemon off; worker_processes 1; pid {top}/pid; error_log {top}/error.log; user root;
events {{}}
http {{
  access_log off; client_body_temp_path {top}/1; proxy_temp_path {top}/2; fastcgi_temp_path {top}/3;
  uwsgi_temp_path {top}/4; scgi_temp_path {top}/5;
  server {{ listen 127.0.0.1:{site}; root {top}/empty; }}
  server {{ listen 127.0.0.1:{before}; location / {{ proxy_pass http://127.0.0.1:{upstream}; }} }}
  server {{ listen 127.0.0.1:{down}; location / {{ proxy_pass http://127.0.0.1:{nobody}; }} }}
  server {{ listen 127.0.0.1:{moved}; return 301 https://127.0.0.1:{tls}$request_uri; }}
  server {{ listen 127.0.0.1:{secret}; location / {{ auth_basic "models"; auth_basic_user_file {top}/users;
            proxy_pass http://127.0.0.1:{upstream}; }} }}
  server {{ listen 127.0.0.1:{tls} ssl; ssl_certificate {certificate}; ssl_certificate_key {certificate};
            location / {{ proxy_pass http://127.0.0.1:{upstream}; }} }}
}}
"""


@contextmanager
def nginx(upstream: int, certificate: Path) -> Iterator[dict[str, int]]:
    """The ports by their purpose: ``site`` (not OVMS), ``before`` (passes requests to ``upstream``), ``down``
    (its upstream does not answer), ``moved``, ``secret`` (requires a password), ``tls``."""
    names = ("site", "before", "down", "moved", "secret", "tls", "nobody")
    ports = {name: free_port() for name in names}
    with tempfile.TemporaryDirectory(prefix="ovms-doctor-nginx-") as directory:
        top = Path(directory)
        (top / "empty").mkdir()
        (top / "users").write_text("someone:{PLAIN}word\n")
        config = top / "nginx.conf"
        config.write_text(_CONFIG.format(top=top, upstream=upstream, certificate=certificate, **ports))
        command = ["nginx", "-p", str(top), "-c", str(config), "-e", str(top / "error.log")]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                for _ in range(600):
                    if (top / "pid").exists() and (top / "pid").read_text().strip():
                        break
                    assert process.poll() is None, (top / "error.log").read_text()
                    time.sleep(0.05)
                yield ports
            finally:
                process.terminate()
                process.wait(60)
