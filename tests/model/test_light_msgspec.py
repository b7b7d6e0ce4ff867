"""msgspec without the modules that this program does not use. Each import is in a Python of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ovms_doctor.model import light_msgspec
from tests.environments import without_coverage

#: Imports msgspec, and prints which modules were imported, and whether msgspec and those modules work.
SCRIPT = """
import json, sys
from ovms_doctor.model import light_msgspec
if sys.argv[1] == "without":
    light_msgspec._with_types = lambda module, *names: light_msgspec.ModuleType(module)
light_msgspec.import_msgspec()
imported = sorted({"decimal", "platform", "textwrap", "uuid"} & set(sys.modules))
import decimal, msgspec, textwrap, uuid
class Point(msgspec.Struct):
    '''A
    point'''
    x: int
print(json.dumps([
    imported,
    msgspec.json.decode(b'{"x": 3}', type=Point).x,
    msgspec.json.schema(Point)["$defs"]["Point"]["type"],
    [str(decimal.Decimal(1)), textwrap.dedent(" a"), str(uuid.UUID(int=1))],
]))
"""


@pytest.mark.parametrize(
    ("types", "imported"), [("with", []), ("without", ["decimal", "platform", "textwrap", "uuid"])]
)
def test_imports_the_other_modules_only_for_a_release_that_needs_them(
    types: str, imported: list[str]
) -> None:
    project = Path(light_msgspec.__file__).parents[2]
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT, types],
        cwd=project,
        env=without_coverage(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(result.stdout) == [
        imported,
        3,
        "object",
        ["1", "a", "00000000-0000-0000-0000-000000000001"],
    ]
