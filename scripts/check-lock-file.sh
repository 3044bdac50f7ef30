#!/bin/sh
# Asks a major version of npm about the lock file: `sh scripts/check-lock-file.sh 11`. `npm ci` must take it, and `npm install` must
# leave it as it is. Neither puts a package anywhere.
set -eu
root="$(cd "$(dirname "$0")/.." && pwd)"
major=$1
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp "$root/package.json" "$root/package-lock.json" "$root/.npmrc" "$copy"
mkdir "$copy/clients"
cp "$root/clients/package.json" "$copy/clients"
cd "$copy"
npx --yes "npm@$major" ci --dry-run --ignore-scripts --no-audit --no-fund >/dev/null
npx --yes "npm@$major" install --package-lock-only --ignore-scripts --no-audit --no-fund >/dev/null
if ! cmp package-lock.json "$root/package-lock.json"; then
  diff "$root/package-lock.json" package-lock.json | head -40
  echo "npm $major rewrites package-lock.json; to write it so that npm 10 leaves it alone: npx npm@10 install --package-lock-only --ignore-scripts" >&2
  exit 1
fi
echo "npm $(npx --yes "npm@$major" --version) takes package-lock.json and leaves it as it is"
