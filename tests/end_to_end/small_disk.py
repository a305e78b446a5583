#!/usr/bin/env python3
"""Runs a test program whose temporary files lie on a disk of 48 MiB in memory. TAP on stdout.

    small_disk.py PROGRAM

The disk is mounted in a namespace of its own, which needs no root where the system lets users make one. It is gone with
the last process in it, however that ends. Where it cannot be had the case is skipped aloud.
"""

import os
import subprocess
import sys
import tempfile

NAMESPACES = (["unshare", "--mount"], ["unshare", "--mount", "--user", "--map-root-user"])
MOUNT = 'mount -t tmpfs -o size=48m,mode=0700 storage-sv2-test "$0" && exec "$@"'


def inside(namespace, folder, *command):
    return [*namespace, "sh", "-c", MOUNT, folder, *command]


def main():
    reason = "unshare and mount are not there"
    with tempfile.TemporaryDirectory(prefix="storage-sv2-small-disk-") as folder:
        for namespace in NAMESPACES:
            try:
                attempt = subprocess.run(inside(namespace, folder, "true"), capture_output=True, text=True)
            except FileNotFoundError:
                break
            if attempt.returncode == 0:
                environment = os.environ | {"TMPDIR": folder, "SMALL_DISK": folder}
                return subprocess.run(inside(namespace, folder, sys.argv[1]), env=environment).returncode
            reason = " ".join(attempt.stderr.split())
    print(f"1..1\nok 1 - a small disk that is full # SKIP no disk can be mounted: {reason}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
