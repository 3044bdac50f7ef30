#!/bin/sh
# Puts a nats-server where the tests look for it: on PATH already, or into .servers/bin (ignored by git).
set -eu
cd "$(dirname "$0")/.."
bin="$PWD/.servers/bin"

if command -v nats-server >/dev/null 2>&1; then
  echo "nats-server is there: $(nats-server --version)"
  exit 0
fi
if [ -x "$bin/nats-server" ]; then
  echo "nats-server is there: $("$bin/nats-server" --version)"
  exit 0
fi
if command -v go >/dev/null 2>&1; then
  mkdir -p "$bin"
  if GOBIN="$bin" go install github.com/nats-io/nats-server/v2@latest; then
    echo "installed: $("$bin/nats-server" --version)"
    exit 0
  fi
  echo "go could not build it" >&2
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  if apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nats-server; then
    # The package starts a service of its own; the tests start theirs.
    if command -v systemctl >/dev/null 2>&1; then systemctl disable --now nats-server >/dev/null 2>&1 || true; fi
    echo "installed: $(nats-server --version)"
    exit 0
  fi
fi
echo "Could not install nats-server. Install Go (1.22 or newer) and run this again, or put nats-server (2.9 or newer)" >&2
echo "on PATH or into .servers/bin: https://github.com/nats-io/nats-server/releases" >&2
exit 1
