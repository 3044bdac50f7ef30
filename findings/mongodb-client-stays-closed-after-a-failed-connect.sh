#!/bin/sh
# mongodb 7.9.0 (node driver): where the first connection of a MongoClient fails since no server is there yet, the client does not
# recover when the server comes: every command is refused at once with MongoTopologyClosedError, for good. It is so for connect(), and
# for a first command that connects by itself. Only another connect() helps. A client that was connected once finds its server again.
# So a long-running program that makes a client while its server is away has to call connect() until it succeeds.
# The server here answers `hello` and `ping` alone, so that no database has to be installed; a server that does more gives the same.
# Seen: first: MongoServerSelectionError; with the server there: MongoTopologyClosedError before the 500 ms of a selection are over; after connect(): ok.
# Exits 0 while that is so.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts mongodb@7.9.0
cat > try.mjs <<'JS'
import { createServer } from 'node:net'
import { BSON, MongoClient } from 'mongodb'

const greeting = { isWritablePrimary: true, ismaster: true, helloOk: true, maxBsonObjectSize: 16_777_216, maxMessageSizeBytes: 48_000_000, maxWriteBatchSize: 100_000, minWireVersion: 0, maxWireVersion: 21, ok: 1 }
const server = createServer(socket => {
  let bytes = Buffer.alloc(0)
  socket.on('error', () => {})
  socket.on('data', more => {
    bytes = Buffer.concat([bytes, more])
    while (bytes.length >= 16 && bytes.length >= bytes.readInt32LE(0)) {
      const [length, id, code] = [bytes.readInt32LE(0), bytes.readInt32LE(4), bytes.readInt32LE(12)]
      bytes = bytes.subarray(length)
      const document = BSON.serialize(greeting)
      // A greeting may come as OP_QUERY (2004), which OP_REPLY (1) answers; the rest is OP_MSG (2013).
      const between = code === 2004 ? 20 : 5
      const head = Buffer.alloc(16 + between)
      head.writeInt32LE(head.length + document.length, 0)
      head.writeInt32LE(id, 8)
      head.writeInt32LE(code === 2004 ? 1 : 2013, 12)
      if (code === 2004) head.writeInt32LE(1, 32)
      socket.write(Buffer.concat([head, document]))
    }
  })
})
const listen = port => new Promise(resolve => { server.listen(port, '127.0.0.1', resolve) })
await listen(0)
const { port } = server.address()
await new Promise(resolve => { server.close(resolve) })

const outcome = promise => promise.then(() => 'ok', error => error.name)
let isAsExpected = true
for (const way of ['connect()', 'a command']) {
  const client = new MongoClient(`mongodb://127.0.0.1:${port}/?directConnection=true&serverSelectionTimeoutMS=500&heartbeatFrequencyMS=500`)
  const ping = () => outcome(client.db('a').command({ ping: 1 }))
  const first = await (way === 'connect()' ? outcome(client.connect()) : ping())
  await listen(port)
  await new Promise(resolve => { setTimeout(resolve, 3000) })
  const begun = performance.now()
  const then = await ping()
  const ms = performance.now() - begun
  const again = await outcome(client.connect())
  const last = await ping()
  console.log(`node ${process.version}; first, by ${way}: ${first}; with the server there for 3 s: ${then} after ${Math.round(ms)} ms; connect(): ${again}; then: ${last}`)
  isAsExpected &&= first === 'MongoServerSelectionError' && then === 'MongoTopologyClosedError' && ms < 400 && again === 'ok' && last === 'ok'
  await client.close()
  await new Promise(resolve => { server.close(resolve) })
}
process.exit(isAsExpected ? 0 : 1)
JS
timeout 60 node try.mjs
