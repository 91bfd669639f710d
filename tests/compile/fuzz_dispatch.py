"""Generated cases for dispatch layers: Starlette's BaseHTTPMiddleware against fastrapi's.

    fuzz_dispatch.py CASES [SEED [wild]]        one case: fuzz_dispatch.py 1 SEED

A case is a program for ``dispatch``, one for the application that the layer wraps, and a
client. It runs under both, and everything visible is compared: the messages outwards,
one log of all side effects in their order, context variables, the exception.
"""

from __future__ import annotations

import asyncio
import contextvars
import copy
import random
import sys
from typing import Any

import anyio
from starlette.background import BackgroundTask
from starlette.middleware.base import BaseHTTPMiddleware as Original
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from fastrapi.compile.dispatch import application_of
from fastrapi.loop import EventLoop


var = contextvars.ContextVar("var", default="-")


class Boom(Exception):
    pass


class Base(BaseException):
    pass


ERRORS = {"Boom": lambda: Boom("b"), "group": lambda: ExceptionGroup("g", [ValueError("v")]),
          "chained": lambda: chained(), "caused": lambda: chained(True), "cancel": lambda: asyncio.CancelledError(),
          "base": lambda: Base("x")}


def chained(cause=False):
    try:
        try:
            raise KeyError("k")
        except KeyError as e:
            raise Boom("outer") from (e if cause else None) if cause else Boom("outer")
    except Boom as e:
        return e


def context(exc):
    """The type of the context, less the memory stream's own exceptions."""
    name = type(exc.__context__).__name__
    return "-" if name in ("NoneType", "WouldBlock", "EndOfStream", "AttributeError") else name


def show(exc, depth=0):
    if exc is None or depth > 3:
        return None
    parts = [type(exc).__name__, "" if isinstance(exc, asyncio.CancelledError) else str(exc), exc.__suppress_context__,
             show(exc.__cause__, depth + 1), context(exc)]
    if isinstance(exc, anyio.EndOfStream):
        return "EndOfStream"
    if isinstance(exc, BaseExceptionGroup):
        parts.append([show(e, depth + 1) for e in exc.exceptions])
    return tuple(map(repr, parts))


# ---- the inner application

class App:
    def __init__(self, program, log, count=0):
        self.program, self.log, self.calls = program, log, count

    async def __call__(self, scope, receive, send):
        self.calls += 1
        me, name = asyncio.current_task(), f"a{self.calls}"

        def log(*what):
            same = asyncio.current_task() is me
            self.log.append((name, *what, var.get(), "" if same else "OTHER TASK"))

        async def block(actions):
            for action in actions:
                await act(*action)

        async def note(what):
            log(what, 1)
            await asyncio.sleep(0)
            log(what, 2)

        async def act(op, *args):
            if op == "log":
                log("log", *args)
            elif op == "sleep":
                for _ in range(args[0]):
                    await asyncio.sleep(0)
            elif op == "timer":
                await asyncio.sleep(0.0001)
            elif op == "set":
                var.set(f"{name}:{args[0]}")
            elif op == "recv":
                log("recv", repr(await receive()))
            elif op == "body":
                try:
                    log("body", await Request(scope, receive).body())
                except ClientDisconnect:
                    log("ClientDisconnect")
            elif op == "isdisc":
                log("isdisc", await Request(scope, receive).is_disconnected())
            elif op == "send":
                try:
                    await send(copy.deepcopy(args[0]))
                except BaseException as e:
                    log("send failed", type(e).__name__)
                    raise
                log("sent", args[0]["type"][14:], args[0].get("more_body"))
            elif op == "resp":
                kind, sleeps = args
                bg = BackgroundTask(note, "bg")
                if kind == "plain":
                    r = PlainTextResponse("hello", background=bg)
                elif kind == "empty":
                    r = Response(status_code=204)
                else:
                    async def gen():
                        for i in range(3):
                            log("gen", i)
                            yield f"c{i}"
                            for _ in range(sleeps):
                                await asyncio.sleep(0)
                    r = StreamingResponse(gen(), background=bg)
                await r(scope, receive, send)
            elif op == "raise":
                raise ERRORS[args[0]]()
            elif op == "swallow":
                try:
                    await block(args[0])
                except Exception as e:
                    log("caught", type(e).__name__)
            elif op == "finally":
                try:
                    await block(args[0])
                except BaseException as e:
                    log("through", type(e).__name__)
                    raise
                finally:
                    log("finally")
                    try:
                        await block(args[1])
                    except asyncio.CancelledError:
                        log("cancelled in finally")
                        raise
                    log("finally end")
            elif op == "shield":
                with anyio.CancelScope(shield=True):
                    await block(args[0])
                    await asyncio.sleep(0)
                log("shield end")
            elif op == "scope":
                with anyio.CancelScope() as cs:
                    await block(args[0])
                log("scope end", cs.cancelled_caught)
            elif op == "deadline":
                with anyio.CancelScope() as cs:
                    cs.cancel()
                    await block(args[0])
                log("deadline end", cs.cancelled_caught)
            elif op == "timeout":
                async with asyncio.timeout(30):
                    await block(args[0])
                log("timeout end", me.cancelling())
            elif op == "tg":
                async with anyio.create_task_group() as tg:
                    tg.start_soon(note, "child")
                    await block(args[0])
                log("tg end")
            elif op == "selfcancel":
                me.cancel()
            else:
                raise AssertionError(op)

        await block(self.program)
        log("app end")


# ---- dispatch

def dispatch_of(program, log, holder):
    async def dispatch(request, call_next):
        me, r = asyncio.current_task(), None

        def note(*what):
            log.append(("d", *what, var.get(), "" if asyncio.current_task() is me else "OTHER TASK"))

        async def bg(what="d-bg"):
            log.append((what, 1))
            await asyncio.sleep(0)
            log.append((what, 2))

        for op, *args in program:
            if op == "log":
                note("log", *args)
            elif op == "sleep":
                for _ in range(args[0]):
                    await asyncio.sleep(0)
            elif op == "set":
                var.set(f"d:{args[0]}")
            elif op == "body":
                try:
                    note("body", await request.body())
                except (ClientDisconnect, RuntimeError) as e:
                    note("body", type(e).__name__)
            elif op == "part":
                try:
                    async for chunk in request.stream():
                        note("part", chunk)
                        break
                except (ClientDisconnect, RuntimeError) as e:
                    note("part", type(e).__name__)
            elif op == "isdisc":
                note("isdisc", await request.is_disconnected())
            elif op == "call":
                try:
                    r = await call_next(request)
                    note("got", r.status_code, [k for k, _ in r.raw_headers])
                except args[0] as e:
                    note("call failed", show(e))
                    r = r or PlainTextResponse("sorry", status_code=500)
            elif op == "task":
                try:
                    r = await asyncio.create_task(call_next(request))
                    note("got", r.status_code)
                except args[0] as e:
                    note("call failed", show(e))
                    r = r or PlainTextResponse("sorry", status_code=500)
            elif op == "raise":
                raise ERRORS[args[0]]()
            elif op == "new":
                r = PlainTextResponse("other", background=BackgroundTask(bg))
            elif r is None:
                continue
            elif op == "hdr":
                r.headers["x-d"] = str(args[0])
            elif op == "status":
                r.status_code = args[0]
            elif op == "bg":
                r.background = BackgroundTask(bg)
            elif not hasattr(r, "body_iterator"):
                continue
            elif op == "consume":
                chunks = [c async for c in r.body_iterator]
                note("consumed", chunks)
            elif op == "rebuild":
                chunks = [c async for c in r.body_iterator if isinstance(c, bytes)]
                note("rebuild", chunks)
                r = Response(b"".join(chunks).upper(), status_code=r.status_code)
            elif op == "first":
                try:
                    note("first", await r.body_iterator.__anext__())
                except StopAsyncIteration:
                    note("first", "none")
            elif op == "aclose":
                await r.body_iterator.aclose()
            elif op == "wrap":
                async def over(it):
                    async for c in it:
                        note("over", c)
                        yield c
                if args[0]:
                    r.body_iterator = over(r.body_iterator)
                else:
                    r = StreamingResponse(over(r.body_iterator), status_code=r.status_code)
        return r
    return dispatch


# ---- generator

def gen_app(r, depth=0, answered=False):
    out = []
    start = ("send", {"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]})

    def body(data, more=False):
        return ("send", {"type": "http.response.body", "body": data, "more_body": more})

    def filler(n):
        for _ in range(r.randint(0, n)):
            k = r.random()
            if k < .25: out.append(("log", r.randint(0, 9)))
            elif k < .45: out.append(("sleep", r.randint(1, 3)))
            elif k < .6: out.append(("set", r.randint(0, 9)))
            elif k < .7 and not late: out.append(("body",))
            elif k < .78 and not late: out.append(("recv",))
            elif k < .83 and not late: out.append(("isdisc",))
            elif k < .87: out.append(("raise", r.choice(list(ERRORS)[:4 if r.random() < .8 or not WILD else 6])))
            elif k < .9: out.append(("timer",))
            elif k < .93: out.append(("shield", [("sleep", 1), ("log", 7)]))
            elif k < .95: out.append(("swallow", [("sleep", 1), ("raise", "Boom")]))
            elif k < .96 and WILD: out.append(("tg", [("sleep", 1)]))
            elif k < .965 and WILD: out.append(("selfcancel",))
    late = False
    filler(3)
    late = not WILD
    k = r.random()
    if k < .3:
        out.append(start); filler(1); out.append(body(b"hi" * r.randint(0, 2)))
    elif k < .5:
        out.append(("resp", r.choice(["plain", "plain", "empty", "stream"]), r.randint(0, 2)))
    elif k < .7:
        out.append(start)
        for _ in range(r.randint(0, 4)):
            out.append(body(b"x%d" % len(out), True)); filler(1)
        if r.random() < .8: out.append(body(b"end" * r.randint(0, 1)))
    elif k < .75:
        if r.random() < .5: out.append(("send", {"type": "http.response.early_hint", "links": [b"l"]}))
        else: out.append(("send", {"type": "http.response.debug", "info": {"t": 1}}))
        filler(1)
        out.append(start); out.append(body(b"hi"))
    elif k < .8:
        out.append(start); out.append(("send", {"type": "http.response.pathsend", "path": "/p"}))
    elif k < .83:
        out.append(body(b"no start"))
    elif k < .86:
        out.append(start); out.append(("send", {"type": "http.response.trailers"}))
    elif k < .9:
        pass
    else:
        out.append(start); out.append(body(b"a")); out.append(body(b"too much"))
    filler(3)
    while depth < 2 and r.random() < .5:
        depth += 1
        i = r.randint(0, len(out))
        k = r.choice(["finally", "finally", "scope", "timeout", "swallow", "shield"] + ["deadline"] * WILD)
        inner = out[i:]
        out[i:] = [(k, inner, [("log", 5)] + [("sleep", 1), ("log", 6)] * r.randint(0, 1)) if k == "finally" else (k, inner)]
    return out


def gen_dispatch(r):
    out = []
    catch = r.choice([(), (Exception,), (Boom,), (BaseExceptionGroup, Boom), (RuntimeError, AssertionError)])

    def filler(ops, n):
        for _ in range(r.randint(0, n)):
            op = r.choice(ops)
            out.append({"sleep": ("sleep", r.randint(1, 3)), "set": ("set", r.randint(0, 9)), "log": ("log", r.randint(0, 9)),
                        "raise": ("raise", r.choice(list(ERRORS)[:4 if r.random() < .8 or not WILD else 6])), "hdr": ("hdr", 1), "status": ("status", 418),
                        "wrap": ("wrap", r.random() < .5)}.get(op, (op,)))
    filler(["log", "sleep", "set", "body", "part", "isdisc", "log"], 2)
    if r.random() < .04: out.append(("raise", "Boom"))
    for _ in range(r.choice([1] * 16 + [0, 2, 2, 3])):
        if not WILD and any(o[0] == "call" for o in out): out.append(("consume",))
        out.append(("task" if r.random() < .05 and WILD else "call", catch))
        filler(["log", "sleep", "set", "hdr", "hdr", "hdr", "status", "bg", "body", "part", "isdisc"] + ["consume", "rebuild",
               "first", "aclose", "wrap", "raise", "new"] * (r.random() < .5), r.choice([0, 1, 3]))
    return out


def gen_client(r):
    messages = []
    for _ in range(r.choice([0, 1, 1, 2, 3])):
        messages.append((r.choice([0, 0, 0, 2]), {"type": "http.request", "body": b"q%d" % len(messages), "more_body": True}))
    if messages: messages[-1][1]["more_body"] = False
    else: messages.append((0, {"type": "http.request", "body": b"", "more_body": False}))
    if r.random() < .2: messages.insert(r.randint(0, len(messages)), (r.choice([0, 3]), {"type": "http.disconnect"}))
    fail = r.randint(0, 3) if r.random() < .12 else None
    client = {"messages": messages, "end": r.choice(["disconnect", "disconnect", "wait", "error"]), "slow": r.choice([0, 0, 1, 2]),
              "fail": fail, "how": r.choice(["OSError", "cancel"]), "state": r.random() < .25, "layers": r.choice([1, 1, 1, 2])}
    # A cancel scope around the layers, cancelled when so many messages have been sent or received.
    client["cut"] = (r.choice(["sent", "received"]), r.randint(0, 3)) if r.random() < .3 else None
    return client


# ---- one run

def run(wrap, runner, case):
    program, dispatch, client = case
    log, sent, result = [], [], {}

    async def main():
        var.set("outer")
        messages, host = list(client["messages"]), asyncio.current_task()

        scopes, count = [], len(messages)

        def cut(what, so_far):
            if scopes and client["cut"] == (what, so_far):
                log.append("cut")
                scopes[0].cancel()

        async def receive():
            cut("received", count - len(messages))
            if messages:
                wait, message = messages.pop(0)
                for _ in range(wait):
                    await asyncio.sleep(0)
                log.append(("receive", message["type"]))
                return dict(message)
            if client["end"] == "disconnect":
                log.append(("receive", "end"))
                return {"type": "http.disconnect"}
            if client["end"] == "error":
                log.append(("receive", "error"))
                raise OSError("receive")
            log.append(("receive", "waits"))
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                log.append(("receive", "interrupted"))

        async def send(message):
            log.append(("send", message["type"], repr(message), var.get(), asyncio.current_task() is host))
            cut("sent", len(sent))
            if client["fail"] == len(sent):
                if client["how"] == "OSError":
                    raise OSError("send")
                host.cancel()
            sent.append(dict(message))
            for _ in range(client["slow"]):
                await asyncio.sleep(0)

        app = App(program, log)
        for _ in range(client["layers"]):
            app = wrap(Original(app, dispatch_of(dispatch, log, None)))
        scope = {"type": "http", "method": "POST", "path": "/", "headers": [], "asgi": {"spec_version": "2.4"}, "extensions": {}}
        try:
            if client["state"] or client["cut"]:
                with anyio.CancelScope() as cs:
                    scopes.append(cs)
                    await app(scope, receive, send)
                result["caught"] = cs.cancelled_caught
            else:
                await app(scope, receive, send)
            result["exc"] = None
        except BaseException as e:
            result["exc"] = show(e)
        result["var"] = var.get()
        log.append("end")
        for _ in range(20):
            await asyncio.sleep(0)
        result["left"] = len(asyncio.all_tasks()) - 1

    async def watched():
        task = asyncio.ensure_future(main())
        done, _ = await asyncio.wait([task], timeout=0.5)
        if not done:
            log.append("HANGS")
            task.cancel()
            await asyncio.wait([task], timeout=0.5)
        elif task.cancelled():
            result["escaped"] = "cancelled"
        elif task.exception() is not None:
            result["escaped"] = repr(task.exception())

    runner.run(watched(), context=contextvars.Context())
    return {"log": log, "sent": sent, **result}


def tags(case):
    """What makes a case one of those known to be a race in the original (see README)."""
    calls = sum(op in ("call", "task") for op, *_ in case[1])
    return (("several calls of call_next",) * (calls > 1) or
            ("host cancelled",) * (case[2]["fail"] is not None and case[2]["how"] == "cancel") or
            ("two layers",) * (case[2]["layers"] > 1))


def difference(a, b):
    return [k for k in sorted(set(a) | set(b)) if a.get(k) != b.get(k)]


WILD = False


def case_of(seed):
    r = random.Random(seed)
    return gen_app(r), gen_dispatch(r), gen_client(r)


def both(runner, case):
    """What happens under Starlette's class and under fastrapi's; None: the first never
    ends."""
    expected = run(lambda layer: layer, runner, case)
    if "HANGS" in expected["log"]:
        return None
    return expected, run(application_of, runner, case)


def new_runner():
    runner = asyncio.Runner(loop_factory=EventLoop)
    runner.get_loop().set_exception_handler(lambda *_: None)
    return runner


def main():
    global WILD
    sys.unraisablehook = lambda *_: None
    n, seed = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
    WILD = len(sys.argv) > 3
    hung, seen, found, kinds, runner = 0, {}, {}, {}, new_runner()
    for i in range(seed, seed + n):
        case = case_of(i)
        results = both(runner, case)
        if results is None or "HANGS" in results[1]["log"]:
            runner = new_runner()
        if results is None:
            hung += 1
            continue
        tag = " ".join(tags(case)) or "plain"
        seen[tag] = seen.get(tag, 0) + 1
        different = difference(*results)
        if not different:
            continue
        found[tag] = found.get(tag, 0) + 1
        same = sorted(map(str, results[0]["log"])) == sorted(map(str, results[1]["log"]))
        kind = (tags(case), "order only" if same else "content", tuple(different))
        kinds.setdefault(kind, []).append(i)
        if n == 1:
            print(*case, sep="\n")
            for key in different:
                for side in results:
                    value = side.get(key)
                    print("==", key, *(value if isinstance(value, list) else [value]), sep="\n   ")
    print(seen, "by tag, of which different:", found)
    print(n, "cases;", hung, "never end under the original")
    for kind, seeds in sorted(kinds.items(), key=lambda x: -len(x[1])):
        print(len(seeds), kind, seeds[:8])


if __name__ == "__main__":
    main()
