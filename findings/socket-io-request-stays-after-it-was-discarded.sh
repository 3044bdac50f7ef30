#!/bin/sh
# socket.io 4.8.4 with engine.io 6.6.13: the documented way to save memory, `io.engine.on("connection", rawSocket => { rawSocket.request =
# null })`, frees nothing for a client that connects by WebSocket. Engine.IO's stand-in for a response (WebSocketResponse) holds the request,
# and a listener for "close" on the TCP socket holds that stand-in for as long as the client is connected: the headers of the handshake
# stay, too. For a client that polls the request is freed.
# Seen: polling: freed; websocket: kept; websocket, after it has closed: freed. With engine.io 6.6.9, which has no such listener: freed, each time.
# Exits 0 while that is so. Needs Node.js.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts socket.io@4.8.4 engine.io@6.6.13 socket.io-client@4.8.4
cat > try.mjs <<'JS'
import { createServer } from 'node:http'
import { Server } from 'socket.io'
import { io as connect } from 'socket.io-client'

const http = createServer()
const io = new Server(http)
let request
io.engine.on('connection', rawSocket => {
  request = new WeakRef(rawSocket.request)
  rawSocket.request = null
})
await new Promise(resolve => { http.listen(0, '127.0.0.1', resolve) })

const pause = ms => new Promise(resolve => { setTimeout(resolve, ms) })
async function isFreed () {
  for (let i = 0; i < 20 && request.deref() !== undefined; i++) {
    await pause(50)
    gc()
  }
  return request.deref() === undefined ? 'freed' : 'kept'
}
const open = async transport => {
  const client = connect(`http://127.0.0.1:${http.address().port}`, { transports: [transport], forceNew: true, reconnection: false })
  await new Promise((resolve, reject) => { client.on('connect', resolve).on('connect_error', reject) })
  return client
}

const seen = {}
const polling = await open('polling')
seen.polling = await isFreed()
polling.close()
const websocket = await open('websocket')
seen.websocket = await isFreed()
websocket.close()
seen.closed = await isFreed()
console.log(`polling: ${seen.polling}; websocket: ${seen.websocket}; websocket, after it has closed: ${seen.closed}`)
process.exit(seen.polling === 'freed' && seen.websocket === 'kept' && seen.closed === 'freed' ? 0 : 1)
JS
timeout 60 node --expose-gc try.mjs
