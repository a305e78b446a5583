#!/usr/bin/env python3
"""The walls between the rooms, and a few rules that compilers do not know. TAP on stdout.

    lint.py SOURCE_ROOT

A room is a top-level folder. What it may include is listed here once; everything else is a breach.
"""

import re
import sys
import tempfile
from pathlib import Path

# Room -> (rooms it may include, other headers it may include besides those of the C++ standard library).
ROOMS = {
    "protocol": (["protocol"], []),
    "noise": (["noise"], [r"sodium\.h", r"secp256k1(_\w+)?\.h"]),
    "storage": (["storage", "protocol"],
                [r"sodium\.h", r"sqlite3\.h", r"rocksdb/.*", r"lmdb\.h", r"libpq-fe\.h", r"(fcntl|unistd|poll|endian)\.h",
                 r"sys/(file|eventfd)\.h"]),
    "clients": (["clients", "protocol", "noise"],
                [r"boost/.*", r"sys/\w+\.h", r"fcntl\.h", r"unistd\.h", r"CLI/CLI\.hpp", r"fmt/.*"]),
    "src": (["src", "clients", "storage", "noise", "protocol"], [r".*"]),
    "examples": (["examples", "clients", "storage", "noise", "protocol"], [r".*"]),
    "tests": (["tests", "examples", "src", "clients", "storage", "noise", "protocol"], [r".*"]),
}
# Asio costs seconds in every file that sees it: only those who do network I/O, and the tests of their interfaces.
ASIO_FOLDERS = ("clients/", "src/", "tests/clients/", "tests/src/", "tests/interop/", "examples/pool_integration")
SOURCES = (".hpp", ".cpp")


def source_files(root):
    for room in ROOMS:
        for path in sorted((root / room).rglob("*")):
            if path.suffix in SOURCES:
                yield path.relative_to(root)


def includes(text):
    for number, line in enumerate(text.splitlines(), start=1):
        if found := re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line):
            yield number, found[1] == '"', found[2]


def is_standard(header):
    return re.fullmatch(r"[a-z_0-9]+", header) is not None


def wall_breaches(root):
    for path in source_files(root):
        rooms, others = ROOMS[path.parts[0]]
        for line, is_ours, header in includes((root / path).read_text()):
            room = header.split("/")[0]
            if is_ours or room in ROOMS:
                if room not in rooms:
                    yield f"{path}:{line}: {path.parts[0]}/ must not include {header}"
            elif not is_standard(header) and not any(re.fullmatch(other, header) for other in others):
                yield f"{path}:{line}: {path.parts[0]}/ must not include <{header}>"


def asio_breaches(root):
    for path in source_files(root):
        for line, _, header in includes((root / path).read_text()):
            if header.startswith("boost/asio") and not str(path).startswith(ASIO_FOLDERS):
                yield f"{path}:{line}: Asio belongs to {', '.join(ASIO_FOLDERS)}"


def doctest_breaches(root):
    implemented = [path for path in source_files(root)
                   if re.search(r"^\s*#\s*define\s+DOCTEST_CONFIG_IMPLEMENT", (root / path).read_text(), re.M)]
    if implemented != [Path("tests/support/tap_main.cpp")]:
        yield f"doctest is compiled in {', '.join(map(str, implemented)) or 'no file'}; expected tests/support/tap_main.cpp"


def once_breaches(root):
    for path in source_files(root):
        if path.suffix == ".hpp" and "#pragma once" not in (root / path).read_text():
            yield f"{path}: no #pragma once"


def list_breaches(root):
    """A source file that no meson.build lists is compiled by nobody. A list names paths from its own folder."""
    listed = set()
    for build in root.rglob("meson.build"):
        for name in re.findall(r"'([^'\n]+\.cpp)'", build.read_text()):
            listed.add((build.parent / name).resolve())
    for path in source_files(root):
        if path.suffix == ".cpp" and (root / path).resolve() not in listed:
            yield f"{path}: in no meson.build"


RULES = {
    "no include crosses a wall": wall_breaches,
    "Asio stays where network I/O is": asio_breaches,
    "doctest is compiled once": doctest_breaches,
    "every header is included once": once_breaches,
    "every source file is listed in a meson.build": list_breaches,
}


def self_test():
    """Each rule finds the breach that it is for."""
    planted = {
        "no include crosses a wall": {"protocol/a.hpp": "#pragma once\n#include <sodium.h>\n",
                                      "noise/b.hpp": '#pragma once\n#include "protocol/frame.hpp"\n',
                                      "clients/c.hpp": '#pragma once\n#  include "src/session.hpp"\n',
                                      "storage/d.hpp": "#pragma once\n#include <noise/keys.hpp>\n"},
        "Asio stays where network I/O is": {"tests/e.hpp": "#pragma once\n#include <boost/asio/post.hpp>\n"},
        "doctest is compiled once": {"tests/f.cpp": "#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN\n"},
        "every header is included once": {"src/g.hpp": "struct G;\n"},
        "every source file is listed in a meson.build": {"src/h.cpp": "int h;\n", "noise/error.cpp": "int e;\n"},
    }
    for rule, files in planted.items():
        with tempfile.TemporaryDirectory() as folder:
            for name, text in (files | {"protocol/meson.build": "static_library('p', 'error.cpp', 'xh.cpp')\n"}).items():
                path = Path(folder, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            found = "\n".join(RULES[rule](Path(folder)))
            for name in files:
                if name not in found:
                    yield f"the rule '{rule}' overlooks {name}"


def main():
    root = Path(sys.argv[1])
    cases = {name: rule(root) for name, rule in RULES.items()} | {"the lint finds what it is for": self_test()}
    failed = False
    for number, (name, breaches) in enumerate(cases.items(), start=1):
        breaches = list(breaches)
        failed = failed or bool(breaches)
        print(f"{'not ok' if breaches else 'ok'} {number} - {name}")
        for breach in breaches:
            print(f"# {breach}")
    print(f"1..{len(cases)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
