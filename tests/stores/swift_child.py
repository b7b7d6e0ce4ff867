"""A program for the Python for which Swift is installed: creates Swift's rings, or is one of its servers.

``swift_child.py rings DIRECTORY PORTS`` with the servers' ports as a JSON object; ``swift_child.py KIND
DIRECTORY``. Swift's own programs would read ``/etc/swift/swift.conf``, and no option changes that.
"""

import json
import os
import sys

from swift.common import utils


def main(task: str, directory: str, *ports: str) -> int:
    utils.set_swift_dir(directory)
    if task == "rings":
        return make_rings(directory, json.loads(ports[0]))
    from swift.common.wsgi import run_wsgi

    options = {"verbose": True}
    if task == "object":
        from swift.obj import server

        options["global_conf_callback"] = server.global_conf_callback
    return int(run_wsgi(os.path.join(directory, task + ".conf"), task + "-server", **options) or 0)


def make_rings(directory: str, ports: "dict[str, int]") -> int:
    """Creates rings with one device for everything."""
    from swift.common.ring import RingBuilder

    for kind in ("account", "container", "object"):
        builder = RingBuilder(4, 1, 0)
        builder.add_dev(
            {"region": 1, "zone": 1, "ip": "127.0.0.1", "port": ports[kind], "device": "one", "weight": 1}
        )
        builder.rebalance(seed="tests")
        builder.get_ring().save(os.path.join(directory, kind + ".ring.gz"))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
