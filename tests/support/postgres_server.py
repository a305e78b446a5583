"""A PostgreSQL server of a test's own: a folder, a free port and a password of its own, run as a system user."""

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

PATIENCE = 60  # seconds; far longer than anything takes
USER = "storage"
SETTINGS = ("listen_addresses=127.0.0.1", "fsync=on", "shared_buffers=64MB", "max_connections=40", "wal_level=replica",
            "log_min_messages=warning")


class Unavailable(Exception):
    """There is no PostgreSQL here, and that is nobody's mistake."""


def programs():
    """The folder of the newest server's programs: Debian has them outside of PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    if on_path := shutil.which("postgres"):
        return Path(on_path).parent
    raise Unavailable("postgresql is not installed")


def as_server_user():
    """What goes before a command: the server refuses to run as root."""
    if os.geteuid() != 0:
        return []
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    raise Unavailable("there is no user to run a server as")


class PostgresServer:
    def __init__(self):
        self.programs = programs()
        self.folder = Path(tempfile.mkdtemp(prefix="postgres-"))
        if prefix := as_server_user():
            os.chown(self.folder, int(prefix[1].partition("=")[2]), int(prefix[2].partition("=")[2]))
        self.data = self.folder / "data"
        self.port = free_port()
        self.password = secrets.token_hex(16)
        self.process = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def host(self):
        return f"127.0.0.1:{self.port}"

    @property
    def url(self):
        return f"postgresql://{USER}:{self.password}@{self.host}/postgres"

    def run(self, program, *arguments):
        """One of PostgreSQL's programs, as the server's user."""
        environment = os.environ | {"PGPASSWORD": self.password, "LC_ALL": "C"}
        done = subprocess.run([*as_server_user(), self.programs / program, *arguments], env=environment, cwd=self.folder,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"{program}: {done.stdout}")
        return done.stdout

    def make(self, has_checksums=True):
        password_file = self.folder / "password"
        password_file.write_text(self.password + "\n")
        password_file.chmod(0o644)  # in a folder that nobody else can enter
        self.run("initdb", "--pgdata", self.data, "--username", USER, "--auth", "scram-sha-256", "--pwfile", password_file,
                 "--encoding", "UTF8", "--locale", "C", "--no-sync", *(["--data-checksums"] if has_checksums else []))
        return self

    def make_standby_of(self, primary):
        """A copy that follows `primary`, under the name "standby"."""
        self.password = primary.password
        self.run("pg_basebackup", "--pgdata", self.data, "--checkpoint", "fast", "--wal-method", "stream", "--write-recovery-conf",
                 "--dbname", f"{primary.url}?application_name=standby")
        return self

    def start(self):
        with open(self.folder / "log", "a") as log:
            self.process = subprocess.Popen(
                [*as_server_user(), self.programs / "postgres", "-D", self.data, "-p", str(self.port), "-k", self.folder,
                 *(part for setting in SETTINGS for part in ("-c", setting))],
                stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
        self.wait_until(lambda: self.answer("SELECT 1") == "1", "the server to answer")
        return self

    def ask(self, question):
        return self.run("psql", "--no-psqlrc", "-v", "ON_ERROR_STOP=1", "-Atc", question, "-h", "127.0.0.1", "-p", str(self.port),
                        "-U", USER, "postgres").strip()

    def answer(self, question):
        """The same, or None if there is none."""
        try:
            return self.ask(question)
        except RuntimeError:
            return None

    def wait_until(self, holds, what):
        deadline = time.monotonic() + PATIENCE
        while not holds():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"waited in vain for {what}: {(self.folder / 'log').read_text()[-2000:]}")
            time.sleep(0.05)

    def promote(self):
        """Makes a standby the primary; returns when it takes writes."""
        self.run("pg_ctl", "promote", "--pgdata", self.data, "--wait")

    def kill(self):
        """All of the server's processes at once, as a power cut does: it is a session of its own."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
