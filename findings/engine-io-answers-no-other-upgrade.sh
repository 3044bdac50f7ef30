#!/bin/sh
# engine.io 6.6.13 on Node.js: every request with an `Upgrade` header that is not for its own path is taken out of HTTP and ended
# after `destroyUpgradeTimeout` (1 s) without an answer, also where HTTP would have answered it. An HTTP/1.1 client that offers
# `Upgrade: h2c` (RFC 7540, 3.2: a server may pass over it) gets no response at all from routes of the same server.
# Seen: with engine.io attached, GET /hello with that header: connection closed, 0 bytes. Without engine.io: 200.
# Exits 0 while that is so.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts engine.io@6.6.13
cat > try.mjs <<'JS'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import { attach } from 'engine.io'

async function ask (withEngine) {
  const server = createServer((request, response) => { response.end('hello') })
  if (withEngine) attach(server)
  await new Promise(resolve => { server.listen(0, '127.0.0.1', resolve) })
  const socket = connect(server.address().port, '127.0.0.1')
  let text = ''
  socket.on('data', chunk => { text += chunk })
  socket.write('GET /hello HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n')
  const startedAt = performance.now()
  await new Promise(resolve => { socket.on('close', resolve); socket.on('end', () => socket.end()); setTimeout(resolve, 5000).unref() })
  const seconds = (performance.now() - startedAt) / 1000
  socket.destroy()
  server.close()
  return { status: text.split('\r\n')[0], bytes: text.length, seconds: seconds.toFixed(1) }
}

const plain = await ask(false)
const engine = await ask(true)
console.log(`node ${process.version}; plain http: "${plain.status}"; with engine.io: ${engine.bytes} bytes after ${engine.seconds} s`)
process.exit(plain.status === 'HTTP/1.1 200 OK' && engine.bytes === 0 ? 0 : 1)
JS
node try.mjs
