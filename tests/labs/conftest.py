"""Labs are tested where they compute: their ES module is loaded by node, the way a browser loads it."""

import json
import shutil
import subprocess

import pytest

from segcourse.labs.base import module_source


@pytest.fixture
def in_node(tmp_path):
    """Run an expression in node with a lab's module: in_node("transposed_conv", "m.crop(...cases)", data) -> parsed JSON.

    `m` is the module, `cases` the data handed over.
    """
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed; the browser tests still run the labs' arithmetic")

    def run(name, expression, cases=None):
        module = tmp_path / f"{name}.mjs"
        module.write_text(module_source(name), encoding="utf-8")
        program = tmp_path / "run.mjs"
        program.write_text(
            "import { readFileSync } from 'node:fs';\n"
            f"import * as m from './{name}.mjs';\n"
            "const cases = JSON.parse(readFileSync(0, 'utf-8'));\n"
            f"console.log(JSON.stringify({expression}));\n",
            encoding="utf-8",
        )
        done = subprocess.run([node, str(program)], input=json.dumps(cases), capture_output=True, text=True, encoding="utf-8", timeout=30)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run
