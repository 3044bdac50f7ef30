/**
 * Sample sessions in the documents, run as they stand. A fenced block whose info string is `text run` holds lines such as
 *
 *     ann → gate     GET /gate/assign            a request; its headers and its JSON may follow on lines of their own
 *     ann ← gate     200 {...}                   its answer
 *     bob → socket   open {"cursors":{...}}      opens a socket; later: an event with its payload
 *     bob ← ack      {...}                       the acknowledgement of the last event
 *     bob ← socket   entries [...]               the next entries, the next `unread` that is like this, and so on
 *
 * Whoever asks carries their own token at Gate and the ticket at `node`, the node that Gate gave last. Ids, sequences,
 * addresses and cursors differ from run to run: the first time one is met it is bound to what came, and
 * wherever the document names it again it must be that. All else must be equal.
 */
import { io, type Socket } from 'socket.io-client'
import type { Test } from 'tap'
import type { Deployment } from './deployment.js'
import { request, socketAddress, type GivenNode } from './raw-client.js'
import { until } from './until.js'

export interface Step {
  readonly actor: string
  readonly direction: '→' | '←'
  readonly peer: string
  /** All after the peer, line breaks in it. */
  text: string
}

const stepLine = /^(\w+) +(→|←) +(\w+)(?: +(.*))?$/
export const sampleFence = /^```text run\n([^]*?)^```$/gm

export function readSteps (block: string): Step[] {
  const steps: Step[] = []
  for (const line of block.split('\n')) {
    const [, actor, direction, peer, text] = stepLine.exec(line) ?? []
    const last = steps.at(-1)
    if (actor !== undefined) steps.push({ actor, direction: direction as Step['direction'], peer: peer ?? '', text: text ?? '' })
    else if (line.trim() !== '' && last !== undefined) last.text += `\n${line.trim()}`
  }
  return steps
}

export const showSteps = (steps: readonly Step[]): string =>
  steps.map(({ actor, direction, peer, text }) => `${actor.padEnd(6)} ${direction} ${peer.padEnd(6)} ${text.replace(/\n(?! )/g, '\n    ')}`.trimEnd() + '\n').join('')

/** JSON as the documents show it: on one line where it fits. */
export function showJson (value: unknown, used: number, indent = '  '): string {
  const flat = JSON.stringify(value)
  if (typeof value !== 'object' || value === null || used + flat.length <= 116) return flat
  const inner = indent + '  '
  const parts = Array.isArray(value)
    ? value.map(one => inner + showJson(one, inner.length, inner))
    : packed(Object.entries(value).map(([key, one]) => `${JSON.stringify(key)}:${showJson(one, inner.length + key.length + 3, inner)}`), inner)
  const [open, close] = Array.isArray(value) ? ['[', ']'] : ['{', '}']
  return `${open}\n${parts.join(',\n')}\n${indent}${close}`
}

/** Several short members on one line. */
function packed (members: readonly string[], indent: string): string[] {
  const lines: string[] = []
  for (const member of members) {
    const last = lines.at(-1)
    if (last !== undefined && !last.includes('\n') && !member.includes('\n') && last.length + member.length + 1 <= 116) lines[lines.length - 1] = `${last},${member}`
    else lines.push(indent + member)
  }
  return lines
}

const hiddenToken = 'eyJ…'
const varying = /^(?:[0-9a-z]{27}[0-9a-z](?:[0-9a-f]{4})?|http:\/\/127\.0\.0\.1:\d+\/nodes\/[\w-]+|[\w-]{24,})$/
const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/

/** What the documents call what really came, and back. */
export class Bindings {
  readonly #real = new Map<string, string>()
  readonly #named = new Map<string, string>()

  #bind (name: string, real: string): boolean {
    const known = this.#real.get(name)
    if (known !== undefined) return known === real
    if (this.#named.has(real)) return false
    this.#real.set(name, real)
    this.#named.set(real, name)
    return true
  }

  /** Where `real` is not as `named` says: the path to it and why. */
  differs (named: unknown, real: unknown, path = '', stream = ''): string | undefined {
    if (Array.isArray(named) && Array.isArray(real)) {
      if (named.length !== real.length) return `${path}: ${real.length} elements for ${named.length}`
      return firstOf(named.map((one, i) => () => this.differs(one, real[i], `${path}[${i}]`, stream)))
    }
    if (isObject(named) && isObject(real)) {
      const names = Object.keys(named).sort().join()
      const reals = Object.keys(real).sort().join()
      if (names !== reals) return `${path}: has ${reals} for ${names}`
      // Two streams may have the same number for two entries.
      const own = typeof named['stream'] === 'string' ? named['stream'] : stream
      const streamOf = (key: string): string => key === 'after' ? `g:${String(named['group'])}` : /^(?:[ug]:.+|all)$/.test(key) ? key : own
      return firstOf(Object.keys(named).map(key => () => this.differs(named[key], real[key], `${path}.${key}`, streamOf(key))))
    }
    const isFine = typeof named === 'number' && typeof real === 'number' && named >= 1e6
      ? this.#bind(`${stream} ${named}`, `${stream} ${real}`)
      : typeof named === 'string' && typeof real === 'string'
        ? this.#isLike(named, real)
        : named === real
    return isFine ? undefined : `${path}: ${JSON.stringify(real)} for ${JSON.stringify(named)}`
  }

  #isLike (named: string, real: string): boolean {
    if (named === hiddenToken) return /^eyJ[\w-]+\.[\w-]+\.[\w-]+$/.test(real)
    if (time.test(named)) return time.test(real)
    return varying.test(named) ? varying.test(real) && this.#bind(named, real) : this.named(real) === named
  }

  /** A text of the document with the real ones in place of what is named. */
  real (text: string): string {
    return replaceEach(text, this.#real)
  }

  named (text: string): string {
    return replaceEach(text, this.#named)
  }
}

function replaceEach (text: string, names: ReadonlyMap<string, string>): string {
  return text.replace(/http:\/\/127\.0\.0\.1:\d+|[\w-]+/g, word => names.get(word) ?? word)
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

function firstOf (checks: ReadonlyArray<() => string | undefined>): string | undefined {
  for (const check of checks) {
    const found = check()
    if (found !== undefined) return found
  }
}

interface Actor {
  node?: GivenNode
  ticket?: string
  socket?: Socket
  answers: Array<{ status: number, body: unknown }>
  acks: unknown[]
  entries: unknown[]
  events: Array<{ event: string, payload: unknown }>
}

const waitMs = 5_000

/** One world for all the blocks of a document: its users, sockets and bindings. */
export class DocSession {
  readonly #deployment: Deployment
  readonly #bindings = new Bindings()
  readonly #actors = new Map<string, Actor>()
  /** Answers are written into the steps instead of compared with them. */
  readonly #isRecording: boolean
  #lastNode: GivenNode = { id: '', url: '' }

  constructor (t: Test, deployment: Deployment, { isRecording = false } = {}) {
    this.#deployment = deployment
    this.#isRecording = isRecording
    t.teardown(() => { for (const { socket } of this.#actors.values()) socket?.close() })
  }

  #actor (name: string): Actor {
    let actor = this.#actors.get(name)
    if (actor === undefined) this.#actors.set(name, actor = { answers: [], acks: [], entries: [], events: [] })
    return actor
  }

  #token (name: string): string | undefined {
    if (name === 'nobody') return undefined
    if (name === 'shop') return this.#deployment.producerToken(name)
    if (name === 'ops') return this.#deployment.adminToken(name)
    return this.#deployment.userToken(name)
  }

  /** Undefined where all went as the step says; else what did not. */
  async run (step: Step): Promise<string | undefined> {
    const actor = this.#actor(step.actor)
    if (step.direction === '→') {
      const text = this.#bindings.real(step.text)
      if (this.#isRecording) step.text = text
      if (step.peer === 'socket') await this.#say(step.actor, actor, text)
      else await this.#request(step, actor, text)
      return undefined
    }
    if (step.peer === 'gate' || step.peer === 'node') {
      const answer = actor.answers.shift()
      if (answer === undefined) return 'no request was made'
      return this.#compare(step, [String(answer.status)], answer.body)
    }
    if (step.peer === 'ack') {
      await until('an acknowledgement', () => actor.acks.length > 0, waitMs)
      return this.#compare(step, [], actor.acks.shift())
    }
    return await this.#hear(step, actor)
  }

  /** Entries that came and that no step tells of. */
  get untold (): unknown[] {
    return [...this.#actors.values()].flatMap(({ entries }) => entries)
  }

  #compare (step: Step, head: readonly string[], real: unknown): string | undefined {
    if (this.#isRecording) {
      this.#bindAnew(step.text.slice(head.join(' ').length), real)
      const hidden = JSON.parse(JSON.stringify(real ?? null).replace(/"eyJ[\w-]+\.[\w-]+\.[\w-]+"/g, `"${hiddenToken}"`)) as unknown
      const start = head.length === 0 ? '' : `${head.join(' ')} `
      step.text = real === undefined ? head.join(' ') : start + showJson(hidden, 16 + start.length)
      return undefined
    }
    const words = step.text.split(/\s+/, head.length)
    if (words.join(' ') !== head.join(' ')) return `${head.join(' ')} for ${words.join(' ')}: ${JSON.stringify(real)}`
    const json = step.text.slice(words.join(' ').length).trim()
    return this.#bindings.differs(json === '' ? undefined : JSON.parse(json), real)
  }

  /** Before an answer is written anew: what the document called things by until now. */
  #bindAnew (json: string, real: unknown): void {
    try { this.#bindings.differs(JSON.parse(json), real) } catch { /* there was none yet */ }
  }

  async #request ({ actor: name, peer }: Step, actor: Actor, text: string): Promise<void> {
    const [, method = '', path = '', rest = ''] = /^(\w+) (\S+)\s*([^]*)$/.exec(text) ?? []
    const headers: Record<string, string> = {}
    const json = rest.replace(/^([\w-]+): (.*)\n?/gm, (_line, header: string, value: string) => {
      headers[header.toLowerCase()] = value
      return ''
    }).trim()
    const token = peer === 'gate' ? this.#token(name) : actor.ticket
    const base = peer === 'gate' ? this.#deployment.gate : (actor.node ?? this.#lastNode).url
    const { status, body } = await request(base, method, path, { token, headers, ...json !== '' && { body: JSON.parse(json) as unknown } })
    actor.answers.push({ status, body: body as unknown })
    if (path.startsWith('/gate/assign') && status === 200) {
      const given = body as { node: GivenNode, ticket: string }
      actor.node = given.node
      actor.ticket = given.ticket
      this.#lastNode = given.node
    }
  }

  async #say (name: string, actor: Actor, text: string): Promise<void> {
    const [, event = '', json = ''] = /^(\w+)\s*([^]*)$/.exec(text) ?? []
    const payload = json === '' ? undefined : JSON.parse(json.replaceAll(hiddenToken, this.#token(name) ?? '')) as object
    if (event === 'close') { actor.socket?.close(); return }
    if (event !== 'open') {
      if (actor.socket === undefined) throw new Error(`${name} has no socket`)
      void actor.socket.emitWithAck(event, ...payload === undefined ? [] : [payload]).then((answer: unknown) => { actor.acks.push(answer) })
      return
    }
    // The one before stays open, and closes when its node says so: as a client does it.
    const [origin, path] = socketAddress(actor.node ?? this.#lastNode)
    const socket = io(origin, { ...path, auth: { ...actor.ticket !== undefined && { ticket: actor.ticket }, ...payload }, transports: ['websocket'], reconnection: false, forceNew: true })
    const before = actor.socket
    actor.socket = socket
    socket.once('ready', () => { before?.close() })
    socket.onAny((event: string, payload: unknown) => {
      if (event === 'entries') actor.entries.push(...payload as unknown[])
      else actor.events.push({ event, payload })
    })
    socket.on('connect_error', error => { actor.events.push({ event: 'connect_error', payload: (error as Error & { data?: unknown }).data }) })
  }

  async #hear (step: Step, actor: Actor): Promise<string | undefined> {
    const [event = ''] = step.text.split(/\s/, 1)
    const json = step.text.slice(event.length).trim()
    if (event === 'entries') {
      const count = this.#isRecording ? Number(json === '' ? 1 : /^\d+$/.test(json) ? json : (JSON.parse(json) as unknown[]).length) : (JSON.parse(json) as unknown[]).length
      await until(`${count} entries`, () => actor.entries.length >= count, waitMs)
      if (this.#isRecording) return this.#compare(step, [event], actor.entries.splice(0, count))
      // Order holds within a stream; which stream comes first is nobody's promise.
      const streamOf = (entry: unknown): unknown => (entry as { stream?: unknown }).stream
      const heard = (JSON.parse(json) as unknown[]).map(expected => {
        const at = actor.entries.findIndex(entry => streamOf(entry) === streamOf(expected))
        return actor.entries.splice(Math.max(0, at), 1)[0]
      })
      return this.#compare(step, [event], heard)
    }
    const isIt = (one: Actor['events'][number]): boolean => one.event === event && (event !== 'unread' || json === '' || this.#bindings.differs(JSON.parse(json), one.payload) === undefined)
    await until(`${event} ${json}`, () => actor.events.some(isIt), waitMs)
    const [heard] = actor.events.splice(actor.events.findIndex(isIt), 1)
    return this.#compare(step, [event], heard?.payload)
  }
}
