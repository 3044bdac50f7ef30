#!/bin/sh
# lmdb 3.5.6: the root store lists the names of its named databases with getKeys(), and says of each of them that it does not exist:
# doesExist(name) is false, get(name) is undefined. So a program cannot ask whether a folder has a certain database without listing
# all names, and one that asks takes a full store for an empty one.
# Seen: getKeys() -> ["entries"]; doesExist("entries") -> false.
# Exits 0 while that is so.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts lmdb@3.5.6
cat > try.mjs <<'JS'
import { open } from 'lmdb'

const root = open({ path: 'store', maxDbs: 4 })
const entries = root.openDB({ name: 'entries' })
await entries.put('a', 1)
const names = [...root.getKeys()]
const exists = root.doesExist('entries')
console.log(`node ${process.version}; getKeys: ${JSON.stringify(names)}; doesExist("entries"): ${exists}; get("entries"): ${root.get('entries')}`)
await root.close()
process.exit(names.includes('entries') && exists === false ? 0 : 1)
JS
node try.mjs
