#!/usr/bin/env python3
"""Builds the interop crate and runs its cases, as TAP on stdout. What cargo says goes to stderr.

Where the crates cannot be had (no cargo, one that is too old, no registry) every case is skipped aloud, with the reason;
a crate that can be had and does not build is a failure of every case. For postgres a private server is started.
"""

import argparse
import contextlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "support"))
import postgres_server

MANIFEST = tomllib.loads((HERE / "Cargo.toml").read_text())
DOCUMENT = HERE.parent.parent / "protocol" / "EXTENSION.md"
CASES = (HERE / "cases.txt").read_text().splitlines()
PROGRAM = MANIFEST["package"]["name"]
OLDEST_RUST = MANIFEST["package"]["rust-version"]


class Unavailable(Exception):
    """The crate cannot be built here, and that is nobody's mistake."""


class Broken(Exception):
    """The crate should build here and does not."""


def main():
    arguments = parse_arguments()
    profile, folder = ("release", "release") if "--bench" in arguments.arguments else ("dev", "debug")
    describe()
    try:
        check_toolchain()
        build(Cargo(arguments.cargo_target_dir, profile))
    except Unavailable as reason:
        report("ok", f" # SKIP {reason}")
        return 0
    except Broken as reason:
        report("not ok", "")
        print(f"# {reason}")
        return 1
    program = arguments.cargo_target_dir / folder / PROGRAM
    environment = os.environ | {"ROLE": arguments.role, "CPP_INITIATOR": arguments.cpp_initiator, "DOCUMENT": DOCUMENT}
    with contextlib.ExitStack() as stack:
        backends = arguments.backends.split(",")
        if "postgres" in backends:
            try:
                environment["DATABASE_URL"] = stack.enter_context(postgres_server.PostgresServer()).make().start().url
            except postgres_server.Unavailable as reason:
                backends.remove("postgres")
                print(f"# the cases are not played on postgres: {reason}")
        print("# backends", *backends, flush=True)
        environment["BACKENDS"] = ",".join(backends)
        return subprocess.run([program, *arguments.arguments], env=environment).returncode


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cargo-target-dir", required=True, type=lambda path: Path(path).resolve())
    parser.add_argument("--role", required=True, type=os.path.abspath, help="the storage-sv2 program")
    parser.add_argument("--cpp-initiator", required=True, type=os.path.abspath, help="the C++ client's test program")
    parser.add_argument("--backends", default="memory,sqlite", help="of the role, with commas [%(default)s]")
    parser.add_argument("arguments", nargs="*", help="after --: for the program")
    return parser.parse_args()


def describe():
    """Which SRI this is about, and which compiler."""
    for name, wanted in MANIFEST["dependencies"].items():
        version = wanted if isinstance(wanted, str) else wanted["version"]
        print("# crate", name, version.removeprefix("="))
    print("#", output_of(["rustc", "--version"]) or "rustc is missing", flush=True)


def report(verdict, directive):
    print(f"1..{len(CASES)}")
    for number, name in enumerate(CASES, start=1):
        print(f"{verdict} {number} - {name}{directive}")


def check_toolchain():
    for program in ("cargo", "rustc"):
        found = re.match(rf"{program} (\d+)\.(\d+)", output_of([program, "--version"]))
        if not found:
            raise Unavailable(f"{program} is missing")
        if tuple(map(int, found.groups())) < tuple(map(int, OLDEST_RUST.split("."))):
            raise Unavailable(f"{found[0]} is older than {OLDEST_RUST}")


class Cargo:
    """cargo on a copy of the crate: it writes Cargo.lock beside Cargo.toml, and the source folder is not its to write."""

    def __init__(self, target_dir, profile):
        self.target_dir = target_dir
        self.profile = profile
        self.source = target_dir / "source"
        shutil.copytree(HERE, self.source, ignore=shutil.ignore_patterns("Cargo.lock", "target"), dirs_exist_ok=True)

    def run(self, command, *arguments, stdout=sys.stderr, stderr=None):
        # A registry that does not answer should not take minutes.
        environment = {"CARGO_NET_RETRY": "1", "CARGO_HTTP_TIMEOUT": "20"} | os.environ
        return subprocess.run(["cargo", command, "--manifest-path", self.source / "Cargo.toml", *arguments],
                              env=environment, stdout=stdout, stderr=stderr, text=True)

    def build(self, *arguments):
        return self.run("build", "--profile", self.profile, "--target-dir", self.target_dir, *arguments)


def build(cargo):
    """Builds with what the registry has; without the registry, with what was fetched before."""
    if cargo.build().returncode == 0:
        return
    if cargo.run("metadata", "--no-deps", "--offline", "--format-version=1", stdout=subprocess.DEVNULL).returncode != 0:
        raise Broken("cargo cannot read Cargo.toml")
    fetched = cargo.run("fetch", "--target", host(), stderr=subprocess.PIPE)
    sys.stderr.write(fetched.stderr)
    if fetched.returncode == 0 or "failed to select a version" in fetched.stderr:
        raise Broken("the crate does not build")
    if cargo.run("fetch", "--target", host(), "--offline").returncode != 0:
        cause = fetched.stderr.strip().splitlines()[-1].strip().replace("#", "")
        raise Unavailable(f"the crate registry cannot be reached: {cause}")
    if cargo.build("--offline").returncode != 0:
        raise Broken("the crate does not build from the crates fetched before")


def host():
    return re.search(r"^host: (\S+)", output_of(["rustc", "-vV"]), re.MULTILINE)[1]


def output_of(command):
    if not shutil.which(command[0]):
        return ""
    return subprocess.run(command, stdout=subprocess.PIPE, text=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
