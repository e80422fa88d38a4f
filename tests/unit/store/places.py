"""A node row, and processes of their own that a test talks to."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, insert, select

from backbone.store.tables import node

NODE_ID = "0123456789abcdef0123456789abcdef"
WRITER = """
import sys
from pathlib import Path
from backbone.store.schema import open_store

def work(connection):
    print("inside", flush=True)
    sys.stdin.readline()

store = open_store(Path(sys.argv[1]))
store.run_now(work)
print("done", flush=True)
sys.stdin.readline()
"""
"""For ``process``: stays in a transaction until it is sent a line."""


def begin_node(connection: Connection) -> None:
    """The first row of a store."""
    connection.execute(insert(node).values(id=1, node_id=NODE_ID, life=1, life_random=b"r"))


def commits(connection: Connection) -> int:
    """How often the store was written."""
    return int(connection.execute(select(node.c.commits)).scalar_one())


@contextmanager
def process(code: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A second Python with ``code``, spoken to line by line; killed at the end."""
    command = [sys.executable, "-c", code, *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        try:
            yield child
        finally:
            child.kill()
