/**
 * Chromium as a user runs it, spoken to by the DevTools protocol alone: playwright starts it with flags under which no page is ever
 * frozen, and none goes into the back/forward cache.
 */
import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { WebSocket } from 'ws'
import { chromiumPath } from './browser.js'
import { until } from './until.js'

type Params = Record<string, unknown>

export interface Tab {
  /** The DevTools protocol, of this page. */
  send (method: string, params?: Params): Promise<Params>
  /** The value of an expression, as JSON. */
  evaluate<T> (expression: string): Promise<T>
  /** Freezes it as Chromium does with a page that is long out of sight; nothing but channel handlers runs. */
  freeze (): Promise<void>
  thaw (): Promise<void>
  /** Kills its renderer. */
  crash (): Promise<void>
  close (): Promise<void>
}

export interface ChromiumProcess {
  open (url: string): Promise<Tab>
}

interface Connection {
  send (method: string, params?: Params, sessionId?: string): Promise<Params>
}

async function connect (t: Test, url: string): Promise<Connection> {
  const socket = new WebSocket(url, { perMessageDeflate: false })
  await new Promise<void>((resolve, reject) => {
    socket.once('open', () => { resolve() })
    socket.once('error', reject)
  })
  t.teardown(() => { socket.close() })
  const waiting = new Map<number, { resolve: (result: Params) => void, reject: (error: Error) => void }>()
  let last = 0
  socket.on('message', (data: Buffer) => {
    const { id, result, error } = JSON.parse(data.toString()) as { id?: number, result?: Params, error?: { message: string } }
    const one = id === undefined ? undefined : waiting.get(id)
    if (id === undefined || one === undefined) return
    waiting.delete(id)
    if (error === undefined) one.resolve(result ?? {})
    else one.reject(new Error(error.message))
  })
  return {
    async send (method, params = {}, sessionId) {
      last += 1
      const id = last
      return await new Promise((resolve, reject) => {
        waiting.set(id, { resolve, reject })
        socket.send(JSON.stringify({ id, method, params, ...sessionId === undefined ? {} : { sessionId } }))
      })
    }
  }
}

export async function startChromium (t: Test): Promise<ChromiumProcess> {
  const profile = await mkdtemp(join(tmpdir(), 'gatepost-chromium-'))
  const child = spawn(chromiumPath, [
    '--headless=new', '--no-sandbox', '--disable-gpu', '--disable-background-networking', '--no-first-run', '--remote-debugging-port=0', `--user-data-dir=${profile}`, 'about:blank'
  ], { stdio: 'ignore' })
  t.teardown(async () => {
    const ended = new Promise<void>(resolve => { child.once('exit', () => { resolve() }) })
    child.kill('SIGKILL')
    await ended
    await rm(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
  })
  const [port, path] = await until('the browser listens', async () => {
    const text = await readFile(join(profile, 'DevToolsActivePort'), 'utf8').catch(() => '')
    return text.includes('\n') ? text.split('\n') : undefined
  })
  const browser = await connect(t, `ws://127.0.0.1:${port}${path}`)

  return {
    async open (url) {
      const { targetId } = await browser.send('Target.createTarget', { url })
      const { sessionId } = await browser.send('Target.attachToTarget', { targetId, flatten: true }) as { sessionId: string }
      const send = async (method: string, params: Params = {}): Promise<Params> => await browser.send(method, params, sessionId)
      await send('Page.enable')
      return {
        send,
        async evaluate<T> (expression: string) {
          const { result, exceptionDetails } = await send('Runtime.evaluate', { expression, returnByValue: true, awaitPromise: true }) as { result: { value: T }, exceptionDetails?: { text: string } }
          if (exceptionDetails !== undefined) throw new Error(`${exceptionDetails.text}: ${expression}`)
          return result.value
        },
        async freeze () { await send('Page.setWebLifecycleState', { state: 'frozen' }) },
        async thaw () { await send('Page.setWebLifecycleState', { state: 'active' }) },
        // Never answered.
        async crash () { void send('Page.crash').catch(() => {}) },
        async close () { await browser.send('Target.closeTarget', { targetId }) }
      }
    }
  }
}
