"""Run one module of CPython's own asyncio tests on fastrapi.EventLoop.

    run.py [--plain] test_tasks [PATTERN...]

Prints one JSON line per test: [id, outcome, detail]. With --plain the loop is
asyncio's own, to see what fails without us.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import unittest
from asyncio import unix_events
from typing import Any

from fastrapi import EventLoop


class Loop(EventLoop):
    """Stands for asyncio.SelectorEventLoop, to which tests give a selector."""

    def __init__(self, selector: Any = None) -> None:
        super().__init__()


def replace_loop() -> None:
    asyncio.SelectorEventLoop = unix_events.SelectorEventLoop = Loop
    asyncio.DefaultEventLoopPolicy._loop_factory = Loop
    if hasattr(asyncio, "EventLoop"):
        asyncio.EventLoop = Loop


class Result(unittest.TestResult):
    def __init__(self, out: Any) -> None:
        super().__init__()
        self.out = out
        self.bad: set[str] = set()

    def tell(self, test: Any, outcome: str, detail: str = "") -> None:
        name = getattr(test, "test_case", test).id()
        if outcome == "failed":
            self.bad.add(name)
        elif name in self.bad:
            return
        print(json.dumps([name, outcome, detail]), file=self.out, flush=True)

    def startTest(self, test: Any) -> None:
        super().startTest(test)
        print(json.dumps([test.id(), "begun", ""]), file=self.out, flush=True)

    def addSuccess(self, test: Any) -> None:
        self.tell(test, "passed")

    def addFailure(self, test: Any, err: Any) -> None:
        self.tell(test, "failed", self._exc_info_to_string(err, test))

    addError = addFailure

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:
        if err is not None:
            self.tell(subtest, "failed", self._exc_info_to_string(err, test))

    def addSkip(self, test: Any, reason: str) -> None:
        self.tell(test, "skipped", reason)

    def addExpectedFailure(self, test: Any, err: Any) -> None:
        self.tell(test, "passed")

    def addUnexpectedSuccess(self, test: Any) -> None:
        self.tell(test, "failed", "unexpected success")


def main() -> None:
    # A shell's background job ignores it, and these tests wait for it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    arguments = sys.argv[1:]
    if arguments[0] == "--plain":
        arguments.pop(0)
    else:
        replace_loop()
    # What the tests write themselves goes to stderr.
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    loader = unittest.TestLoader()
    loader.testNamePatterns = [f"*{pattern}*" for pattern in arguments[1:]] or None
    suite = loader.loadTestsFromName(f"test.test_asyncio.{arguments[0]}")
    suite.run(Result(out))


if __name__ == "__main__":
    main()
