"""The n-th allocation of a request fails, for n = 0, 1, 2, ... What must hold afterwards."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from allocations import failing
from counted import Ledger
from counts import Watch
from judged import fault_of_answer, forgets, in_thread_of_others, is_fault, is_of_python, loses
from memory import JUDGED
from served import Server, ask, until

MOST = 20_000
# What seems to stay is counted again, so often in each window: it must stay in all of them.
TIMES, WINDOWS, LAST_TIMES = 4, 6, 40
SETTLES_S, SOON_S = 3.0, 0.03
LEFT = ("the client waits", "left", "in hand")


@dataclass(frozen=True)
class Case:
    """``where``: "python" or "c". ``ledger`` None: the application does not count."""

    app: Any
    data: bytes
    where: str
    ledger: Ledger | None = None


@dataclass(frozen=True)
class Fault:
    n: int
    found: list[str]
    place: list[str]

    def __str__(self) -> str:
        python = [line for line in self.place if line.startswith("  File ")]
        stack = [*self.place[:20], "Python:", *python[:10]]
        return "\n  ".join([f"allocation {self.n}:", *self.found, "C stack:", *stack])


class Survey:
    """On a server of its own, and on another one when something was left."""

    def __init__(self) -> None:
        self.server = Server()

    def close(self) -> None:
        self.server.close()

    def begin(self, case: Case) -> None:
        """A case on a server that is in order."""
        self.port = self.server.port(case.app)
        self.idle = ("", self.server.in_hand(case.app))  # what a server left behind still has
        self.server.reports.all.clear()
        if case.ledger is not None:
            case.ledger.clear()
        for _ in range(3):
            healthy = ask(self.port, case.data)
        assert healthy
        assert until(lambda: self.is_over(case), SETTLES_S)
        self.healthy = healthy
        self.usual = set(self.server.reports.all)

    def renew(self, case: Case) -> None:
        """What the server left behind still has is not looked at again."""
        self.server.abandon()
        self.server = Server()
        self.begin(case)
        self.server.call(gc.collect)
        gc.freeze()

    def is_over(self, case: Case) -> bool:
        """Nothing of a request is left."""
        balanced = case.ledger is None or case.ledger.balanced
        return balanced and not self.server.tasks() and self.server.in_hand(case.app) in self.idle

    def one(self, case: Case, n: int) -> tuple[list[str], list[str] | None]:
        """What is wrong after allocation n has failed, and where that was; None: it was not met.

        A request in good order comes before. The check of each second's first request is not
        among the allocations.
        """
        server, ledger = self.server, case.ledger
        time.sleep(0.05 if time.time() % 1 > 0.96 else 0)
        if ledger is not None:
            ledger.clear()  # what of others was left meanwhile, as garbage, is none of this one's
        before = ask(self.port, case.data)
        found = [] if before == self.healthy else [f"the answer before was another one: {before!r:.300}"]
        if ledger is not None:
            until(lambda: ledger.balanced, SETTLES_S)
        server.reports.all.clear()
        if ledger is not None:
            ledger.clear()
        failing.fail(case.where, n)
        got = ask(self.port, case.data, is_forgotten)
        patience = SOON_S if got is None else SETTLES_S

        def is_settled() -> bool:
            return not server.tasks() and (ledger is None or ledger.balanced)

        settled = until(is_settled, SOON_S)
        if not settled and not failing.came():
            settled = until(is_settled, patience)
        place: list[str] | None = failing.stop()
        if place is None:
            return found, None
        may_hang = in_thread_of_others(place)  # it may hold a lock that the loop waits for
        if got is None and may_hang:
            return [*found, LEFT[0]], place
        if not settled and not may_hang:  # what is in a cycle
            server.call(gc.collect)
            patience = SOON_S if loses(place) or forgets(place) else patience
            settled = until(is_settled, patience)
        fault = fault_of_answer(got, self.healthy)
        found += [fault] if fault is not None else []
        found += [] if settled else [f"left: {task!r}" for task in server.tasks()]
        if ledger is not None and (ledger.balanced or not loses(place)):
            found += ledger.faults()
        if not may_hang and not until(lambda: server.in_hand(case.app) in self.idle, patience):
            found.append(f"in hand: {server.in_hand(case.app)}")
        found += [text for text in server.reports.all if text not in self.usual and is_fault(text, place)]
        if ledger is not None:
            ledger.clear()
        return found, place

    def run(self, case: Case) -> Iterator[Fault]:
        """Until the request does not meet the failure."""
        self.begin(case)
        watch = self.server.call(Watch)
        try:
            before = self.looked(watch)
            for n in range(MOST):
                found, place = self.one(case, n)
                if place is None:
                    return
                if not found and not in_thread_of_others(place):
                    after = self.server.call(watch.take)
                    more = grown(watch, before, after, 1)
                    before = after
                    if more and not is_known(more, place, is_of_python(place)):
                        found, place = self.leaks(case, n, watch, place)
                        before = None
                if found and not (forgets(place) and all(says_left(text) for text in found)):
                    yield Fault(n, found, place)
                if in_thread_of_others(place) or any(text.startswith(LEFT) for text in found):
                    self.renew(case)
                    before = None
                before = before or self.looked(watch)
            raise AssertionError("more allocations than expected")
        finally:
            gc.unfreeze()

    def looked(self, watch: Watch) -> Any:
        """The first look, with another one beside it, as the next ones have."""
        beside = self.server.call(watch.take)
        before, _ = self.server.call(watch.take), beside
        return before

    def leaks(self, case: Case, n: int, watch: Watch, place: list[str]) -> tuple[list[str], list[str]]:
        """What there is more of each time, or else is wrong, and where."""
        before = self.looked(watch)
        more: dict[str, int] | None = None
        in_python = is_of_python(place)
        for times in (1, 1, *[TIMES] * WINDOWS, LAST_TIMES, LAST_TIMES):
            for _ in range(times):
                found, again = self.one(case, n)
                if again is None or found:
                    return found, again or place
                # With threads the place is another one now and then.
                if loses(again) or in_thread_of_others(again):
                    return [], again
                in_python = in_python or is_of_python(again)
            after = self.server.call(watch.take)
            now = grown(watch, before, after, times)
            before = after
            more = {name: much for name, much in now.items() if more is None or name in more}
            if not more or is_known(more, place, in_python):
                return [], place
            # A cancel scope of anyio's stays with its task when it could not be left.
            if times > 1 and in_python and "objects of builtins.set" in more:
                return [], place
        return [f"{LAST_TIMES} times more: {more}"], place


def is_known(more: dict[str, int], place: list[str], in_python: bool) -> bool:
    """Is it CPython's, of which there is more? Of Python no object of ours stays. ``in_python``:
    there, or at one of the other places that were met."""
    no_object = not any("objects" in name for name in more)
    return (no_object and in_python) or loses(place) or in_thread_of_others(place)


def is_forgotten() -> bool:
    """Does nobody wake who waits, since the allocation that has failed?"""
    return failing.came() and forgets(failing.stop())


def says_left(text: str) -> bool:
    """Somebody waits, or something is still there."""
    return text.startswith(LEFT) or " was entered " in text


def grown(watch: Watch, before: Any, after: Any, times: int) -> dict[str, int]:
    """Objects and references count each. Memory alone has less than this in it that is the
    allocators' own doing."""
    least = {"bytes of malloc": 200 * times, "memory blocks of Python": 2 * times}
    return {
        name: n
        for name, n in watch.growth(before, after).items()
        if n >= least.get(name, times) and (JUDGED or "bytes" not in name)
    }
