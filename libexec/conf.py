"""What fastrd asks a Python for, as a child: python -I -S -c TEXT COMMAND WORD...

    file PATH             the settings of a TOML file; of a pyproject.toml those of [tool.fastrd]
    address NAME...       the numeric address of each host

Answers are lines of four fields with TABs between them: KIND, KEY, VALUE, ORIGIN. The kinds are
value, list (KEY is a list, its members follow), item (one of them), file (VALUE is the path that
was read), error (VALUE says what is wrong), and end, which is the last one's. fastrd knows which keys there are; this knows TOML.
Only the standard library is there, and the text is part of fastrd itself.
"""

import os
import sys

LIMIT = 60 * 1024  # the reader takes 64 KiB
out = []


def say(kind, key, value, origin):
    out.append("\t".join((kind, key, value, origin)))


def whole(text):
    """Has it no character that would end a field?"""
    return all(c >= " " and c != "\x7f" for c in text)


class Lines:
    """On which line each key of a TOML text stands. The text is known to be TOML."""

    def __init__(self, text):
        self.text = text
        self.at = 0
        self.found = {}
        self.counts = {}
        table = ()
        while self.skip():
            line = text.count("\n", 0, self.at) + 1
            if text[self.at] == "[":
                array = text.startswith("[[", self.at)
                self.at += 1 + array
                table = self.key("]")
                self.at += 1 + array
                if array:
                    number = self.counts.get(table, 0)
                    self.counts[table] = number + 1
                    table += (number,)
                self.found.setdefault(table, line)
            else:
                path = table + self.key("=")
                for n in range(len(table) + 1, len(path) + 1):
                    self.found.setdefault(path[:n], line)
                self.at += 1
                self.value()

    def skip(self):
        """To the next key or table; False: there is none."""
        while self.at < len(self.text):
            c = self.text[self.at]
            if c == "#":
                self.comment()
            elif c in " \t\r\n":
                self.at += 1
            else:
                return True
        return False

    def comment(self):
        end = self.text.find("\n", self.at)
        self.at = len(self.text) if end < 0 else end

    def key(self, end):
        parts, word = [], ""
        while self.text[self.at] != end:
            c = self.text[self.at]
            if c in "\"'":
                begin = self.at + 1
                self.string()
                word = self.text[begin : self.at - 1]
            else:
                if c == ".":
                    parts.append(word)
                    word = ""
                elif c not in " \t":
                    word += c
                self.at += 1
        return (*parts, word)

    def string(self):
        quote = self.text[self.at]
        long = quote * 3
        if self.text.startswith(long, self.at):
            self.at += 3
            while not self.text.startswith(long, self.at):
                self.at += 1 + (quote == '"' and self.text[self.at] == "\\")
            self.at += 3
            while self.text.startswith(quote, self.at):  # up to two of its own at the end
                self.at += 1
        else:
            self.at += 1
            while self.text[self.at] != quote:
                self.at += 1 + (quote == '"' and self.text[self.at] == "\\")
            self.at += 1

    def value(self):
        depth = 0
        while self.at < len(self.text):
            c = self.text[self.at]
            if c in "\"'":
                self.string()
                continue
            if c == "#":
                self.comment()
                continue
            if c == "\n" and depth == 0:
                return
            depth += (c in "[{") - (c in "]}")
            self.at += 1

    def of(self, path):
        while path and path not in self.found:
            path = path[:-1]
        return self.found.get(path, 0)


def scalar(value):
    """The text of one value; None: it is of a kind that no setting has."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int)):
        return str(value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return None


class File:
    def __init__(self, path, text):
        self.path = path
        self.lines = Lines(text)

    def origin(self, path):
        line = self.lines.of(path)
        return f"{self.path}:{line}" if line else self.path

    def one(self, kind, key, value, path):
        text = scalar(value)
        if text is None:
            wanted = "a number without fraction" if isinstance(value, float) else "a string, a number, true or false"
            say("error", key, f"{key}: want {wanted}", self.origin(path))
        elif not whole(text):
            say("error", key, f"{key}: want no control characters", self.origin(path))
        else:
            say(kind, key, text, self.origin(path))

    def table(self, values, prefix, path):
        """[cors] allow_origins is cors_allow_origins; enabled is the switch of the table's name."""
        for name, value in values.items():
            key = name if not prefix else prefix if name == "enabled" else f"{prefix}_{name}"
            here = (*path, name)
            if not name or not whole(name) or len(key) > 200:
                say("error", "", "want a setting's name", self.origin(here))
            elif isinstance(value, dict):
                self.table(value, key, here)
            elif isinstance(value, list):
                say("list", key, "", self.origin(here))
                for item in value:
                    self.one("item", key, item, here)
            else:
                self.one("value", key, value, here)


def read_file(path):
    name = os.path.basename(path)
    try:
        import tomllib
    except ImportError:
        say("error", "", f"{sys.executable} cannot read it; fastrd needs Python 3.11", path)
        return
    try:
        with open(path, "rb") as file:
            data = file.read(1024 * 1024 + 1)
        if len(data) > 1024 * 1024:
            say("error", "", "it is larger than 1 MiB", path)
            return
        text = data.decode().replace("\r\n", "\n")
        values = tomllib.loads(text)
    except OSError as exc:
        say("error", "", exc.strerror or "it cannot be read", path)
        return
    except UnicodeDecodeError as exc:
        line = exc.object.count(b"\n", 0, exc.start) + 1
        say("error", "", "want UTF-8", f"{path}:{line}")
        return
    except (tomllib.TOMLDecodeError, RecursionError) as exc:
        said, _, place = str(exc).partition(" (at ")
        word, _, rest = place.partition(" ")
        number = rest.split(",")[0]
        if word == "end":
            number = str(text.rstrip().count("\n") + 1)
        where = f"{path}:{number}" if number.isdigit() else path
        said = said[:1].lower() + said[1:]
        say("error", "", f"no TOML: {said if whole(said) else 'a control character'}", where)
        return
    at = ()
    if name == "pyproject.toml":
        at = ("tool", "fastrd")
        for key in at:
            values = values.get(key) if isinstance(values, dict) else None
        if not isinstance(values, dict):
            return
    say("file", "", path, path)
    File(path, text).table(values, "", at)


def address(name):
    import socket

    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as exc:
        say("error", name, getattr(exc, "strerror", None) or "no host's name", name)
        return
    say("value", name, found[0][4][0], name)


def main(command, words):
    for word in words:
        if command == "file":
            read_file(word)
        else:
            address(word)
    say("end", "", "", "")
    data = "".join(line + "\n" for line in out).encode("utf-8", "surrogateescape")
    if len(data) > LIMIT:
        data = f"error\t\tit has more than {LIMIT} bytes of settings\t{words[0]}\nend\t\t\t\n".encode()
    while data:
        data = data[os.write(1, data) :]


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
