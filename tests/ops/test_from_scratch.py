"""The operations are written out, not handed on: no file of segcourse/ops lets torch convolve, pool, fold or resize.

Files are read, not run. Names are followed through imports and plain assignments, so that neither `import torch.nn.functional as G` nor
`f = F.conv2d` hides one.
"""

import ast
import re
from pathlib import Path

import pytest

OPS = Path(__file__).resolve().parent.parent.parent / "segcourse" / "ops"
FUNCTIONS = re.compile(r"(torch|torch\.nn\.functional|torch\.ops\.aten|torch\._C\._nn)\."
                       r"(_?conv\w*|_?fold|_?unfold|im2col|col2im|\w*_(un)?pool\w*|\w*pool\dd?\w*|interpolate|_?upsample\w*|grid_sample)")
LAYERS = re.compile(r"torch\.nn\.((Lazy)?Conv\w+|\w*Pool\w+|\w*Unpool\w+|Fold|Unfold|Upsampl\w+)")
METHODS = {"unfold", "fold"}                    # of a tensor, whatever it is called
PRODUCTS = {("linear_to_conv.py", "linear_to_conv", "torch.nn.Conv2d")}     # it returns such a layer: that is what it is for


def dotted(node, known):
    """`F.conv2d` as "torch.nn.functional.conv2d"; None for what is no chain of names."""
    if isinstance(node, ast.Name):
        return known.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        head = dotted(node.value, known)
        return head and f"{head}.{node.attr}"
    by_word = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "getattr"
    if by_word and len(node.args) > 1 and isinstance(node.args[1], ast.Constant):
        head = dotted(node.args[0], known)
        return head and f"{head}.{node.args[1].value}"
    return None


def known_names(tree):
    """What each name of the file stands for, by its imports and by assignments of one name to another."""
    known = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            known |= {alias.asname: alias.name for alias in node.names if alias.asname}
        elif isinstance(node, ast.ImportFrom):
            known |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            name = dotted(node.value, known)
            if name and name.startswith("torch."):
                known[node.targets[0].id] = name
    return known


def offences(source, file="file.py"):
    """(line, name) of every call by which `source` has the work done."""
    tree = ast.parse(source)
    known, found = known_names(tree), []

    def visit(node, function):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            function = node.name
        if isinstance(node, ast.Call):
            for callee in (node.func, *node.args):          # an argument too: map(F.conv2d, ...), partial(F.conv2d)
                name = dotted(callee, known) or ""
                called = callee is node.func
                method = called and isinstance(callee, ast.Attribute) and callee.attr in METHODS
                if FUNCTIONS.fullmatch(name) or method or called and LAYERS.fullmatch(name) and (file, function, name) not in PRODUCTS:
                    found.append((node.lineno, name or callee.attr))
        for child in ast.iter_child_nodes(node):
            visit(child, function)

    visit(tree, None)
    return found


@pytest.mark.parametrize("path", sorted(OPS.glob("*.py")), ids=lambda path: path.name)
def test_written_out(path):
    found = offences(path.read_text(encoding="utf-8"), path.name)
    assert not found, f"{path.name} lets torch do it: " + ", ".join(f"line {line}: {name}" for line, name in found)


@pytest.mark.parametrize("source", [
    "import torch\ntorch.conv2d(x, w)",
    "import torch\ntorch.nn.functional.conv_transpose2d(x, w)",
    "import torch.nn.functional as F\nF.conv2d(x, w)",
    "from torch.nn import functional as G\nG.max_pool2d(x, 2)",
    "from torch.nn.functional import conv2d as stamp\nstamp(x, w)",
    "from torch.nn.functional import unfold\nunfold(x, 3)",
    "import torch\nf = torch.nn.functional.interpolate\nf(x, scale_factor=2)",
    "import torch\ngetattr(torch, 'conv2d')(x, w)",
    "import torch\ntorch.ops.aten.convolution(x, w)",
    "import torch.nn.functional as F\nlist(map(F.avg_pool2d, xs))",
    "import torch.nn.functional as F\nF.adaptive_avg_pool2d(x, 1)",
    "import torch.nn.functional as F\nF.max_unpool2d(x, i, 2)",
    "import torch.nn.functional as F\nF.fold(x, 4, 2)",
    "import torch.nn.functional as F\nF.grid_sample(x, g)",
    "x.unfold(2, 3, 1)",
    "from torch import nn\nnn.Conv2d(1, 1, 3)(x)",
    "from torch import nn\nnn.ConvTranspose2d(1, 1, 3)(x)",
    "import torch\ntorch.nn.MaxPool2d(2)(x)",
    "from torch import nn\nnn.Upsample(scale_factor=2)(x)",
    "from torch import nn\nnn.UpsamplingBilinear2d(scale_factor=2)(x)",
    "from torch.nn import Conv2d\ndef linear_to_conv(x):\n    return Conv2d(1, 1, 3)(x)",
])
def test_it_would_be_found(source):
    assert len(offences(source)) == 1


def test_only_linear_to_conv_may_make_a_layer_and_only_that_one():
    made = "from torch import nn\ndef linear_to_conv(linear):\n    return nn.{}(1, 1, 3)"
    assert offences(made.format("Conv2d"), "linear_to_conv.py") == []
    assert offences(made.format("Conv2d"), "make_dense.py") == [(3, "torch.nn.Conv2d")]
    assert offences(made.format("ConvTranspose2d"), "linear_to_conv.py") == [(3, "torch.nn.ConvTranspose2d")]


@pytest.mark.parametrize("source", [
    "from segcourse.ops.conv import conv2d\nconv2d(x, w)",
    "import torch\ntorch.einsum('ngchw,goc->ngohw', x, w)",
    "from torch import nn\nisinstance(layer, (nn.Conv2d, nn.MaxPool2d))",
    "from torch import nn\nnn.Conv2d\ndef of(layer: nn.Conv2d) -> nn.Conv2d: ...",
    "def conv2d(x): return x\nconv2d(1)",
])
def test_what_is_no_offence(source):
    assert offences(source) == []
