"""How tests are shared out among processes: what stays together, what is divided, what runs when nothing else does. With stand-ins, and once for real."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from . import at_once

pytest.importorskip("xdist", reason="pytest-xdist is not installed: pip install 'segcourse[test]'")


class Node:
    """A process that runs tests: it begins one when it knows the next, or that there is none."""

    def __init__(self, name, tests):
        self.name, self.tests, self.queue, self.shutting_down, self.gone = name, tests, [], False, False

    def send_runtest_some(self, numbers):
        assert not self.shutting_down
        self.queue.extend(numbers)

    def shutdown(self):
        self.shutting_down = True


def run(tmp_path, shares, costs=None, nodes=2, crash=None):
    """What is run of `shares`, {name: (dividable, [tests])}, in `nodes` processes: [(begin, end, node, test)], each test taking 1 or costs[test].

    `crash` names a test that takes its process with it; another comes in its place.
    """
    order = [test for _, tests in shares.values() for test in tests]
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps({test: (name, dividable) for name, (dividable, tests) in shares.items() for test in tests}), encoding="utf-8")
    sharing = at_once.Sharing(nodes, plan)
    there = [Node(f"gw{number}", order) for number in range(nodes)]
    for node in there:
        sharing.add_node(node)
    for node in there:
        sharing.add_node_collection(node, order)
    sharing.schedule()
    ran, running, now = [], {}, 0
    while not sharing.tests_finished or any(node.queue for node in there):
        if sharing.tests_finished:
            for node in there:
                node.shutdown()
        for node in there:
            if node not in running and (len(node.queue) > 1 or node.queue and node.shutting_down):
                running[node] = now + (costs or {}).get(order[node.queue[0]], 1)
            elif node.shutting_down and not node.queue and not node.gone:
                node.gone = True
                assert sharing.remove_node(node) is None
        if not running:
            assert any(len(node.queue) > 1 for node in there), "nothing goes on"
            continue
        now = min(running.values())
        for node in [node for node, end in running.items() if end == now]:
            del running[node]
            number = node.queue[0]
            ran.append((now - (costs or {}).get(order[number], 1), now, node.name, order[number]))
            if order[number] == crash and not node.gone:
                crash, node.gone, node.queue, node.shutting_down = None, True, [], True
                assert sharing.remove_node(node) == order[number]
                there.append(Node("gw9", order))
                sharing.add_node(there[-1])
                sharing.add_node_collection(there[-1], order)
                sharing.schedule()
            else:
                del node.queue[0]
                sharing.mark_test_complete(node, number)
    assert sorted(test for *_, test in ran) == sorted(order)
    return ran


def several(name, count):
    return [f"{name}::{number}" for number in range(count)]


def nodes_of(ran, name):
    return {node for *_, node, test in ran if test.startswith(name)}


def test_what_shares_a_fixture_stays_in_one_process_and_in_its_order(tmp_path):
    ran = run(tmp_path, {"a": (True, several("a", 5)), "server": (False, several("server", 20)), "b": (True, several("b", 9))})
    assert len(nodes_of(ran, "server")) == 1 and [test for *_, test in ran if test.startswith("server")] == several("server", 20)


def test_the_end_is_divided(tmp_path):
    ran = run(tmp_path, {"a": (True, several("a", 40))})
    assert len(nodes_of(ran, "a")) == 2 and max(end for _, end, *_ in ran) <= 22
    ran = run(tmp_path, {"a": (True, several("a", 40)), "slow": (False, several("slow", 3))}, costs=dict.fromkeys(several("slow", 3), 10))
    assert max(end for _, end, *_ in ran) <= 37             # 70 in all


@pytest.mark.parametrize("nodes", [1, 2, 4])
def test_alone_nothing_else_runs(tmp_path, nodes):
    alone = several("alone", 3)
    ran = run(tmp_path, {"a": (True, several("a", 11)), "alone": (False, alone), "server": (False, several("server", 4))}, costs={"server::3": 30}, nodes=nodes)
    others = max(end for _, end, _, test in ran if test not in alone)
    assert min(begin for begin, _, _, test in ran if test in alone) >= others and len(nodes_of(ran, "alone")) == 1


@pytest.mark.parametrize("share", [{"alone": (False, several("alone", 1))}, {"alone": (False, several("alone", 3))}, {"a": (True, several("a", 1))}, {}])
def test_few_or_none(tmp_path, share):
    run(tmp_path, share)


@pytest.mark.parametrize("at", ["a::1", "server::2", "alone::1"])
def test_a_process_that_dies_is_replaced_and_every_test_is_run(tmp_path, at):
    run(tmp_path, {"a": (True, several("a", 6)), "server": (False, several("server", 6)), "alone": (False, several("alone", 3))}, crash=at)

def test_two_processes_that_found_different_tests_are_told_of(tmp_path):
    sharing = at_once.Sharing(2, tmp_path / "plan.json")
    for name, found in (("gw0", ["a::1", "a::2"]), ("gw1", ["a::1", "a::3"])):
        node = Node(name, found)
        sharing.add_node(node)
        sharing.add_node_collection(node, found)
    with pytest.raises(RuntimeError, match="a::2"):
        sharing.schedule()


SUITE = {
    "conftest.py": """
import pytest
@pytest.fixture(scope="session", params=["4", "3"])
def server(request):
    return request.param
""",
    "test_one.py": """
import os, time, pytest
def test_with_a_server(server): pass
@pytest.mark.parametrize("number", range(12))
def test_free(number): time.sleep(0.02)
@pytest.fixture(scope="module")
def costly(): return []
@pytest.mark.parametrize("number", range(3))
def test_in_turn(costly, number):
    costly.append(number)
    assert costly == list(range(number + 1))
""",
    "test_two.py": """
import pytest
def test_with_the_same_server(server): pass
@pytest.mark.alone
def test_measures(): pass
@pytest.mark.slow
def test_fails(): assert 0
""",
}


@pytest.fixture
def suite(tmp_path):
    """suite(*arguments): (exit status, what it says, {test: its process}) of a small suite shared out as this one is."""
    here = Path(__file__).parent
    course = tmp_path / "tests"
    course.mkdir()
    for name, text in SUITE.items():
        (course / name).write_text(text, encoding="utf-8")
    (course / "at_once.py").write_text((here / "at_once.py").read_text(encoding="utf-8"), encoding="utf-8")
    (course / "hooks.py").write_text((here / "conftest.py").read_text(encoding="utf-8"), encoding="utf-8")
    (course / "conftest.py").write_text("from .hooks import *  # noqa\n" + SUITE["conftest.py"], encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text((here.parent / "pyproject.toml").read_text(encoding="utf-8"), encoding="utf-8")

    def ran(*arguments):
        command = [sys.executable, "-m", "pytest", "-p", "xdist", "-p", "no:cacheprovider", "-v", *arguments]
        done = subprocess.run(command, cwd=tmp_path, env=os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}, capture_output=True, text=True, encoding="utf-8")
        lines = [line.split() for line in done.stdout.splitlines() if line.startswith("[gw")]
        return done.returncode, done.stdout + done.stderr, {line[-1]: line[0] for line in lines}
    return ran


def test_a_suite_is_shared_out(suite):
    status, said, processes = suite("-n", "2", "-m", "not slow")
    assert status == 0 and "= 20 passed in" in said, said
    for part in ("server[4]", "server[3]", "test_in_turn"):
        assert len({process for test, process in processes.items() if part in test}) == 1, processes
    assert list(processes)[-1] == "tests/test_two.py::test_measures"
    assert "= 20 passed, 1 deselected in" in suite("-n0", "-m", "not slow")[1]


def test_a_failure_and_an_empty_choice_end_as_they_do_in_one_process(suite):
    status, said, _ = suite("-n", "2", "-k", "fails or measures")
    assert status == 1 and "1 failed, 1 passed" in said and "FAILED tests/test_two.py::test_fails" in said
    assert suite("-n", "2", "-k", "nothing_of_the_kind")[0] == 5
