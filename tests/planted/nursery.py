"""Runs pytest in a fork of one process that has torch and its like in memory, which takes two thirds of the time a planted bug costs.

Each line of standard input is a job, {"place", "arguments", "output", "longest"}: pytest is run in the folder `place`, from which the course is
imported, with what it says written to `output`. Each line of standard output is the exit status, negative for a signal.
"""

import json
import os
import signal
import sys

import matplotlib.figure  # noqa: F401
import numpy  # noqa: F401
import pytest
import skimage.data  # noqa: F401
import torch  # noqa: F401
import torchvision  # noqa: F401

assert "segcourse" not in sys.modules, "the course must come from the copy that holds the bug"


def run(place: str, arguments: list[str], output: str, longest: int) -> None:
    """In the child: never returns."""
    status = 3
    try:
        with open(output, "wb") as said:
            os.dup2(said.fileno(), 1)
            os.dup2(said.fileno(), 2)
        signal.alarm(longest)
        os.chdir(place)
        sys.path[0] = place             # this folder stood there
        os.environ["PYTHONPATH"] = place
        status = int(pytest.main(arguments))
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


for line in sys.stdin:
    child = os.fork()
    if not child:
        run(**json.loads(line))
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
