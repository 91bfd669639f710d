"""Is what happened without memory in order? Answers, reports, and what others get wrong."""

from __future__ import annotations

import gzip
import linecache
import re
import subprocess
import zlib
from functools import cache

# What a server may say that has no memory for the answer itself; FastAPI says 400 when it could
# not read the content.
REFUSALS = (b"400", b"500", b"503")
# Where CPython 3.11 loses the arguments of a function that it enters.
CPYTHON_LOSES = ("(PyCell_New+", "(PyFunction_NewWithQualName+", "(_PyObject_FastCallDictTstate+")
# CPython loses the exception: of a function in Python, and in code of others that looks for a key.
LOST_OF = re.compile(r"SystemError\('<function .* returned NULL without setting an exception'\)")
LOST = "SystemError('error return without exception set')"
# CPython's frame.f_back, which logging asks for, is None then, and the exception stays set.
KEPT, KEEPS = "returned a result with an exception set", "(PyFrame_GetBack+"
LOST_IN = ("<frozen _collections_abc>", "/anyio/")
# And where a function is left whose frame a traceback keeps, and its caller's frame is wanted.
LOSES = "_PyFrame_MakeAndSetFrameObject"
# What is below anyio's handing on of functions to threads, with the context in which one begins.
OF_THREADS = ("/anyio/", "/asyncio/", "/threading.py", "/queue.py", "/contextlib.py")
# A coroutine that stands still is closed where it awaits, and awaits again as it leaves what it is in.
CLOSED = "coroutine ignored GeneratorExit"


def answers(data: bytes) -> list[bytes]:
    """One for each response."""
    return [b"HTTP/1.1 " + part for part in data.split(b"HTTP/1.1 ")[1:]]


def is_whole(answer: bytes) -> bool:
    head, blank, content = answer.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head)
    if not blank:
        return False
    return len(content) >= int(length[1]) if length else content.endswith(b"0\r\n\r\n")


def unpacked(answer: bytes) -> bytes:
    """What it says, whoever has compressed it."""
    head, blank, content = answer.partition(b"\r\n\r\n")
    if b"content-encoding: gzip" not in head or b"content-length" not in head:
        return answer
    return re.sub(rb"content-length: \d+", b"", head) + blank + gzip.decompress(content)


def content_of(answer: bytes) -> bytes:
    """Without the frames of chunks."""
    content, rest = b"", answer.partition(b"\r\n\r\n")[2]
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        content, rest = content + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
    return content


def streamed(answer: bytes) -> tuple[bytes, bytes]:
    """The head without what GZip has put there, which leaves a short stream alone, and the content
    that is meant."""
    head, content = answer.partition(b"\r\n\r\n")[0], content_of(answer)
    if b"\r\ncontent-encoding: gzip" in head:
        content = zlib.decompressobj(31).decompress(content)  # one behind the layer may not be at its end
    return re.sub(rb"\r\ncontent-encoding: gzip|, Accept-Encoding|\r\nvary: Accept-Encoding", b"", head), content


def is_cut(answer: bytes, healthy: bytes) -> bool:
    """Is it a stream that ends early, as Starlette ends one behind a dispatch layer whose
    application raises?"""
    if not all(b"\r\ntransfer-encoding: chunked" in data.partition(b"\r\n\r\n")[0] for data in (answer, healthy)):
        return False
    (head, content), (right_head, right_content) = streamed(answer), streamed(healthy)
    return head == right_head and right_content.startswith(content)


def fault_of_answer(data: bytes | None, healthy: bytes) -> str | None:
    """What is wrong with what the client got; None for ``data``: it waits."""
    if data is None:
        return "the client waits"
    for answer, right in zip(answers(data), answers(healthy), strict=False):
        if not is_whole(answer) or answer[9:12] in REFUSALS:
            return None
        if unpacked(answer) != unpacked(right) and not is_cut(answer, right):
            return f"another answer: {answer[:300]!r} instead of {right[:300]!r}"
    return None


def is_fault(report: str, place: list[str]) -> bool:
    """Does a report say more than that there was no memory? What code of others makes of it is
    theirs: pydantic-core panics."""
    if KEPT in report and any(KEEPS in text for text in place[:8]):
        return False
    if LOST_OF.search(report):
        return False
    if LOST in report and (any(text in report for text in LOST_IN) or LOSES in map(function_of, place[2:6])):
        return False
    if CLOSED in report and stands_still(place):
        return False
    mild = ("MemoryError", "PanicException", "was destroyed", "shorter than Content-Length")
    return "SystemError" in report or ("/fastrapi/" in report and not any(text in report for text in mild))


def is_of_python(place: list[str]) -> bool:
    """Did the interpreter want the memory, for code in Python? ``place``: the C stack."""
    for text in place:
        if "_engine." in text:
            return False
        if "(_PyEval_EvalFrameDefault+" in text:
            return True
    return False


def stands_still(place: list[str]) -> bool:
    """Can a coroutine not ask there what it awaits for throw()? It goes no further."""
    looks = [i for i, text in enumerate(place[:8]) if "(_PyObject_LookupAttr+" in text]
    return bool(looks) and function_of(place[looks[0] + 1]) == "_gen_throw"


def loses(place: list[str]) -> bool:
    """Does CPython itself leave something behind there? An empty list that is extended loses
    what it is extended by, a coroutine stands still."""
    if stands_still(place):
        return True
    if not is_of_python(place):
        return False
    entered = any(name in text for name in CPYTHON_LOSES for text in place[:6])
    return entered or "list_preallocate_exact" in map(function_of, place[2:6])


@cache
def function_of(frame: str) -> str:
    """The function of an entry of the C stack, which itself names exported functions only."""
    found = re.match(r"(\S+)\(.*\+(0x[0-9a-f]+)\)", frame)
    if found is None:
        return ""
    command = ["addr2line", "-f", "-e", found[1], hex(int(found[2], 16) - 1)]
    return subprocess.run(command, capture_output=True, text=True).stdout.partition("\n")[0]


def in_thread_of_others(place: list[str]) -> bool:
    """Does anyio hand a function to a thread of its own there, or such a thread wait for the next
    one? The thread is lost, and with it the function. Nobody wakes who waits for a thread that
    CPython could not begin."""
    lines = [line for line in place if line.startswith("  File ")]
    begins = False
    for line in lines:
        if "/anyio/" in line and line.endswith((" in run_sync_in_worker_thread", " in run")):
            return not begins or "claim_worker_thread" in source_of(line)
        begins = begins or "/contextlib.py" in line
        if not any(name in line for name in OF_THREADS):
            return False
    return bool(lines) and lines[-1].endswith(" in _bootstrap")


def source_of(frame: str) -> str:
    """The line of Python that an entry of Python's stack names."""
    found = re.match(r'  File "(.+)", line (\d+) in ', frame)
    return linecache.getline(found[1], int(found[2])) if found is not None else ""


def in_wake_of_others(place: list[str]) -> bool:
    """Does anyio wake there who waits: a task group, for a task that has ended, or a task, for a
    thread? Nobody else would."""
    for line in (line for line in place if line.startswith("  File ")):
        if "/anyio/" in line and line.endswith((" in task_done", " in _report_result")):
            return True
        if not any(name in line for name in ("/anyio/", "/weakref.py")):
            return False
    return False


def forgets(place: list[str]) -> bool:
    """Is somebody forgotten there who waits? A future of CPython's forgets its callbacks; what the
    engine resolves it resolves with bindings/loop/future.h."""
    if in_thread_of_others(place) or in_wake_of_others(place):
        return True
    inner = [function_of(frame) for frame in place[:16]]
    return "future_schedule_callbacks" in inner and "pyb_future_resolve" not in inner
