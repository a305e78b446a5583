#!/usr/bin/env python3
"""Runs a test program whose temporary files lie on a disk of 96 MiB in memory. TAP on stdout.

    small_disk.py PROGRAM

Where the disk cannot be had the case is skipped aloud.
"""

import sys

import private_mounts


def main():
    ended = private_mounts.run("96m", "SMALL_DISK", sys.argv[1])
    if isinstance(ended, int):
        return ended
    print(f"1..1\nok 1 - a small disk that is full # SKIP no disk can be mounted: {ended}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
