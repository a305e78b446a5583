#!/usr/bin/env python3
"""clang-format over all sources, clang-tidy over the rooms that any peer's bytes reach. TAP, one case a file or library.

    clang.py SOURCE_ROOT BUILD_DIR

BUILD_DIR holds the compile_commands.json that clang-tidy reads; configured with unity=on, it has one file for each library,
whose headers are looked through once and not once for each source.
"""

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

FORMATTED = ("protocol", "noise", "storage", "clients", "src", "examples", "tests")
TIDIED = ("protocol/", "noise/", "storage/")


def files(root, rooms, suffixes):
    return [path for room in rooms for path in sorted((root / room).rglob("*")) if path.suffix in suffixes]


def tidied(build):
    """The libraries of the tidied rooms: what each is called, and the file to look through."""
    commands = json.loads((build / "compile_commands.json").read_text())
    for command in commands:
        if command["output"].startswith(TIDIED):
            yield Path(command["output"]).parent.name.removesuffix(".p"), build / command["file"]


def run(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.returncode == 0, done.stdout


def main():
    missing = [tool for tool in ("clang-format-19", "clang-tidy-19") if not shutil.which(tool)]
    if missing:
        print(f"1..1\nok 1 - format and tidy # SKIP {' and '.join(missing)} not installed: scripts/setup ci")
        return 0
    root, build = (Path(argument).resolve() for argument in sys.argv[1:])
    cases = [(f"clang-format {path.relative_to(root)}", ["clang-format-19", "--dry-run", "-Werror", path])
             for path in files(root, FORMATTED, (".hpp", ".cpp"))]
    cases += [(f"clang-tidy {name}", ["clang-tidy-19", "--quiet", "-p", build, file]) for name, file in tidied(build)]
    failed = False
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = pool.map(run, [command for _, command in cases])
        for number, ((name, _), (passed, output)) in enumerate(zip(cases, results), start=1):
            failed = failed or not passed
            print(f"{'ok' if passed else 'not ok'} {number} - {name}", flush=True)
            if not passed:
                print("".join(f"# {line}\n" for line in output.splitlines()), end="")
    print(f"1..{len(cases)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
