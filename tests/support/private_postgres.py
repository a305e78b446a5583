#!/usr/bin/env python3
"""Runs a command beside a PostgreSQL server of its own, whose address it finds in DATABASE_URL.

    private_postgres.py COMMAND...

PATH begins with the folder of PostgreSQL's own programs. The server is stopped when the command ends, and its exit code is passed on.
Without PostgreSQL one case is skipped.
"""

import os
import signal
import subprocess
import sys

import postgres_server

# What is not said on its command line, a test can change while it runs.
postgres_server.SETTINGS = tuple(setting for setting in postgres_server.SETTINGS if not setting.startswith("fsync"))


def main():
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs inherit that it is ignored
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the server goes, too
    try:
        server = postgres_server.PostgresServer()
    except postgres_server.Unavailable as why:
        print(f"1..1\nok 1 - a private PostgreSQL # SKIP {why}")
        return 0
    with server:
        server.make().start()
        path = f"{server.programs}{os.pathsep}{os.environ['PATH']}"
        return subprocess.run(sys.argv[1:], env=os.environ | {"DATABASE_URL": server.url, "PATH": path}).returncode


if __name__ == "__main__":
    sys.exit(main())
