#!/usr/bin/env python3
"""The mock pool as a pool and as a job declarator server, over several lives, on each backend. TAP on stdout.

    mock_pools.py ROLE MOCK_POOL
"""

import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PATIENCE = 120  # seconds; far longer than anything takes
KEYS = {"pool": '"share.write", "block.write", "query.own"', "jds": '"job.write", "query.own"'}


class Scene:
    """A role with two clients: a pool, and a job declarator server with a pool of its own."""

    def __init__(self, programs, backend):
        self.role_program, self.pool_program = programs
        self.backend = backend
        self.role = None

    def __enter__(self):
        self.temporary = tempfile.TemporaryDirectory(prefix="mock-pools-")
        self.folder = Path(self.temporary.name)
        entries = []
        for name, allow in KEYS.items():
            public = subprocess.run([self.role_program, "keygen", "client", "--out", self.folder / name], check=True,
                                    stdout=subprocess.PIPE, text=True).stdout.strip()
            entries.append(f'[[client]]\nidentity = "{name}"\npublic_key = "{public}"\nallow = [{allow}]\n')
        clients = self.folder / "clients.toml"
        clients.write_text("".join(entries))
        clients.chmod(0o600)
        self.start_role()
        return self

    def __exit__(self, *_):
        if self.role.poll() is None:
            self.role.kill()
            self.role.wait()
        self.temporary.cleanup()

    def start_role(self):
        log = self.folder / "role.log"
        with open(log, "w") as out:
            self.role = subprocess.Popen(
                [self.role_program, "--listen", "127.0.0.1:0", "--state-directory", self.folder / "state", "--backend",
                 self.backend, "--database-path", self.folder / "store.db", "--clients", self.folder / "clients.toml"],
                stdout=out, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + PATIENCE
        while not (found := re.search(r"listening on (\S+)", log.read_text())):
            assert self.role.poll() is None and time.monotonic() < deadline, f"the role does not listen: {log.read_text()}"
            time.sleep(0.01)
        self.address = found[1]

    def stop_role(self):
        self.role.terminate()
        assert self.role.wait(PATIENCE) == 0, f"the role ended with {self.role.returncode}"

    def run(self, name, *options):
        """A life of the mock pool: its exit code, and what it said on both outputs."""
        authority = (self.folder / "state" / "authority.public").read_text().strip()
        done = subprocess.run(
            [self.pool_program, "--connect", self.address, "--authority-key", authority, "--key-file",
             self.folder / name / "client.secret", "--json", *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, timeout=PATIENCE)
        return done.returncode, done.stdout, done.stderr

    def find(self, name, *options):
        """What a life that has to end well has found."""
        code, output, errors = self.run(name, "--journal", self.folder / f"{name}.journal", *options)
        assert code == 0, f"exit code {code}: {output[-500:]}{errors[-500:]}"
        found = json.loads(output.strip().splitlines()[-1])
        assert found["sent"] == found["acknowledged"] == found["stored"], found
        assert not any(found[key] for key in ("lost", "doubled", "phantom", "altered")), found
        return found


def pool(scene):
    options = ["--channels", "3", "--duplicates", "5", "--rejects", "5"]
    first = scene.find("pool", "--shares", "3000", "--seed", "1", *options)
    assert first["sent"] > 3000 + 3000 // 100, "no batch acknowledgments, blocks or reports"
    second = scene.find("pool", "--shares", "1000", "--seed", "1", *options)
    assert second["sent"] > first["sent"] + 1000, second


def jds(scene):
    first = scene.find("jds", "--jds", "--shares", "1000", "--seed", "1")
    assert first["sent"] > 1000 and first["accepted"] == 0, first
    second = scene.find("jds", "--jds", "--shares", "500", "--seed", "1")
    assert second["sent"] > first["sent"] + 500, second


def both(scene):
    """Neither sees what the other stores: their pools are two."""
    pool(scene)
    jds(scene)
    pool(scene)


def restarted(scene):
    """A journal goes on where the store does."""
    jds(scene)
    scene.stop_role()
    scene.start_role()
    scene.find("jds", "--jds", "--shares", "100", "--seed", "1")


def not_permitted(scene):
    for name, options in (("pool", ["--jds"]), ("jds", [])):
        code, _, errors = scene.run(name, "--shares", "10", *options)
        assert code == 1 and "not-permitted" in errors, f"exit code {code}: {errors}"


def mistakes(scene):
    for options in (["--jds", "--channels", "2"], ["--jds", "--grind", "2"], ["--jds", "--duplicates", "2"]):
        code, _, errors = scene.run("jds", *options)
        assert code == 2 and "--jds" in errors, f"exit code {code}: {errors}"


CASES = [
    ("a pool's shares, blocks, acknowledgments and reports are stored as they were sent, over two lives", pool, None),
    ("a job declarator server's jobs and solutions are stored as they were sent, over two lives", jds, None),
    ("a pool and a job declarator server beside each other find what they have stored, and nothing else", both, None),
    ("a job declarator server goes on with the store of a role that was started again", restarted, "sqlite"),
    ("without the permission for its records neither is let in", not_permitted, "memory"),
    ("options of shares have no meaning for jobs", mistakes, "memory"),
]


def main():
    number = failed = 0
    for name, case, only in CASES:
        for backend in ("memory", "sqlite"):
            if only not in (None, backend):
                continue
            number += 1
            try:
                with Scene(sys.argv[1:], backend) as scene:
                    case(scene)
                    scene.stop_role()
                print(f"ok {number} - {name} ({backend})", flush=True)
            except (AssertionError, OSError, ValueError, subprocess.SubprocessError) as failure:
                failed += 1
                print(f"not ok {number} - {name} ({backend})\n# {str(failure).replace(chr(10), chr(10) + '# ')}", flush=True)
    print(f"1..{number}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
