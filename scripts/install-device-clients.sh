#!/bin/sh
# Fetches the Socket.IO clients of other languages that docs/guides/receive-on-a-device.md shows into .servers/device-clients. Needs Python 3.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
clients="$here/../.servers/device-clients"
mkdir -p "$clients"
if [ ! -x "$clients/python/bin/python" ]; then
  python3 -m venv "$clients/python-new"
  "$clients/python-new/bin/python" -m pip install -q "python-socketio[client]==5.14.1"
  mv "$clients/python-new" "$clients/python"
fi
echo "python-socketio is in .servers/device-clients/python"
