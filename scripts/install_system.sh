#!/bin/sh
# What the tests use of the system: Chromium, nginx and strace. As root on Debian the first two are installed.
command -v strace >/dev/null ||
    echo "strace is not here: faults of single system calls are left out. Debian: apt-get install strace" >&2
command -v nginx >/dev/null || [ -x /usr/sbin/nginx ] || {
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "nginx is not here: installing nginx-light, for the test of the operator's proxy" >&2
        { apt-get update -q && apt-get install -q -y --no-install-recommends nginx-light; } >&2 || true
    else
        echo "nginx is not here: the test of the proxy is left out. Debian: apt-get install nginx-light" >&2
    fi
}
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
