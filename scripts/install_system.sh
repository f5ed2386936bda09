#!/bin/sh
# What the tests use of the system: a Chromium, and strace. As root on Debian Chromium is installed; else told.
command -v strace >/dev/null ||
    echo "strace is not here: faults of single system calls are left out. Debian: apt-get install strace" >&2
if "${PYTHON:-python3}" "$(dirname "$0")/chromium.py" >/dev/null; then
    exit 0
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -q >&2
    for package in chromium-headless-shell chromium; do
        apt-get install -q -y --no-install-recommends $package >&2 && exit 0
    done
fi
exit 0
