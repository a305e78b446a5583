#!/usr/bin/env python3
"""A store on a file system that may only be read. TAP on stdout.

    read_only_disk.py ROLE MOCK_POOL

Where no file system can be mounted the cases are skipped aloud.
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time

import private_mounts

PATIENCE = 30  # seconds


def remount(how):
    subprocess.run(["mount", "-o", f"remount,{how}", os.environ["DISK"]], check=True)


def log_of(state):
    with open(os.path.join(state, "role.log")) as log:
        return log.read()


def start(role, state):
    with open(os.path.join(state, "role.log"), "w") as log:
        return subprocess.Popen([role, "--backend", "sqlite", "--database-path", os.path.join(os.environ["DISK"], "store.db"),
                                 "--listen", "127.0.0.1:0", "--state-directory", state], stdout=log, stderr=log)


def wait_until_listening(process, state):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found = re.search(r"listening on (\S+)", log_of(state))
        if found:
            return found[1]
        assert process.poll() is None, f"the role has ended: {log_of(state)}"
        time.sleep(0.02)
    raise AssertionError(f"the role does not listen: {log_of(state)}")


def stop(process):
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == 0, f"the role ended with {process.returncode}"


def feed(pool, state, address):
    key = re.search(r"authority public key (\S+)", log_of(state))[1]
    secret = os.path.join(state, "client.secret")
    if not os.path.exists(secret):
        subprocess.run([ROLE, "keygen", "client", "--out", state], check=True, stdout=subprocess.DEVNULL)
    fed = subprocess.run([pool, "--connect", address, "--authority-key", key, "--key-file", secret, "--shares", "50",
                          "--journal", os.path.join(state, "journal"), "--json"], capture_output=True, text=True)
    assert fed.returncode == 0, fed.stdout + fed.stderr


def records(state):
    return int(re.search(r"generation \d+, (\d+) records", log_of(state))[1])


def check_refusal(state):
    path = re.escape(os.path.join(os.environ["DISK"], "store.db"))
    advice = path + r"\S*: Read-only file system; mount its file system writable, or name another database_path"
    assert re.search(advice, log_of(state)), f"the file, the cause or what to do is not named: {log_of(state)}"


def an_existing_store(role, pool, state):
    process = start(role, state)
    feed(pool, state, wait_until_listening(process, state))
    stop(process)

    remount("ro")
    process = start(role, state)
    assert process.wait(PATIENCE) == 1, f"the role ended with {process.returncode}"
    check_refusal(state)

    remount("rw")
    process = start(role, state)
    wait_until_listening(process, state)
    assert records(state) >= 50, f"records are missing: {log_of(state)}"
    stop(process)


def no_store_yet(role, _, state):
    os.remove(os.path.join(os.environ["DISK"], "store.db"))
    remount("ro")
    process = start(role, state)
    assert process.wait(PATIENCE) == 1, f"the role ended with {process.returncode}"
    check_refusal(state)
    remount("rw")
    process = start(role, state)
    wait_until_listening(process, state)
    assert records(state) == 0
    stop(process)


CASES = {
    "a store on a file system that has become read-only is refused by name, and whole once it may be written again":
        an_existing_store,
    "no store is begun on a read-only file system; the next start makes it once it may be written": no_store_yet,
}


def main(role, pool):
    failed = False
    print(f"1..{len(CASES)}")
    for number, (name, case) in enumerate(CASES.items(), start=1):
        with tempfile.TemporaryDirectory(prefix="storage-sv2-state-", dir="/tmp") as state:
            os.chmod(state, 0o700)
            try:
                case(role, pool, state)
                print(f"ok {number} - {name}", flush=True)
            except (AssertionError, subprocess.SubprocessError) as failure:
                failed = True
                print(f"not ok {number} - {name}\n# {str(failure).replace(chr(10), chr(10) + '# ')}", flush=True)
                remount("rw")
    return 1 if failed else 0


if __name__ == "__main__":
    ROLE = sys.argv[1]
    if "DISK" in os.environ:
        sys.exit(main(*sys.argv[1:]))
    ended = private_mounts.run("48m", "DISK", sys.executable, *sys.argv)
    if isinstance(ended, int):
        sys.exit(ended)
    print(f"1..{len(CASES)}")
    for number, name in enumerate(CASES, start=1):
        print(f"ok {number} - {name} # SKIP no disk can be mounted: {ended}")
