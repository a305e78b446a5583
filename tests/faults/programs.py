"""The role and the mock pool as processes, what the mock pool's journal says meanwhile, and TAP."""

import collections
import json
import os
import re
import socket
import sqlite3
import struct
import subprocess
import time

PATIENCE = 120  # seconds; far longer than anything takes
EXTENSIONS = {"sqlite": "db", "rocksdb": "rocksdb", "lmdb": "lmdb"}
FINDINGS = ("lost", "doubled", "phantom", "altered")


class Fault(Exception):
    pass


class Journal:
    """Follows the mock pool's journal while it is written: which stream, what was sent, what was acknowledged."""

    MAGIC = b"mock-pool journal 1\n"

    def __init__(self, path):
        self.path = path
        self.offset = len(self.MAGIC)
        self.streams = collections.OrderedDict()  # stream_id -> [last sent, last acknowledged]
        self.current = None

    def follow(self):
        """Takes in what has been added. An entry that is half written is left for the next time."""
        if not self.path.exists():
            return self
        with open(self.path, "rb") as file:
            file.seek(self.offset)
            data = file.read()
        place = 0
        while (size := self._take(data, place)) is not None:
            place += size
        self.offset += place
        return self

    def _take(self, data, start):
        """The size of the entry at `start`, or None if it is not all there."""
        fixed = {0: 8, 1: 8, 2: 13, 3: 12, 4: 9, 5: 8}
        if start >= len(data):
            return None
        kind = data[start]
        body = data[start + 1 : start + 1 + fixed[kind]]
        if len(body) < fixed[kind]:
            return None
        size = 1 + fixed[kind]
        if kind == 3:  # a record: sequence, is_duplicate, bytes with a length of 3
            size += int.from_bytes(body[9:12], "little")
        if kind == 4:  # a verdict: sequence, code with a length of 1
            size += body[8]
        if start + size > len(data):
            return None
        number = struct.unpack_from("<Q", body)[0]
        if kind in (0, 1):
            self.current = self.streams.setdefault(number, [0, 0])
        elif kind == 3:
            self.current[0] = number
        elif kind == 5:
            self.current[1] = number
        return size

    @property
    def acknowledged(self):
        return self.current[1] if self.current else 0

    @property
    def in_flight(self):
        return self.current[0] - self.current[1] if self.current else 0


class Keys:
    """An authority's, which all roles of a run share, and a client's."""

    def __init__(self, role_program, folder):
        for kind in ("authority", "client"):
            subprocess.run([role_program, "keygen", kind, "--out", folder], check=True, stdout=subprocess.DEVNULL)
        self.authority = (folder / "authority.public").read_text().strip()
        self.authority_file = folder / "authority.secret"
        self.client_file = folder / "client.secret"


class Role:
    """One role, started as often as one likes; its address stays the same."""

    def __init__(self, program, keys, folder, backend, database_url=None):
        self.program = program
        self.folder = folder
        self.backend = backend
        self.database = folder / f"store.{EXTENSIONS.get(backend, 'none')}"
        self.environment = {key: value for key, value in os.environ.items() if not key.startswith("STORAGE_")}
        self.environment.pop("DATABASE_URL", None)
        if database_url:
            self.environment["DATABASE_URL"] = database_url
        self.address = f"127.0.0.1:{free_port()}"
        self.starts = 0
        self.process = None
        folder.mkdir(parents=True, exist_ok=True)
        self.config = folder / "storage-config.toml"
        self.config.write_text(f'authority_secret_key_file = "{keys.authority_file}"\n')

    def start(self):
        self.starts += 1
        options = ["--config", self.config, "--listen", self.address, "--state-directory", self.folder / "state",
                   "--backend", self.backend]
        if self.backend in EXTENSIONS:
            options += ["--database-path", self.database]
        with open(self.log_file, "w") as out:
            self.process = subprocess.Popen([self.program, *options], stdout=out, stderr=subprocess.STDOUT,
                                            env=self.environment)
        return self

    def marked_position(self):
        """How far the store had come, as the newest whole line of its watermark says."""
        lines = next((self.folder / "state").glob("watermark-*")).read_text().splitlines()
        return max((int(number), int(position)) for _, _, _, number, _, _, position, _, _ in map(str.split, lines))[1]

    @property
    def log_file(self):
        return self.folder / f"role-{self.starts}.log"

    def has_said(self, pattern):
        if self.process.poll() is not None:
            raise Fault(f"the role ended with {self.process.returncode}: {self.log_file.read_text()[-1000:]}")
        return re.search(pattern, self.log_file.read_text())

    def wait_until_listening(self):
        wait_for(lambda: self.has_said(r"listening on \S+"), "the role to listen")

    def wait_until_standing_by(self):
        wait_for(lambda: self.has_said(r"another role is active"), "the role to stand by")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.terminate()
        if self.process.wait(PATIENCE) != 0:
            raise Fault(f"the role ended with {self.process.returncode}")


class MockPool:
    """Stores as fast as it can in whichever role of `addresses` takes it."""

    def __init__(self, program, keys, journal, addresses):
        self.program = program
        self.keys = keys
        self.journal = journal
        self.addresses = addresses
        self.process = None

    def start(self, *options):
        self.process = subprocess.Popen(
            [self.program, "--connect", ",".join(self.addresses), "--authority-key", self.keys.authority, "--key-file",
             self.keys.client_file, "--journal", self.journal, "--batch", "200", "--duplicates", "2", "--rejects", "3",
             "--json", *options], stdout=subprocess.PIPE, text=True)

    def check_alive(self):
        if self.process.poll() is not None:
            raise Fault(f"the mock pool ended with {self.process.returncode}")
        return False

    def kill(self):
        self.process.kill()
        self.process.wait()

    def finish(self):
        """What the mock pool has found, which ends by itself, or has been told to."""
        output, _ = self.process.communicate(timeout=600)
        try:
            found = json.loads(output.strip().splitlines()[-1])
        except (IndexError, ValueError):
            raise Fault(f"the mock pool ended with {self.process.returncode} and said {output[-500:]!r}") from None
        if self.process.returncode != 0 and is_clean(found):
            raise Fault(f"the mock pool ended with {self.process.returncode}: {output[-500:]}")
        return found


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_for(what, name, patience=PATIENCE):
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if answer := what():
            return answer
        time.sleep(0.002)
    raise Fault(f"waited in vain for {name}")


def wait_for_acknowledgments(journal, pool, beyond, patience=PATIENCE):
    wait_for(lambda: journal.follow().acknowledged > beyond or pool.check_alive(), "acknowledgments", patience)


def end_all(processes):
    """Those that still run, by their ids."""
    for process in processes:
        if process is not None and process.poll() is None:
            process.kill()
            process.wait()


def is_clean(found):
    return all(found[key] == 0 for key in FINDINGS)


def note(text):
    print("# " + str(text).replace("\n", "\n# "), flush=True)


class Tap:
    def __init__(self):
        self.number = self.failed = 0

    def run(self, name, cases):
        """`cases` yields (name, is_fine); what it raises is a case that failed."""
        try:
            for case, is_fine in cases:
                self._say(case, is_fine)
        except (Fault, subprocess.SubprocessError, sqlite3.Error, OSError, RuntimeError) as failure:
            note(failure)
            self._say(f"{name} runs to its end", False)

    def _say(self, case, is_fine):
        self.number += 1
        self.failed += not is_fine
        print(f"{'ok' if is_fine else 'not ok'} {self.number} - {case}", flush=True)

    def skip(self, case, reason):
        self.number += 1
        print(f"ok {self.number} - {case} # SKIP {reason}", flush=True)

    def end(self):
        print(f"1..{self.number}")
        return 1 if self.failed else 0
