#!/bin/sh
# What the tests need from the system: a Chromium. As root on Debian it is installed; else told.
if command -v chromium >/dev/null || command -v chromium-browser >/dev/null; then
    exit 0
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -q >&2 && exec apt-get install -q -y --no-install-recommends chromium >&2
fi
echo "The acceptance tests need Chromium. Debian: apt-get install chromium" >&2
exit 1
