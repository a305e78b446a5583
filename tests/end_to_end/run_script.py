#!/usr/bin/env python3
"""scripts/run as a person uses it: N seconds, Ctrl-C, a termination, a mistake, a folder in use. TAP on stdout.

    run_script.py SOURCE_ROOT

.ci/run starts it, not Meson: scripts/run builds.
"""

import os
import re
import signal
import subprocess
import sys

PATIENCE = 600  # seconds; it may have to build first
WHOLE = r"^summary: sent=([1-9]\d*) acknowledged=\1 stored=[1-9]\d* lost=0 doubled=0 refused_by_mistake=0$"


def start(root, *options):
    # A session of its own stands for the terminal: Ctrl-C reaches every process in the foreground of it. Whoever started
    # this in the background may have had SIGINT ignored, which is inherited, and which no shell can trap.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    return subprocess.Popen([os.path.join(root, "scripts", "run"), *options], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, start_new_session=True)


def wait_until_ready(process):
    for line in process.stdout:
        if re.match(r"t=[1-9]\d* stored=\d+ rate=\d+ durable=", line):
            return
    raise AssertionError("no line tells of a second")


def expect_end(process, code, last):
    output, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == code, f"exit code {process.returncode}, expected {code}: {output[-500:]}"
    assert re.search(last, output.strip().splitlines()[-1]), f"the last line is not '{last}': {output[-500:]}"


def seconds(root):
    expect_end(start(root, "--seconds", "2"), 0, WHOLE)


def interrupted(root, number, send):
    for options in ([], ["--seconds", "500"]):
        process = start(root, *options)
        wait_until_ready(process)
        send(process.pid, number)
        expect_end(process, 0, WHOLE)


def mistakes(root):
    expect_end(start(root, "--seconds", "soon"), 2, "expected a number of seconds, got 'soon'")
    expect_end(start(root, "--fast"), 2, r"usage: scripts/run \[--seconds N\]")


def folder_in_use(root):
    first = start(root)
    wait_until_ready(first)
    expect_end(start(root, "--seconds", "500"), 1, "in use")
    os.kill(first.pid, signal.SIGTERM)
    expect_end(first, 0, WHOLE)


CASES = {
    "--seconds N ends it after N seconds with code 0": seconds,
    "Ctrl-C ends it at once with code 0": lambda root: interrupted(root, signal.SIGINT, os.killpg),
    "SIGTERM ends it at once with code 0": lambda root: interrupted(root, signal.SIGTERM, os.kill),
    "a wrong option is answered with what was expected, code 2": mistakes,
    "a second one beside it ends at once with code 1, and the first goes on": folder_in_use,
}


def main():
    failed = False
    print(f"1..{len(CASES)}")
    for number, (name, case) in enumerate(CASES.items(), start=1):
        try:
            case(sys.argv[1])
            print(f"ok {number} - {name}", flush=True)
        except (AssertionError, subprocess.TimeoutExpired) as failure:
            failed = True
            print(f"not ok {number} - {name}\n# {str(failure).replace(chr(10), chr(10) + '# ')}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
