#!/bin/sh
# nats 2.29.3 (nats.js): the iterator of NatsConnection.status() does not end when the connection is closed, though closed() resolves.
# Code behind `for await (const s of connection.status())` is never reached; a program that waits there for the connection's end,
# to make a new one, waits for good. The iterators of subscriptions do end.
# The server here speaks the first lines of the NATS protocol, so that no server has to be installed; a nats-server 2.15 gives the same.
# Seen: closed() resolved; subscription: ended; status: still open after 2 s.
# Exits 0 while that is so.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts nats@2.29.3
cat > try.mjs <<'JS'
import { createServer } from 'node:net'
import { connect } from 'nats'

const server = createServer(socket => {
  socket.on('error', () => {})
  socket.write('INFO {"server_id":"x","version":"2.15.0","proto":1,"max_payload":1048576,"headers":true}\r\n')
  socket.on('data', bytes => { for (const line of bytes.toString().split('\r\n')) if (line === 'PING') socket.write('PONG\r\n') })
})
await new Promise(resolve => { server.listen(0, '127.0.0.1', resolve) })
const connection = await connect({ servers: `127.0.0.1:${server.address().port}`, reconnect: false })
const drained = async iterator => { for await (const _ of iterator) { /* until it ends */ } return 'ended' }
const status = drained(connection.status())
const subscription = drained(connection.subscribe('a'))
await connection.flush()
await connection.close()
const isClosed = await connection.closed() === undefined
const within2s = promise => Promise.race([promise, new Promise(resolve => { setTimeout(() => { resolve('still open after 2 s') }, 2000) })])
const [ofStatus, ofSubscription] = await Promise.all([within2s(status), within2s(subscription)])
console.log(`node ${process.version}; closed() resolved: ${isClosed}; subscription: ${ofSubscription}; status: ${ofStatus}`)
process.exit(isClosed && ofSubscription === 'ended' && ofStatus !== 'ended' ? 0 : 1)
JS
node try.mjs
