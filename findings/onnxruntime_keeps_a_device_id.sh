#!/usr/bin/env bash
# Surprise: importing onnxruntime writes a device id and a database of events into the user's cache folder, from native
#   code: no model is loaded, no session is made. Guards of Python's sockets and files do not see it.
# Guess before running: importing a library leaves no file; telemetry of onnxruntime is a matter of Windows builds.
# Versions: onnxruntime 1.31.0 (Linux). Source: seen here; its documentation on privacy speaks of Windows.
# Seen: "after the import: .cache/Microsoft/DeveloperTools/.onnxruntime/deviceid .../onnxruntime.db"
#   "with ORT_DISABLE_TELEMETRY=1: nothing"
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
python3 -m venv env
env/bin/pip install --quiet onnxruntime==1.31.0
list_files() { # what an import leaves in an empty home
    local home; home=$(mktemp -d -p "$folder")
    env "$@" HOME="$home" XDG_CACHE_HOME= env/bin/python -c 'import onnxruntime'
    (cd "$home" && find . -type f | sed 's|^\./||' | sort | paste -sd' ')
}
env/bin/pip show onnxruntime 2>/dev/null | sed -n 's/^Version: /onnxruntime /p'
plain=$(list_files UNUSED=1); quiet=$(list_files ORT_DISABLE_TELEMETRY=1)
echo "after the import: $plain"
echo "with ORT_DISABLE_TELEMETRY=1: ${quiet:-nothing}"
case "$plain" in *onnxruntime/deviceid*onnxruntime.db*) test -z "$quiet" ;; *) exit 1 ;; esac
