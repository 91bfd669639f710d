"""Files of variables: as python-dotenv reads them."""

from __future__ import annotations

import pytest

from fastrapi.environment import parse_env


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", {}),
        ("# a comment\n\n  \nA=b", {"A": "b"}),
        ("A=b # comment\nB=b#c\nC= spaces around  \n", {"A": "b", "B": "b#c", "C": "spaces around"}),
        ("export A=b\nexport\tB=c\n", {"A": "b", "B": "c"}),
        ("A='b # c' # d\nB=\"b # c\"\n", {"A": "b # c", "B": "b # c"}),
        (r"""A='b\'c\n'""" + "\n" + r'''B="b\"c\n\td\\"''', {"A": "b'c\\n", "B": 'b"c\n\td\\'}),
        ("A=\"two\nlines\"\nB='two\nlines'\n", {"A": "two\nlines", "B": "two\nlines"}),
        ("A=\nB=''\nC\n", {"A": "", "B": ""}),
        ("A = b\n  B  =  'c'\n", {"A": "b", "B": "c"}),
        ("'A'=b\n", {"A": "b"}),
        ("A=1\nB=${A}2\nC=${NONE:-3}\nD=${NONE}\nE=$A\n", {"A": "1", "B": "12", "C": "3", "D": "", "E": "$A"}),
        ("KNOWN=file\nA=${KNOWN}\n", {"KNOWN": "file", "A": "environment"}),
        ("A=b=c\nA=d\n", {"A": "d"}),
        ("A=b\n# the end", {"A": "b"}),
        ("A=b\n  # the end", {"A": "b"}),
        ("A= # nothing\nB=c\n", {"A": "", "B": "c"}),
        ("A=\"{'b': 1}\"\n", {"A": "{'b': 1}"}),
    ],
)
def test_values(text, values):
    assert parse_env(text, {"KNOWN": "environment"}) == values


@pytest.mark.parametrize(
    ("text", "line"), [("= b\n", 1), ("A=b\n=c\n", 2), ("A='b\n", 1), ('A=b\n\n# c\nB="c\nD=e\n', 4), ("A='b' c\n", 1)]
)
def test_lines_that_are_none_are_told(text, line):
    with pytest.raises(ValueError, match=f"^line {line}: want NAME=VALUE$"):
        parse_env(text, {})
