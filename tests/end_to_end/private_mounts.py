"""Disks in memory, mounted in a namespace of their own, which needs no root where the system lets users make one. They
are gone with the last process in it, however that ends."""

import os
import subprocess
import tempfile

NAMESPACES = (["unshare", "--mount"], ["unshare", "--mount", "--user", "--map-root-user"])
MOUNT = 'mount -t tmpfs -o "size=$0,mode=0700" storage-sv2-test "$1" && shift && exec "$@"'


def run(size, variable, *command):
    """The command's exit code, with the environment's `variable` naming the disk; or why no disk can be had, as text."""
    reason = "unshare and mount are not there"
    with tempfile.TemporaryDirectory(prefix="storage-sv2-disk-") as folder:
        for namespace in NAMESPACES:
            inside = [*namespace, "sh", "-c", MOUNT, size, folder]
            try:
                attempt = subprocess.run([*inside, "true"], capture_output=True, text=True)
            except FileNotFoundError:
                break
            if attempt.returncode == 0:
                return subprocess.run([*inside, *command], env=os.environ | {"TMPDIR": folder, variable: folder}).returncode
            reason = " ".join(attempt.stderr.split())
    return reason
