"""How the tests are shared out among several processes: `-n auto` of pytest-xdist, which make test asks for (`-n0`: all in this one).

A share goes to one process, which keeps its order: the tests that need the same JupyterLab, the same fixture of a module (what is costly is set up once), or
are merely in the same file. Of the last kind a process that has nothing left takes half of what another has before it. Tests marked `alone` come last, in one
process, when the others have ended: they measure time, and would measure their neighbours'.
"""

import json
import os
from collections import deque
from pathlib import Path

ALONE = "alone"
MOST = 4        # processes: each holds PyTorch, and a browser once it has met one


def processes() -> int:
    """How many processes "auto" means: one for each core, up to MOST. 0, none but this one, where there is one core."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, MOST) if cores > 1 else 0


# --- in the processes that run tests ----------------------------------------------------------------------------------------


def share_of(item) -> tuple[str, bool]:
    """(the name of the share that a test is part of, whether parts of that share may be run elsewhere)."""
    if item.get_closest_marker(ALONE):
        return ALONE, False
    file = item.nodeid.partition("::")[0]
    fixtures = getattr(getattr(item, "_fixtureinfo", None), "name2fixturedefs", {})
    scopes = {name: made[-1].scope for name, made in fixtures.items() if made}
    given = {name: value for name, value in getattr(getattr(item, "callspec", None), "params", {}).items() if scopes.get(name, "function") != "function"}
    named = " ".join(f"{name}={value}" for name, value in sorted(given.items()))
    if any(scopes[name] == "session" for name in given):
        return named, False                 # wherever the file: a server, set up for each of its tests in turn
    if set(scopes.values()) - {"function", "session"}:
        return f"{file} {named}", False
    return file, True


def write_plan(path: Path, items) -> None:
    """Leave for the process that shares out what it cannot know, since it collects nothing: the share of each test."""
    part = path.with_name(f"{path.name}.{os.getpid()}")
    part.write_text(json.dumps({item.nodeid: share_of(item) for item in items}), encoding="utf-8")
    part.replace(path)


# --- in the process that shares out -----------------------------------------------------------------------------------------


class Sharing:
    """A scheduler of pytest-xdist (xdist.scheduler.Scheduling), which calls a process that runs tests a node.

    A node begins a test when it knows the next, so that two are sent ahead, and never more: what has not been sent can still go elsewhere.
    """

    def __init__(self, nodes: int, plan: Path):
        self.wanted, self.plan = nodes, plan
        self.collections: dict = {}             # node -> its tests, by number
        self.sent: dict = {}                    # node -> numbers of tests that it has been sent and has not ended
        self.at_hand: dict = {}                 # node -> tests of the share it is at
        self.waiting: deque[list[str]] = deque()
        self.alone: deque[str] = deque()
        self.dividable: set[str] = set()
        self.begun = False

    # what pytest-xdist asks

    @property
    def nodes(self) -> list:
        return list(self.sent)

    @property
    def collection_is_completed(self) -> bool:
        return len(self.collections) >= self.wanted

    @property
    def _unsent(self) -> bool:
        return bool(self.waiting or self.alone or any(self.at_hand.values()))

    @property
    def has_pending(self) -> bool:
        return self._unsent or any(self.sent.values())

    @property
    def tests_finished(self) -> bool:
        return self.collection_is_completed and not self._unsent and all(len(sent) < 2 for sent in self.sent.values())

    def add_node(self, node) -> None:
        self.sent[node], self.at_hand[node] = [], deque()

    def add_node_collection(self, node, collection) -> None:
        self.collections[node] = list(collection)

    def mark_test_complete(self, node, item_index, duration=0) -> None:
        self.sent[node].remove(item_index)
        self._feed(node)

    def mark_test_pending(self, item) -> None:
        raise NotImplementedError

    def remove_pending_tests_from_node(self, node, indices) -> None:
        raise NotImplementedError

    def remove_node(self, node) -> str | None:
        """A node has ended. Where it crashed: the test it was at; what else it was to do goes to the others, or the one that comes in its place."""
        sent = [self.collections[node][number] for number in self.sent.pop(node)]
        left = [*sent[1:], *self.at_hand.pop(node)]
        if left:
            self.waiting.appendleft(left)
        for other in self.nodes:
            self._feed(other)
        return sent[0] if sent else None

    def schedule(self) -> None:
        if not self.begun:
            self._begin()
        for node in self.nodes:
            self._feed(node)

    # what it does

    def _begin(self) -> None:
        self.begun = True
        first, *others = self.collections.values()
        for other in others:
            if other != first:
                raise RuntimeError(f"two processes found different tests, of them {sorted(set(first) ^ set(other))[:3] or 'some in another order'}")
        if not first:
            return
        plan = json.loads(self.plan.read_text(encoding="utf-8"))
        shares: dict[str, list[str]] = {}
        for test in first:
            shares.setdefault(plan[test][0], []).append(test)
        self.dividable = {test for test in first if plan[test][1]}
        self.alone = deque(shares.pop(ALONE, ()))
        # What cannot be divided comes first, and of the rest the file of most tests last: it is what evens out the end.
        self.waiting = deque(sorted(shares.values(), key=lambda tests: (tests[0] in self.dividable, len(tests) * (1 if tests[0] in self.dividable else -1))))

    def _feed(self, node) -> None:
        """Send a node its next tests; end it where there are none, except that the last one left stays for those that run alone."""
        while self.begun and node in self.collections and not node.shutting_down and len(self.sent[node]) < 2:
            test = self._next(node)
            if test is not None:
                number = self.collections[node].index(test)
                self.sent[node].append(number)
                node.send_runtest_some([number])
            elif not self.alone or any(not other.shutting_down for other in self.nodes if other is not node):
                node.shutdown()
            else:
                return                          # until the others have ended

    def _next(self, node) -> str | None:
        if not self.at_hand[node]:
            if self.waiting:
                self.at_hand[node].extend(self.waiting.popleft())
            else:
                self._divide(node)
        if self.at_hand[node]:
            return self.at_hand[node].popleft()
        return self.alone.popleft() if self.alone and self.nodes == [node] else None

    def _divide(self, node) -> None:
        most = max(self.at_hand.values(), key=len)
        if len(most) > 1 and most[-1] in self.dividable:
            self.at_hand[node].extendleft(most.pop() for _ in range(len(most) // 2))
