#!/usr/bin/env bash
# Find a Chromium for the browser tests, or install one: Debian's package as root, else Playwright's own build.
set -euo pipefail
for name in chromium chromium-browser google-chrome; do
    if command -v "$name" >/dev/null; then exit 0; fi
done
if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    echo "installing Debian's chromium"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null
    exit 0
fi
echo "installing Playwright's Chromium"
python -m playwright install chromium || {
    echo "no Chromium found and none could be installed; install one (for example: sudo apt install chromium)" >&2
    exit 1
}
