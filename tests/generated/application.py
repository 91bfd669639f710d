"""One application from a number: a module of FastAPI code as people write it, and what to ask it.

Every function of the module notes that it ran, so that two servers are compared by what
user code ran and in which order, and not by their answers alone.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

HEAD = "from prelude import *\n\n\n"
FUTURE = "from __future__ import annotations\n\n"


@dataclass
class Application:
    """`source` of the module, and of each route what can be asked."""

    source: str
    routes: list[Asked] = field(default_factory=list)
    layers: list[str] = field(default_factory=list)


@dataclass
class Asked:
    """A route as a client sees it."""

    method: str
    path: str
    content: str = ""  # json, form, files or nothing
    dependencies: list[str] = field(default_factory=list)
    events: bool = False  # A task of FastAPI's own runs its function, beside everything else.


LAYERS = {
    "cors": ["CORSMiddleware, allow_origins=['https://a.example'], allow_credentials=True",
             "CORSMiddleware, allow_origins=['*'], allow_methods=['GET', 'POST'], expose_headers=['X-Time']",
             "CORSMiddleware, allow_origin_regex='https://.*', allow_headers=['X-One'], max_age=5"],
    "gzip": ["GZipMiddleware, minimum_size=1", "GZipMiddleware", "GZipMiddleware, minimum_size=40, compresslevel=1"],
    "host": ["TrustedHostMiddleware, allowed_hosts=['parity.test', '*.a.example']"],
    "session": ["SessionMiddleware, secret_key='secret'", "SessionMiddleware, secret_key='s', max_age=None, same_site='strict'"],
    "adds": ["Adds, name='one'", "Adds, name='two'"],
    "passes": ["Passes"],
    "answers": ["Answers"],
    "times": ["Times"],
    "reads": ["Reads"],
    "replaces": ["Replaces"],
    "guards": ["Guards"],
    "receives": ["Receives"],
    "wraps": ["Wraps"],
}  # fmt: skip


def has_default(parameter: str) -> bool:
    """Of "name: Annotated[...] = value"; such must stand behind the others."""
    return " = " in parameter


class Writer:
    """Writes one application."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.further = random.Random(-1 - seed)  # what was added later: all else stays as it was
        self.lines: list[str] = []
        self.dependencies: list[str] = []
        self.routes: list[Asked] = []

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def dependency(self, n: int) -> None:
        """One function of the pool; it may need others that were written before."""
        name, kind = f"d{n}", self.random.choice(["return", "return", "yield", "yield", "class"])
        taken = ["fail: Fail = None"]
        for other in self.random.sample(self.dependencies, min(len(self.dependencies), self.random.choice([0, 0, 1, 2]))):
            taken.append(f"{other}: Annotated[Any, Depends({other}{self.cached()})]")
        taken += self.random.sample(
            ["q: int = 0", "user_agent: Annotated[str, Header()] = '-'", "request: Request", "response: Response",
             "tasks: BackgroundTasks", "cart: Annotated[str | None, Cookie()] = None", "scopes: SecurityScopes"],
            self.random.choice([0, 1, 1, 2]))  # fmt: skip
        taken.sort(key=has_default)
        does = [f"note('{name}')", f"perhaps(fail, '{name}')"]
        for one in taken:
            if one.startswith("response"):
                does.append(f"response.headers['X-{name}'] = 'set'")
            if one.startswith("tasks"):
                does.append(f"tasks.add_task(note, '{name} later')")
            if one.startswith("request"):
                does.append(f"request.state.{name} = 1")
        value = f"['{name}', {'q' if any(one.startswith('q') for one in taken) else '0'}]"
        way = self.random.choice(["async def", "def"])
        if kind == "class":
            self.lines += [f"class {name}:", f"    def __init__(self, {', '.join(taken)}) -> None:"]
            self.lines += [f"        {line}" for line in does]
            self.lines += [f"        self.value = {value}", "", ""]
        else:
            if way == "async def" and self.chance(0.4):
                does.append("await asyncio.sleep(0)")
            self.lines.append(f"{way} {name}({', '.join(taken)}):")
            self.lines += [f"    {line}" for line in does]
            self.lines += self.ends(name, kind, value)
            self.lines += ["", ""]
        self.dependencies.append(name)

    def ends(self, name: str, kind: str, value: str) -> list[str]:
        if kind == "return":
            return [f"    return {value}"]
        if self.chance(0.3):
            return [f"    yield {value}", f"    note('{name} exits')"]
        caught = self.random.choice(["Exception", "HTTPException", "Refused"])
        then = self.random.choice(["raise", "raise", "raise", "raise Refused('instead') from exc", "raise HTTPException(410) from exc"])
        return ["    try:", f"        yield {value}", f"    except {caught} as exc:",
                f"        note(f'{name} sees {{type(exc).__name__}}')", f"        {then}", "    finally:",
                f"        note('{name} exits')", f"    perhaps(fail, '{name}-exit')"]  # fmt: skip

    def cached(self) -> str:
        return ", use_cache=False" if self.chance(0.15) else ""

    def options(self) -> str:
        """What Depends() is told about a dependency besides the function."""
        return self.cached() + (', scope="function"' if self.chance(0.15) else "")

    def route(self, n: int, router: str, prefix: str) -> None:
        choose = self.random.choice
        method = choose(["get", "get", "get", "post", "put", "delete"])
        path = f"/r{n}" + choose(["", "", "/{number}", "/{number:int}", "/{name}/end", "/{rest:path}"])
        taken, content = [], ""
        if "{number" in path:
            taken.append(choose(["number: int", "number: Annotated[int, Path(gt=0)]", "number: str"]))
        elif "{name}" in path:
            taken.append("name: str")
        elif "{rest" in path:
            taken.append("rest: str")
        if method in ("post", "put"):
            content = choose(["json", "json", "json", "form", "files", "raw"])
            taken += {
                "json": [choose(["item: Item", "item: Item", "item: Checked", "item: dict[str, Any]",
                                 "item: Annotated[Item, Body(embed=True)]", "item: list[Inner]", "item: Item | Checked", "item: Item | None = None", "item: Annotated[str, Body()]"])],
                "form": choose([["name: Annotated[str, Form()]", "price: Annotated[float | None, Form()] = None"],
                                ["filled: Annotated[Filled, Form()]"]]),
                "files": ["file: UploadFile", choose(["small: Annotated[bytes, File()] = b''", "name: Annotated[str, Form()] = ''"])],
                "raw": ["request: Request"],
            }[content]  # fmt: skip
        taken += self.random.sample(
            ["q: Annotated[int, Query(ge=0, le=9)] = 1", "words: Annotated[list[str], Query()] = []", "flag: bool = False",
             "x_one: Annotated[str | None, Header()] = None", "tasks: BackgroundTasks", "response: Response",
             "filters: Annotated[Filters, Query()]", "needed: str", "named: Annotated[str, Query(alias='a-name')] = 'x'",
             "either: Annotated[int, Query(validation_alias=AliasChoices('a', 'b'))] = 0", "colour: Colour = Colour.red",
             "seen: Annotated[Seen, Header()]", "day: date | None = None", "size: Literal['s', 'm'] = 's'",
             "token: Annotated[str | None, Depends(oauth2)]", "login: Annotated[Any, Depends(basic)]", "api: Annotated[str, Security(key)]", "cart: Annotated[str, Cookie()] = 'none'"],
            choose([0, 1, 2, 2, 3]))  # fmt: skip
        if any("Filters" in one for one in taken):  # A model of the query must stand alone there.
            taken = [one for one in taken if one.split(":")[0] not in ("q", "words", "flag", "needed", "named", "either", "colour", "day", "size")]
        else:
            taken.append("fail: Fail = None")
        if "request: Request" not in taken and self.chance(0.3):
            taken.append("request: Request")
        wanted = self.random.sample(self.dependencies, min(len(self.dependencies), choose([0, 1, 1, 2, 3])))
        taken += [f"{one}: Annotated[Any, Depends({one}{self.options()})]" for one in wanted]
        # The parameter of the path comes first, and no other may have its name.
        taken = sorted({one.split(":")[0]: one for one in reversed(taken)}.values(), key=has_default)
        events = self.write_route(n, router, method, path, taken)
        self.routes.append(Asked(method.upper(), prefix + path, content, wanted, events))

    def write_route(self, n: int, router: str, method: str, path: str, taken: list[str]) -> bool:
        """True for server-sent events."""
        choose = self.random.choice
        names = [one.split(":")[0] for one in taken]
        shown = [one for one in names if one in ("number", "name", "rest", "q", "words", "flag", "x_one", "needed", "cart", "price", "named", "either", "colour", "seen", "day", "size",
                                                    "token", "api", "filters", "filled")]
        value = "{'route': %d, %s}" % (n, ", ".join(f"'{one}': {one}" for one in shown))
        does = [f"note('r{n}')"]
        if "fail" in names:
            does.append("perhaps(fail, 'route')")
        if "tasks" in names:
            does += ["tasks.add_task(note, 'later')", "tasks.add_task(asyncio.sleep, 0)"]
        if "response" in names:
            does += ["response.headers['X-Set'] = 'route'", choose(["response.set_cookie('seen', 'yes')", "response.status_code = 202"])]
        if "file" in names:
            value = "[file.filename, file.content_type, file.size]"
        if "request" in names:
            does.append(choose(["note(request.url.path)", "note(str(sorted(request.state._state)))", "note(request.method)"]))
            if method in ("post", "put") and not {"item", "name", "file"} & set(names):
                value = "len(await request.body())"
            elif self.chance(0.5):
                does.append("if 'session' in request.scope: request.session['n'] = request.session.get('n', 0) + 1")
        if "item" in names and self.chance(0.5):
            value = "item"
        way = "async def" if "await " in value or self.chance(0.6) else "def"
        if way == "async def" and self.chance(0.3):
            does.append("await asyncio.sleep(0)")
        if self.chance(0.08):
            return self.write_generator(n, f"@{router}.{method}('{path}'", f"{way} r{n}({', '.join(taken)})", does)
        options, returned = self.returned(n, value, "item" in names)
        self.lines += [f"@{router}.{method}('{path}'{options})", f"{way} r{n}({', '.join(taken)}):"]
        self.lines += [f"    {line}" for line in [*does, f"return {returned}"]]
        self.lines += ["", ""]
        return False

    def write_generator(self, n: int, decorator: str, function: str, does: list[str]) -> bool:
        """A function that yields: JSON lines or server-sent events; True for these."""
        events = self.chance(0.5)
        item = self.random.choice(["{'n': n}", "Item(name=str(n))", "ServerSentEvent(data={'n': n}, event='e')" if events else "n"])
        function = "async " + function.removeprefix("async ")  # In a thread it would run beside the layers.
        kind = "AsyncIterator"
        says = ", response_class=EventSourceResponse" if events else ""
        hint = f" -> {kind}[Item]" if "Item(" in item else f" -> {kind}[Any]"
        self.lines += [decorator + says + ")", function + hint + ":", *(f"    {line}" for line in does),
                       "    for n in range(3):", f"        yield {item}", "    note('yielded')", "", ""]  # fmt: skip
        return events

    def returned(self, n: int, value: str, item: bool) -> tuple[str, str]:
        """Options of the route, and what its function returns."""
        several = [
            ("", value), ("", value), ("", value), (", status_code=201", value), ("", f"JSONResponse({{'n': {n}}}, 203, {{'X-R': 'r'}})"),
            ("", "PlainTextResponse('plain ' * 20)"), (", response_class=HTMLResponse", "'<b>html</b>'"), ("", "RedirectResponse('/r0')"),
            ("", "StreamingResponse(iter(['one ', 'two ', 'three']), media_type='text/plain')"),
            ("", "StreamingResponse(slowly(), headers={'X-S': 's'}, background=BackgroundTask(note, 'streamed'))"),
            ("", "StreamingResponse(plainly(), 203, media_type='text/plain')"), ("", "StreamingResponse(timed())"), ("", "StreamingResponse(nothing())"),
            ("", "FileResponse(HERE / 'static/page.html')"), (", status_code=204", "None"), ("", "[{'text': 'text ' * 9}] * 30"),
            ("", "JSONResponse([1, 2], background=BackgroundTask(note, 'own'))"), (", response_model=Shown", "{'name': 'shown', 'secret': 1}"),
            (", response_model=list[Item], response_model_exclude_unset=True", "[Item(name='a'), {'name': 'b', 'price': '3'}]"),
            ("", "Response(b'bytes', media_type='application/x')"), (", response_model_exclude={'price'}", "Item(name='x')"),
        ]  # fmt: skip
        if item and self.chance(0.4):
            return "", "item"
        return self.random.choice(several)

    def handlers(self) -> None:
        say = "return JSONResponse({{'handled': '{0}', 'by': type(exc).__name__}}, {1})"
        for key, name, status in [
            ("Refused", "refused", 430), ("HTTPException", "http", 431), ("RequestValidationError", "invalid", 432),
            ("404", "unknown", 433), ("Exception", "any", 500), ("StarletteHTTPException", "plain", 434),
        ]:  # fmt: skip
            if self.chance(0.5 if key == "Refused" else 0.12):
                way = self.random.choice(["async def", "def"])
                self.lines += [f"@app.exception_handler({key})", f"{way} on_{name}(request: Request, exc: Any):",
                               f"    note('handler {name}')", "    " + say.format(name, status), "", ""]  # fmt: skip

    def mounts(self) -> None:
        html = self.random.choice(["", ", html=True"])
        self.lines.append(f"app.mount('/static', StaticFiles(directory=HERE / 'static'{html}), name='static')")
        if self.chance(0.5):
            self.lines += ["sub = FastAPI()", "", "", "@sub.get('/inside/{n}')", "async def inside(n: int, request: Request):",
                           "    note('inside')", "    return {'n': n, 'root': request.scope['root_path'], 'url': str(request.url_for('inside', n=1))}",
                           "", ""]  # fmt: skip
            if self.chance(0.3):
                self.lines += ["sub.add_middleware(Times)"]
            self.lines += [f"app.mount('{self.random.choice(['/sub', '/r1', ''])}', sub)"]
        if self.chance(0.3):
            self.lines += ["async def plain(request: Request) -> Response:", "    note('plain')", "    return PlainTextResponse(str(request.url))", "", "",
                           "app.add_route('/plain', plain, methods=['GET', 'POST'])",
                           "app.mount('/star', Starlette(routes=[Route('/{n:int}', plain), Mount('/more', routes=[Route('/', plain)])]))"]  # fmt: skip

    def starlettes(self) -> None:
        """Starlette's own routes in every place, and what has layers of its own inside."""
        choose, further = self.further.choice, self.further
        if further.random() > 0.4:
            return
        handler = "exception_handlers={Refused: on_inner, 404: on_inner}" if further.random() < 0.4 else ""
        layers = further.sample(sorted(LAYERS.keys() - {"replaces", "session"}), choose([0, 0, 1, 2]))
        self.lines += [
            "async def on_inner(request: Request, exc: Any) -> Response:", "    note('inner handler')",
            "    return JSONResponse([repr(exc), request.url.path, request.scope['root_path']], 435)", "", "",
            f"inner = {choose(['Starlette', 'FastAPI'])}({handler})",
            "inner.router.routes += [Route('/seen/{n:int}', seen, name='seen'), Route('/thing', Thing), Route('/fails/{what}', fails)]",
            *(f"inner.add_middleware({choose(LAYERS[layer])})" for layer in layers),
            f"app.mount('{choose(['/inner', '/r2', '/inner/deep'])}', inner)",
            f"app.router.routes.insert({choose([0, 4, 99])}, Host('{choose(['x.a.example', '{sub}.a.example', 'wrong.example:80'])}', inner))"
            if further.random() < 0.4 else "",
            f"{choose(['app', 'router'])}.add_route('/thing', Thing)", "",
        ]  # fmt: skip

    def overrides(self) -> None:
        """Some are there at once, and some come and go while requests are served."""
        one = self.random.choice(self.dependencies)
        self.lines += ["def instead(q: int = 5):", "    note('instead')", "    return ['instead', q]", "", ""]
        if self.chance(0.5):
            self.lines += [f"app.dependency_overrides[{one}] = instead", "", ""]
        self.lines += ["@app.get('/-/override')", "async def override() -> bool:", f"    if app.dependency_overrides.pop({one}, None):",
                       "        return False", f"    app.dependency_overrides[{one}] = instead", "    return True", "", ""]  # fmt: skip

    def write(self) -> Application:
        for n in range(self.random.choice([2, 4, 6])):
            self.dependency(n)
        app = self.random.choice(["", "", "", f"dependencies=[Depends({self.dependencies[0]})]", "redirect_slashes=False", "root_path='/behind'",
                                  "default_response_class=Profiled", "docs_url=None", "lifespan=lifespan"])  # fmt: skip
        self.lines += [f"app = FastAPI({app})"]
        router = f"dependencies=[Depends({self.random.choice(self.dependencies)})], " if self.chance(0.4) else ""
        router += self.random.choice(["", "", "", "route_class=Tagged", "route_class=Wrapped"])
        self.lines += [f"router = APIRouter({router})", "", ""]
        for n in range(10):
            self.route(n, *self.random.choice([("app", ""), ("app", ""), ("router", "/in")]))
        self.starlettes()
        self.lines.append("app.include_router(router, prefix='/in')")
        self.handlers()
        if self.chance(0.2):
            self.overrides()
        self.mounts()
        layers = self.random.sample(sorted(LAYERS), self.random.choice([0, 0, 1, 1, 2, 2, 3, 4]))
        for layer in layers:
            self.lines.append(f"app.add_middleware({self.random.choice(LAYERS[layer])})")
        head = FUTURE + HEAD if self.chance(0.3) else HEAD
        return Application(head + "\n".join(self.lines) + "\n", self.routes, layers)


def write(seed: int) -> Application:
    """The application of that number: always the same."""
    return Writer(seed).write()
