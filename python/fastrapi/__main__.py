"""``python -m fastrapi main:app`` is ``fastrd main:app`` for this Python."""

from fastrapi import program

if __name__ == "__main__":
    program.become()
