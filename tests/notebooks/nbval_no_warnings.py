"""A pytest plugin for the runs under nbval: a cell that writes to stderr fails. nbval itself compares no stderr in lax mode."""

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    result = yield
    said = "".join(output.get("text", "") for output in getattr(item, "test_outputs", []) if output.get("name") == "stderr")
    if said.strip():
        raise AssertionError(f"this cell writes to stderr, and a reader should see no warning: {said.strip()}")
    return result
