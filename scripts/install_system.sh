#!/bin/sh
# What the tests use of the system: a Chromium, and strace. As root on Debian Chromium is installed; else told.
command -v strace >/dev/null ||
    echo "strace is not here: faults of single system calls are left out. Debian: apt-get install strace" >&2
if command -v chromium >/dev/null || command -v chromium-browser >/dev/null; then
    exit 0
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -q >&2 && exec apt-get install -q -y --no-install-recommends chromium >&2
fi
echo "Chromium is not here: the tests in a browser are left out. Debian: apt-get install chromium" >&2
