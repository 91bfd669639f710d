"""What fastrd asks a Python for, as a child: python -I -S -c TEXT COMMAND WORD...

    file PATH             the settings of a TOML file; of a pyproject.toml those of [tool.fastrd]
    address NAME...       the numeric address of each host
    account USER[:GROUP]  their numbers, all groups of the user's, its name and home

Answers are lines of four fields with TABs between them: KIND, KEY, VALUE, ORIGIN. The kinds are
value, list (KEY is a list, its members follow), item (one of them), the same with "bare " before it
where it is no string, table (KEY is one, and empty), file (VALUE is the path that was read), error
(VALUE says what is wrong), and end, which is the last one's. A TAB within a field is \\t, a backslash
two. fastrd knows which keys there are; this knows TOML. Only the standard library is there, and the
text is part of fastrd itself.
"""

import os
import sys

LIMIT = 60 * 1024  # the reader takes 64 KiB
out = []


def say(kind, *fields):
    out.append("\t".join((kind, *(field.replace("\\", "\\\\").replace("\t", "\\t") for field in fields))))


def whole(text):
    """Has it no control character, but for a TAB?"""
    return all((c >= " " and c != "\x7f") or c == "\t" for c in text)


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
                for n in range(1, len(table) + 1):
                    self.found.setdefault(table[:n], line)
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
        return str(value) if not isinstance(value, int) or abs(value) < 1 << 64 else None
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return None


def kind_of(value):
    """What it is, for a person."""
    kinds = {str: "a string", bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "a table"}
    return kinds.get(type(value), "a date or a time")


def wanted(value, key):
    """What is wanted in its place."""
    if isinstance(value, (int, float)):
        return "a number without fraction" if isinstance(value, float) else "a smaller number"
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return f"a table, [{key}], not a list of tables"
    return f"a string, a number, true or false, not {kind_of(value)}"


TABLES = {"route"}  # of these keys each table is a member of a list


def nested(key):
    """What is no member of that list."""
    return list if key in TABLES else (dict, list)


def in_one_line(table):
    """Its path, and KEY=VALUE for all else."""
    words = [str(table.get("path", ""))]
    for name, value in table.items():
        text = ",".join(map(str, value)) if isinstance(value, list) else scalar(value)
        words += [f"{name}={text}"] if name != "path" else []
    return " ".join(words)


class File:
    def __init__(self, path, text):
        self.path = path
        self.lines = Lines(text)
        self.seen = {}  # by key, where it stands

    def origin(self, path):
        line = self.lines.of(path)
        return f"{self.path}:{line}" if line else self.path

    def one(self, kind, key, value, path):
        text = scalar(value)
        if text is None:
            say("error", key, f"{key}: want {wanted(value, key)}", self.origin(path))
        elif not whole(text):
            say("error", key, f"{key}: want no control characters", self.origin(path))
        else:
            say(kind if isinstance(value, str) else f"bare {kind}", key, text, self.origin(path))

    def key(self, name, value, prefix, path):
        key = name if not prefix else prefix if name == "enabled" else f"{prefix}_{name}"
        if key in TABLES and isinstance(value, dict):
            value = [value]
        if not name or not whole(name) or len(key) > 200:
            say("error", "", "want a setting's name", self.origin(path))
        elif isinstance(value, dict):
            self.table(value, key, path)
        elif key in self.seen:
            say("error", key, f"{key}: it is set already, at {self.seen[key]}; leave one", self.origin(path))
        elif isinstance(value, list) and not any(isinstance(item, nested(key)) for item in value):
            self.seen[key] = self.origin((*path, 0))
            say("list", key, "", self.seen[key])
            for number, item in enumerate(value):
                text = in_one_line(item) if isinstance(item, dict) else item
                self.one("item", key, text, (*path, number))
        else:
            self.seen[key] = self.origin(path)
            self.one("value", key, value, path)

    def table(self, values, prefix, path):
        """[cors] allow_origins is cors_allow_origins; enabled is the switch of the table's name."""
        for name, value in values.items():
            self.key(name, value, prefix, (*path, name))
        if not values and prefix:
            say("table", prefix, "", self.origin(path))


# What a project's file may have beside [tool].
PROJECT = {"tool", "project", "build-system", "dependency-groups"}


def settings_of(path, text, values):
    """Say what the file has: [tool.fastrd] of a project, whose name is pyproject.toml or which has no
    settings beside it; else the whole file."""
    project = os.path.basename(path) == "pyproject.toml"
    file = File(path, text)
    tool = values.get("tool")
    if not project and not (isinstance(tool, dict) and "fastrd" in tool):
        say("file", "", path, path)
        file.table(values, "", ())
        return
    if not isinstance(tool, dict):
        if tool is not None:
            say("error", "", f"tool: want a table, [tool.fastrd], not {kind_of(tool)}", file.origin(("tool",)))
        return
    if "fastrd" not in tool:
        return
    say("file", "", path, path)
    at = ("tool", "fastrd")
    beside = [] if project else [name for name in values if name not in PROJECT]
    if beside:
        said = "it is beside [tool.fastrd]; put all settings there, or all at the top of the file"
        say("error", "", f"{beside[0]}: {said}", file.origin((beside[0],)))
    elif not isinstance(tool["fastrd"], dict):
        say("error", "", f"tool.fastrd: want a table, [tool.fastrd], not {kind_of(tool['fastrd'])}", file.origin(at))
    else:
        file.table(tool["fastrd"], "", at)


def read_file(path):
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
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
        values = tomllib.loads(text)
    except OSError as exc:
        say("error", "", exc.strerror or "it cannot be read", path)
        return
    except UnicodeDecodeError as exc:
        line = exc.object.count(b"\n", 0, exc.start) + 1
        say("error", "", "want UTF-8", f"{path}:{line}")
        return
    except (ValueError, RecursionError) as exc:  # a TOMLDecodeError is one, a number of 5000 digits another
        said, _, place = str(exc).partition(" (at ")
        word, _, rest = place.partition(" ")
        number = rest.split(",")[0]
        if word == "end":
            number = str(text.rstrip().count("\n") + 1)
        where = f"{path}:{number}" if number.isdigit() else path
        if path.endswith(".py"):
            say("error", "", "a configuration is no program here; want TOML, as --print-config prints it", where)
            return
        said = said[:1].lower() + said[1:]
        say("error", "", f"no TOML: {said if whole(said) else 'a control character'}", where)
        return
    settings_of(path, text, values)


def address(name):
    import socket

    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as exc:
        say("error", name, getattr(exc, "strerror", None) or "no host's name", name)
        return
    say("value", name, found[0][4][0], name)


def account(word):
    import grp
    import pwd

    def find(word, by_number, by_name):
        try:
            return by_number(int(word)) if word.isdecimal() else by_name(word)
        except (KeyError, OverflowError, ValueError):
            return None

    user, _, group = word.partition(":")
    entry = find(user, pwd.getpwuid, pwd.getpwnam)
    owner = find(group, grp.getgrgid, grp.getgrnam) if group else None
    if entry is None and not user.isdecimal():
        say("error", "", f"--user {user}: there is no such user; give one that there is", word)
    elif group and owner is None and not group.isdecimal():
        say("error", "", f"--group {group}: there is no such group; give one that there is", word)
    elif entry is None and not group:
        say("error", "", f"--user {user}: no account has this number; give --group as well", word)
    else:
        gid = owner.gr_gid if owner else int(group) if group else entry.pw_gid
        say("value", "uid", str(entry.pw_uid if entry else user), word)
        say("value", "gid", str(gid), word)
        for number in os.getgrouplist(entry.pw_name, gid) if entry else [gid]:
            say("item", "group", str(number), word)
        for key, text in (("name", entry.pw_name), ("home", entry.pw_dir)) if entry else ():
            if whole(text):
                say("value", key, text, word)


COMMANDS = {"file": read_file, "address": address, "account": account}


def main(command, words):
    for word in words:
        COMMANDS[command](word)
    say("end", "", "", "")
    data = "".join(line + "\n" for line in out).encode("utf-8", "surrogateescape")
    if len(data) > LIMIT:
        data = f"error\t\tit has more than {LIMIT} bytes of settings\t{words[0]}\nend\t\t\t\n".encode()
    while data:
        data = data[os.write(1, data) :]


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
