#!/usr/bin/env python3
"""Runs the examples as a newcomer does, and checks what they print. TAP on stdout.

    programs_test.py FOLDER_OF_PROGRAMS     with PostgreSQL: DATABASE_URL names a database, as private_postgres.py does
"""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

PROGRAMS = Path(sys.argv[1]).resolve()
PATIENCE = 800  # seconds; far more than anything takes

# What every backend answers about the mock data.
ANSWERS = {
    r"^channel_mining_001$\n  10 shares, 8 accepted, 2 refused; work 11800; best difficulty 1.9; blocks 1$": 1,
    r"^channel_mining_002$\n  12 shares, 10 accepted, 2 refused; work 28850; best difficulty 3.65; blocks 1$": 1,
    r"^channel_extended_001$\n  14 shares, 12 accepted, 2 refused; work 76800; best difficulty 7.6; blocks 1$": 1,
    r"^channel_standard_001$\n  16 shares, 13 accepted, 3 refused; work 84800; best difficulty 8; blocks 0$": 1,
    r"^channel_standard_002$\n  18 shares, 15 accepted, 3 refused; work 101400; best difficulty 8.4; blocks 0$": 1,
    r"^  accounting, reported by the pool: 150 accepted, work 3000000$": 1,
    r"^  acknowledgment batch_channel_\w+_\d{3}_[0-2] up to share [369]$": 15,
    r"^  share share_channel_\w+_\d{3}_\d+ at [0-9:]{8}: difficulty [0-9.]+, accepted$": 9,
    r"^  share share_channel_standard_001_15 at [0-9:]{8}: difficulty 7.8, refused$": 1,
    r"^  block block_1234[567]$": 3,
    r"^all channels: 70 shares, work of the accepted 303650$": 1,
    r"^block block_12346 of channel_extended_001\nblock block_12347 of channel_mining_002\n"
    r"block block_12345 of channel_mining_001$": 1,
    r"^seen, and accepted: 58 of 70 shares$": 1,
}


def run(folder, program, *arguments, code=0):
    ended = subprocess.run([PROGRAMS / program, *arguments], cwd=folder, capture_output=True, text=True, timeout=PATIENCE)
    assert ended.returncode == code, f"{program} {arguments}: exit code {ended.returncode}: {ended.stderr}{ended.stdout}"
    return ended


def expect(pattern, text, count=1):
    found = len(re.findall(pattern, text, re.M))
    assert found == count, f"{found} instead of {count} times '{pattern}' in:\n{text}"


def expect_answers(output):
    for pattern, count in ANSWERS.items():
        expect(pattern, output, count)


def memory_backend(folder):
    output = run(folder, "memory_backend").stdout
    expect(r"^stored: 70 shares, 3 blocks, 15 batch acknowledgments, 5 reports$", output)
    expect_answers(output)
    expect(r"^the same share again: duplicate-share, still 70 shares$", output)
    expect(r"^in the first five minutes: 10 shares$", output)
    expect(r"^the report of channel_mining_001 deleted: 8 shares accepted, work 11800$", output)
    expect(r"^health: healthy, memory, connected$", output)
    expect(r"^what came until now removed: 68 records of shares; all channels: still 70 shares$", output)
    expect(r"^after closing and opening again: 0 shares$", output)
    assert os.listdir(folder) == [], "it leaves nothing behind"


def sqlite_backend(folder):
    def check(output, file):
        expect(rf"^stored in {file}: 93 records$", output)
        expect_answers(output)
        expect(r"^closed and opened again: the same answers$", output)
        expect(rf"^file size: {(folder / file).stat().st_size} bytes$", output)
        left = set(os.listdir((folder / file).parent))
        assert left == {Path(file).name, Path(file).name + ".lock"}, left

    check(run(folder, "sqlite_backend").stdout, "example_storage.db")
    check(run(folder, "sqlite_backend").stdout, "example_storage.db")  # the file of the first run is replaced
    (folder / "elsewhere").mkdir()
    check(run(folder, "sqlite_backend", "--keep", "elsewhere/kept.db").stdout, "elsewhere/kept.db")


def sqlite_commands(folder):
    """The four at the end of the reference's page."""
    if not shutil.which("sqlite3"):
        return "the sqlite3 shell is not installed"
    run(folder, "sqlite_backend")

    def sqlite3(command):
        return subprocess.run(["sqlite3", "example_storage.db", command], cwd=folder, capture_output=True, text=True,
                              timeout=PATIENCE, check=True).stdout

    schema = sqlite3(".schema")
    for view in ("share_records", "share_accounting", "block_records", "batch_acknowledgments"):
        expect(rf"CREATE VIEW {view}\b", schema)
    counts = sqlite3("SELECT channel_id, COUNT(*) FROM share_records GROUP BY channel_id")
    assert sorted(counts.splitlines()) == ["channel_extended_001|14", "channel_mining_001|10", "channel_mining_002|12",
                                           "channel_standard_001|16", "channel_standard_002|18"], counts
    expect(r"^block_1234[567]\|channel_(mining|extended)_00[12]\|", sqlite3("SELECT * FROM block_records"), 3)
    batches = sqlite3("SELECT * FROM batch_acknowledgments ORDER BY timestamp DESC").splitlines()
    assert len(batches) == 15 and batches[0].startswith("batch_channel_standard_002_2|channel_standard_002|9|3|"), batches
    return None


def others_files(folder):
    """What sqlite_backend did not leave there, it does not replace."""
    text = folder / "notes.db"
    text.write_text("somebody's notes")
    empty = folder / "empty.db"
    empty.touch()
    (folder / "folder.db").mkdir()
    (folder / "link.db").symlink_to(folder / "missing")
    other = folder / "other.db"  # a store, but of other records
    run(folder, "sqlite_backend", "--keep", "other.db")
    largest = folder / "largest.db"
    largest.write_bytes(other.read_bytes() + bytes(5_000_000))
    open_one = folder / "open.db"
    open_one.write_bytes(other.read_bytes())
    (folder / "open.db-wal").write_bytes(b"")
    before = {path.name: path.read_bytes() for path in (text, empty, largest, open_one)}
    for name in ("notes.db", "empty.db", "folder.db", "link.db", "largest.db", "open.db"):
        ended = run(folder, "sqlite_backend", "--keep", name, code=1)
        expect(rf"^sqlite_backend: {name}: this is not a file that sqlite_backend has left: it is not replaced", ended.stderr)
        assert ended.stdout == "", ended.stdout
    assert before == {path.name: path.read_bytes() for path in (text, empty, largest, open_one)}
    assert (folder / "link.db").is_symlink() and (folder / "folder.db").is_dir()
    expect("/missing: no such folder", run(folder, "sqlite_backend", "--keep", "missing/kept.db", code=1).stderr)


def custom_backend(folder):
    output = run(folder, "custom_backend").stdout
    expect_answers(output)
    expect(r"^health: journal$", output)
    expect(r"^journal: [1-9]\d+ bytes$", output)
    expect(r"^closed and opened again: the same answers$", output)
    expect(r"^opened with a torn end: the same answers$", output)
    assert os.listdir(folder) == []


def has_shape(value, shape):
    """Keys, in their order, and types as in `shape`."""
    if isinstance(shape, dict):
        return isinstance(value, dict) and list(value) == list(shape) and all(has_shape(value[k], shape[k]) for k in shape)
    return type(value) is shape


def comparison_json(folder):
    ended = run(folder, "backend_comparison", "--json")
    figures = json.loads(ended.stdout)
    assert ended.stdout.count("\n") == 1, "one line"
    backend = {"backend": str, "available": bool, "init_ms": float, "insert_each_ms": float, "insert_batch_ms": float,
               "query_ms": float, "bytes": int, "reason": str}
    assert list(figures) == ["data_set", "backends", "reference"], figures
    assert figures["data_set"] == {"channels": 5, "shares": 70, "blocks": 3, "batch_acknowledgments": 15, "inserts": 93}
    assert [each["backend"] for each in figures["backends"]] == BACKENDS
    for each in figures["backends"]:
        assert has_shape(each, backend) and each["available"] == (each["reason"] == ""), each
        if not each["available"]:  # whatever is built, is
            assert "this program was built without" in each["reason"], each
            continue
        for name in ("init_ms", "insert_each_ms", "insert_batch_ms", "query_ms"):
            assert each[name] > 0, each
    assert has_shape(figures["reference"], {"insert_ms": float, "query_ms": float, "bytes": int}), figures
    assert figures["reference"]["insert_ms"] > 0 and figures["reference"]["query_ms"] > 0
    memory, sqlite = figures["backends"][:2]
    assert memory["bytes"] == 0 and sqlite["bytes"] > 4096 and figures["reference"]["bytes"] > 4096
    assert os.listdir(folder) == [], "its folder is removed"


def comparison_table(folder):
    output = run(folder, "backend_comparison").stdout
    for line in output.splitlines():  # nothing here judges the figures: whoever reads this does
        print(f"# {line}", flush=True)
    number = r"\d+\.\d{3}"
    expect(r"^5 channels, 93 inserts: 70 shares, 3 blocks, 15 batch acknowledgments, 5 reports$", output)
    expect(r"^times in ms, medians of 21 runs, 3 in a row after one to warm up$", output)
    expect(rf"^(memory|sqlite) +{number} +{number} +{number} +{number} +\d+$", output, 2)
    expect(rf"^(rocksdb|lmdb|postgres) +({number} +{number} +{number} +{number} +\d+|not available: .+)$", output, 3)
    expect(rf"^reference +{number} +{number} +- +{number} +\d+$", output)
    expect(r"^its own claim, memory +0.001 +0.09 +- +0.03 +-$", output)
    expect(r"^its own claim, SQLite +8 +62 +- +0.6 +68 KB$", output)
    expect(r" faster +is +wanted$", output)
    expect(r" than (the reference|sqlite)'s +\d+\.\d +(30|10|1) +(reached|missed)$", output, 4 + 2)
    expect(r"^memory +memory +no +128 bits +refused +any +no$", output)
    expect(r"^sqlite +one file +yes +128 bits +refused +any +yes", output)
    expect(r"^when to choose which$\n^  memory +\w.*\n^  sqlite +\w", output)


def comparison_choice(folder):
    figures = json.loads(run(folder, "backend_comparison", "--json", "--backends", "sqlite").stdout)
    assert [each["backend"] for each in figures["backends"]] == ["sqlite"]
    figures = json.loads(run(folder, "backend_comparison", "--backends=sqlite,memory", "--json").stdout)
    assert [each["backend"] for each in figures["backends"]] == ["sqlite", "memory"]
    for wrong, what in (("oracle", r"no backend is named 'oracle'; there are: memory, sqlite, rocksdb, lmdb, postgres"), ("sqlite,", "named ''"),
                        ("memory,memory", "'memory' is named twice"), ("", "none is named")):
        expect(what, run(folder, "backend_comparison", "--backends", wrong, code=2).stderr)


def comparison_in_memory(folder):
    if not os.path.ismount("/dev/shm") or not os.access("/dev/shm", os.W_OK):
        return "nothing in memory is mounted at /dev/shm"
    with tempfile.TemporaryDirectory(dir="/dev/shm") as in_memory:
        ended = run(in_memory, "backend_comparison", "--json")
        expect(r"warning: this directory is in memory \(tmpfs\)", ended.stderr)
        json.loads(ended.stdout)
    return None


def mistakes(folder):
    for program in ("memory_backend", "sqlite_backend", "backend_comparison", "pool_integration", "custom_backend"):
        expect("Usage", run(folder, program, "--help").stdout)
        assert run(folder, program, "--nonsense", code=2).stderr != ""
        assert run(folder, program, "nonsense", code=2).stderr != ""
    run(folder, "sqlite_backend", "--keep", code=2)
    run(folder, "pool_integration", code=2)  # no authority key
    expect("--authority-key: ", run(folder, "pool_integration", "--authority-key", "1", code=2).stderr)
    if os.geteuid() != 0:  # whom no permission stops
        os.chmod(folder, 0o500)
        for program in ("sqlite_backend", "backend_comparison"):
            assert run(folder, program, code=1).stderr != ""
        os.chmod(folder, 0o700)
    assert os.listdir(folder) == []


@contextlib.contextmanager
def role(folder, *arguments):
    """A running role: its address and its authority's public key."""
    key = subprocess.run([PROGRAMS / "storage-sv2", "keygen", "authority", "--out", folder / "keys"], capture_output=True,
                         text=True, timeout=PATIENCE, check=True).stdout.strip()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("STORAGE__")}
    environment["STORAGE__AUTHORITY_SECRET_KEY_FILE"] = str(folder / "keys" / "authority.secret")
    process = subprocess.Popen([PROGRAMS / "storage-sv2", "--listen", "127.0.0.1:0", "--state-directory", folder / "state",
                                *arguments], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        said = ""
        for line in process.stdout:
            said += line
            if found := re.search(r"listening on (\S+)", line):
                yield found[1], key
                break
        else:
            raise AssertionError(f"the role does not listen: {said}")
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE)


def pool_integration(folder):
    def check(output, first, before, work_before):
        work = work_before
        for share in range(first, first + 5):
            work += 1000 + 100 * share
            expect(rf"^share {share} stored: {share} accepted, work {work}$", output)
        expect(rf"^reported by the pool: {before + 5} accepted, work {work}$", output)
        expect(rf"^derived by the role:  {before + 5} accepted, work {work}$", output)
        expect(r"^channels whose report differs from the shares: 0$", output)
        expect(r"^health: healthy, sqlite, connected$", output)
        return work

    subprocess.run([PROGRAMS / "storage-sv2", "keygen", "client", "--out", folder / "keys"], capture_output=True,
                   timeout=PATIENCE, check=True)
    with role(folder, "--backend", "sqlite", "--database-path", folder / "role.db") as (address, key):
        options = ("--connect", address, "--authority-key", key, "--key-file", folder / "keys" / "client.secret")
        work = check(run(folder, "pool_integration", *options).stdout, 1, 0, 0)
        check(run(folder, "pool_integration", *options).stdout, 6, 5, work)  # the same pool goes on
        missing = run(folder, "pool_integration", "--authority-key", key, "--key-file", "missing", code=2)
        expect("--key-file: missing: cannot be read", missing.stderr)


def pool_without_role(folder):
    key = subprocess.run([PROGRAMS / "storage-sv2", "keygen", "authority", "--out", folder / "keys"], capture_output=True,
                         text=True, timeout=PATIENCE, check=True).stdout.strip()
    ended = run(folder, "pool_integration", "--connect", "127.0.0.1:1", "--authority-key", key, "--patience", "1", code=1)
    expect(r"^pool_integration: not done after 1 s; the last word of the role: disconnected .+", ended.stderr)


BACKENDS = ["memory", "sqlite", "rocksdb", "lmdb", "postgres"]
CASES = {
    "memory_backend shows every operation, and keeps nothing": memory_backend,
    "sqlite_backend finds everything again in the file that it leaves, and replaces that file": sqlite_backend,
    "the reference's sqlite3 commands work on the file of sqlite_backend": sqlite_commands,
    "sqlite_backend does not touch a file that it has not left": others_files,
    "custom_backend finds everything again in its journal": custom_backend,
    "backend_comparison --json has the promised keys and types": comparison_json,
    "backend_comparison prints figures, claims, ratios, features and advice": comparison_table,
    "backend_comparison --backends chooses, and says what it does not know": comparison_choice,
    "backend_comparison warns of a directory that is in memory": comparison_in_memory,
    "a wrong command line is told, with exit code 2": mistakes,
    "pool_integration stores shares and accounting in a running role, and goes on from there": pool_integration,
    "pool_integration says why it could not reach the role": pool_without_role,
}


def main():
    failed = False
    for number, (name, case) in enumerate(CASES.items(), start=1):
        with tempfile.TemporaryDirectory() as folder:
            try:
                skipped = case(Path(folder))
                print(f"ok {number} - {name}{f' # SKIP {skipped}' if skipped else ''}", flush=True)
            except Exception:  # pylint: disable=broad-except
                failed = True
                print(f"not ok {number} - {name}")
                for line in traceback.format_exc().splitlines():
                    print(f"# {line}", flush=True)
    print(f"1..{len(CASES)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
