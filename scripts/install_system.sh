#!/bin/sh
# What the tests use of the system: Chromium, nginx, BIND, Unbound and their checkers, strace. As root on Debian all but
# strace are installed; else a line says what is missing.
command -v strace >/dev/null ||
    echo "strace is not here: faults of single system calls are left out. Debian: apt-get install strace" >&2
need() { # program, Debian package, what its test is of
    command -v "$1" >/dev/null || [ -x "/usr/sbin/$1" ] || {
        if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
            echo "$1 is not here: installing $2, for the test of $3" >&2
            { apt-get update -q && apt-get install -q -y --no-install-recommends "$2"; } >&2 || true
        else
            echo "$1 is not here: the test of $3 is left out. Debian: apt-get install $2" >&2
        fi
    }
}
need nginx nginx-light "the operator's proxy"
need named bind9 "the distribution of the blocking list by BIND"
need named-checkzone bind9-utils "the blocking list in BIND"
need unbound-checkconf unbound "the blocking list in Unbound"
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
