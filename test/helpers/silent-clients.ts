/** Clients that do not do their part: they stop reading, and never say that they close. */
import { spawn } from 'node:child_process'
import { connect, type Socket } from 'node:net'
import type { Test } from 'tap'
import { socketAddress, type Session } from './raw-client.js'
import { until } from './until.js'

export function openTcp (t: Test, url: string, bytes = ''): Socket {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  socket.on('error', () => {})
  t.teardown(() => { socket.destroy() })
  if (bytes !== '') socket.write(bytes)
  return socket
}

/** A frame of text, masked with zeros. */
function textFrame (text: string): Buffer {
  const bytes = Buffer.from(text)
  const length = bytes.length < 126 ? [0x80 | bytes.length] : [0x80 | 126, bytes.length >> 8, bytes.length & 255]
  return Buffer.concat([Buffer.from([0x81, ...length, 0, 0, 0, 0]), bytes])
}

/** Over bytes of one's own: joined and ready; from then on it reads nothing. */
export async function openDeaf (t: Test, { node, ticket }: Session): Promise<Socket> {
  const socket = openTcp(t, node.url, `GET ${node.path ?? '/socket.io'}/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n`)
  let received = ''
  socket.on('data', chunk => { received += chunk.toString('latin1') })
  await until('it is a WebSocket', () => received.includes('101 Switching'))
  socket.write(textFrame(`40${JSON.stringify({ ticket })}`))
  await until('ready', () => received.includes('42["ready"'))
  socket.pause()
  return socket
}

/** A process with a stock client, which stands still (SIGSTOP) once it is ready. */
export async function openSuspended (t: Test, { node, ticket }: Session): Promise<void> {
  const [origin, path] = socketAddress(node)
  const program = `
    const { io } = require('socket.io-client')
    io(${JSON.stringify(origin)}, { ...${JSON.stringify(path)}, auth: { ticket: ${JSON.stringify(ticket)} } }).on('ready', () => { console.log('ready') })`
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => { child.kill('SIGKILL') })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => { output += chunk.toString() })
  await until('it is ready', () => output.includes('ready'))
  child.kill('SIGSTOP')
}
