#!/bin/sh
# Builds Dex 2.41.1 into .servers/bin/dex, for the tests that log in at it. Needs Go and, the first time, some minutes and 2 GB for what it is built of.
set -eu
# Dex's releases are no versions of a Go module; this is the commit of 2.41.1.
version=v0.0.0-20240807174518-43956db7fd75
# What 2.41.1 takes from its own source tree.
api=v2.2.0
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$here/../.servers/bin"
bin=$(cd "$here/../.servers/bin" && pwd)
[ ! -x "$bin/dex" ] || { echo "dex is in .servers/bin"; exit 0; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
go mod init dex 2>/dev/null
# It tells of each module; only what it says of a failure is worth reading.
go get "github.com/dexidp/dex/cmd/dex@$version" "github.com/dexidp/dex/api/v2@$api" 2>log || { grep -v '^go: \(downloading\|added\)' log >&2; exit 1; }
go build -ldflags "-X main.version=2.41.1" -o "$bin/dex" github.com/dexidp/dex/cmd/dex
echo "dex is in .servers/bin"
