#!/bin/sh
# Puts another major version of Node.js where .ci/run looks for it: `sh scripts/install-node.sh 24`, into .servers/node-24
# (ignored by git). The packages `node-PLATFORM-ARCH` of npm hold nothing but the program.
set -eu
major=$1
target="$(cd "$(dirname "$0")/.." && pwd)/.servers/node-$major"
name=$(node -p '`node-${process.platform === "win32" ? "win" : process.platform}-${process.arch}`')
program="$target/node_modules/$name/bin/node"

if [ ! -x "$program" ]; then
  mkdir -p "$target"
  npm install --prefix "$target" --no-save --no-package-lock --ignore-scripts --no-audit --no-fund "$name@$major"
fi
ln -sfn "node_modules/$name/bin" "$target/bin"
echo "Node.js is there: $("$target/bin/node" --version) in .servers/node-$major/bin"
