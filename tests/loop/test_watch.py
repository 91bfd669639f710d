"""add_reader() and add_writer() on all kinds of descriptors."""

from __future__ import annotations

import asyncio
import os
import socket

import pytest
from fastrapi import EventLoop


@pytest.fixture
def loop():
    loop = EventLoop()
    yield loop
    loop.close()


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    yield ours, theirs
    ours.close()
    theirs.close()


def turns(loop, n=3):
    async def main():
        for _ in range(n):
            await asyncio.sleep(0)

    loop.run_until_complete(main())


@pytest.mark.parametrize("path", [__file__, os.path.dirname(__file__), "/dev/null"])
def test_what_cannot_be_waited_for_is_refused_as_asyncio_refuses_it(loop, path, capfd):
    fd = os.open(path, os.O_RDONLY)
    try:
        for add in (loop.add_reader, loop.add_writer):
            with pytest.raises(PermissionError):
                add(fd, print)
        assert not loop.remove_reader(fd)
        assert not loop.remove_writer(fd)
    finally:
        os.close(fd)
    assert capfd.readouterr() == ("", "")


def test_a_closed_descriptor_is_refused(loop, pair, capfd):
    fd = os.dup(pair[0].fileno())
    os.close(fd)
    with pytest.raises(OSError, match="Bad file descriptor"):
        loop.add_reader(fd, print)
    with pytest.raises(ValueError):
        loop.add_reader(-1, print)
    assert capfd.readouterr() == ("", "")


def test_readers_fire_as_long_as_there_is_something_to_read(loop, pair):
    ours, theirs = pair
    got = []
    loop.add_reader(ours, lambda: got.append(ours.recv(1)))
    theirs.send(b"abc")
    turns(loop, 6)
    assert got == [b"a", b"b", b"c"]
    assert loop.remove_reader(ours)
    assert not loop.remove_reader(ours)
    theirs.send(b"d")
    turns(loop)
    assert got == [b"a", b"b", b"c"]


def test_a_second_reader_takes_the_place_of_the_first(loop, pair):
    ours, theirs = pair
    got = []
    loop.add_reader(ours, got.append, 1)
    loop.add_reader(ours, got.append, 2)
    loop.add_writer(ours, got.append, 3)
    theirs.send(b"x")
    turns(loop)
    assert set(got) == {2, 3}


def test_a_reader_removed_by_another_of_the_same_turn_does_not_fire(loop):
    pairs = [socket.socketpair() for _ in range(2)]
    got = []

    def fire(me, other):
        got.append(me)
        loop.remove_reader(pairs[other][0])

    for me in (0, 1):
        loop.add_reader(pairs[me][0], fire, me, 1 - me)
        pairs[me][1].send(b"x")
    turns(loop, 1)
    assert len(set(got)) == 1
    for ends in pairs:
        for end in ends:
            loop.remove_reader(end)
            end.close()


def test_a_reader_may_remove_itself_and_come_back(loop, pair):
    ours, theirs = pair
    got = []

    def first():
        got.append("first")
        loop.remove_reader(ours)
        loop.add_reader(ours, second)

    def second():
        got.append("second")
        ours.recv(1)

    loop.add_reader(ours, first)
    theirs.send(b"x")
    turns(loop, 5)
    assert got == ["first", "second"]


def test_a_descriptor_may_be_closed_and_used_again(loop):
    for _ in range(3):
        ours, theirs = socket.socketpair()
        got = []
        loop.add_reader(ours, lambda: got.append(1))
        loop.add_writer(ours, lambda: got.append(2))
        theirs.send(b"x")
        turns(loop)
        assert set(got) == {1, 2}
        # As it should not be done: removed after the close, by number.
        number = ours.fileno()
        ours.close()
        assert loop.remove_reader(number)
        assert loop.remove_writer(number)
        theirs.close()
