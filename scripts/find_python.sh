#!/bin/sh
# Prints a Python of at least 3.11 that can make environments; the first argument is tried first.
for candidate in "$1" python3.11 python3.12 python3.13 python3.14 python3; do
    [ -n "$candidate" ] || continue
    path=$(command -v "$candidate") || continue
    "$path" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue
    "$path" -c 'import ensurepip, venv' 2>/dev/null || { incomplete=$path; continue; }
    echo "$path"
    exit 0
done
if [ -n "$incomplete" ]; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get update -q >&2 && apt-get install -q -y --no-install-recommends python3-venv >&2 &&
            echo "$incomplete" && exit 0
    fi
    echo "$incomplete lacks the module venv. Debian: apt-get install python3-venv" >&2
else
    echo "Python 3.11 or later is needed. Debian: apt-get install python3 python3-venv" >&2
fi
exit 1
