/**
 * Requests from one process to one node, as JSON. Errors cross as code and text and come back as GatepostError;
 * the cause of an unforeseen one stays in the log of the node that was asked.
 */
import { GatepostError, isErrorCode, isInDoubt, outcomeUnknownOfOld } from '../../shared/contract/errors.js'
import { currentForm, isKnownForm } from '../../shared/contract/form.js'
import type { NodeId } from '../../shared/contract/names.js'
import type { Log } from '../../shared/platform/log.js'
import type { Bus } from './buses/bus.js'
import { noAnswer, noLink } from './buses/bus-errors.js'
import type { BusTrust } from './bus-trust.js'
import type { Dispatch } from './dispatch.js'
import type { Signer } from './signer.js'
import type { Subjects } from '../../shared/contract/subjects.js'

/** `isOld`: a process of version 0.1 asks, which does not know every code. */
export type RpcHandler = (body: unknown, from: string, isOld: boolean) => Promise<unknown>

export interface Rpc {
  ask: Dispatch['ask']
  /** Answers by node; who does not answer in time is left out. */
  askEach: (nodes: readonly NodeId[], kind: string, body: unknown, timeoutMs?: number) => Promise<Map<NodeId, unknown>>
  answer: (kind: string, answerer: RpcHandler) => void
  close: () => void
}

export interface RpcOptions {
  readonly bus: Bus
  readonly subjects: Subjects
  readonly signer: Signer
  readonly trust: BusTrust
  readonly self: NodeId | undefined
  /** How long an answer may take where the asker does not say. */
  readonly answerMs: number
  readonly log: Log
}

/** Who asks when it is no node. */
const nameless = 'gate'

export function createRpc ({ bus, subjects, signer, trust, self, answerMs, log }: RpcOptions): Rpc {
  const answerers = new Map<string, RpcHandler>()
  const from = self ?? nameless
  let isClosed = false

  async function serve (kind: string, body: unknown, asker: string, isOld: boolean): Promise<unknown> {
    const answerer = answerers.get(kind)
    if (answerer === undefined) throw new GatepostError('GP_DISPATCH_UNAVAILABLE', `node ${self} does not answer ${kind}`)
    try {
      return await answerer(body, asker, isOld)
    } catch (error) {
      if (error instanceof GatepostError) throw error
      log.error({ event: 'answer-failed', kind, from: asker, err: error }, 'a request from another process failed')
      throw new GatepostError('GP_INTERNAL', `node ${self} failed at ${kind}`, { cause: error })
    }
  }

  async function reply (subject: string, payload: Uint8Array, respond: (payload: Uint8Array) => void): Promise<void> {
    let answer: Uint8Array
    let isOld = false
    try {
      const request = readJson(payload) as { form?: unknown, kind?: unknown, from?: unknown, body?: unknown } | null
      if (typeof request?.kind !== 'string' || typeof request.from !== 'string') throw new GatepostError('GP_VALIDATION', 'a request has a kind and says who asks')
      if (!trust.believesRequest(signer.check(subject, payload), request.from)) throw new GatepostError('GP_DISPATCH_UNAVAILABLE', `node ${self} answers only to processes that have its GATEPOST_SECRET`)
      if (!isKnownForm(request.form)) throw unknownForm('request', request.form, `node ${self}`)
      isOld = request.form === undefined
      answer = writeJson({ form: currentForm, body: await serve(request.kind, request.body, request.from, isOld) })
      if (answer.byteLength > bus.maxPayloadBytes) throw new GatepostError('GP_TOO_LARGE', `answer to ${request.kind}: got ${answer.byteLength} bytes; dispatch takes at most ${bus.maxPayloadBytes}`)
    } catch (error) {
      const refusal = error instanceof GatepostError ? error : new GatepostError('GP_VALIDATION', 'a request is JSON')
      const refused = isOld && isInDoubt(refusal) ? outcomeUnknownOfOld() : refusal
      answer = writeJson({ form: currentForm, error: { code: refused.code, message: refused.message, retryAfterSeconds: refused.retryAfterSeconds } })
    }
    respond(answer)
  }

  const unsubscribe = self === undefined
    ? undefined
    : bus.subscribe(subjects.ask(self), (subject, payload, respond) => {
      // Nothing in `reply` is left to reject but a link that broke meanwhile: then the asker's time runs out.
      if (respond !== undefined) reply(subject, payload, respond).catch((error: unknown) => { log.warn({ event: 'answer-lost', err: error }, 'an answer could not be sent') })
    })

  const ask: Rpc['ask'] = async (node, kind, body, timeoutMs = answerMs) => {
    if (isClosed) throw noLink()
    if (node === self) return await within(serve(kind, body, from, false), timeoutMs)
    const subject = subjects.ask(node)
    const answer = await bus.request(subject, signer.sign(subject, writeJson({ form: currentForm, kind, from, body })), timeoutMs)
    return readAnswer(answer, node)
  }

  return {
    ask,
    async askEach (nodes, kind, body, timeoutMs) {
      const answers = new Map<NodeId, unknown>()
      await Promise.all(nodes.map(async node => {
        try {
          answers.set(node, await ask(node, kind, body, timeoutMs))
        } catch (error) {
          log.debug({ event: 'no-answer', member: node, kind, err: error }, 'a node did not answer')
        }
      }))
      return answers
    },
    answer (kind, answerer) {
      if (self === undefined) throw new Error(`no node, so nobody can ask it ${kind}`)
      if (answerers.has(kind)) throw new Error(`${kind} is answered already`)
      answerers.set(kind, answerer)
    },
    close () {
      isClosed = true
      unsubscribe?.()
    }
  }
}

const writeJson = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value), 'utf8')
const readJson = (payload: Uint8Array): unknown => JSON.parse(Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString('utf8'))

function readAnswer (payload: Uint8Array, node: NodeId): unknown {
  let answer: { form?: unknown, body?: unknown, error?: { code?: unknown, message?: unknown, retryAfterSeconds?: unknown } } | null
  try { answer = readJson(payload) as typeof answer } catch (cause) { throw new GatepostError('GP_INTERNAL', `node ${node} gave no readable answer`, { cause }) }
  if (!isKnownForm(answer?.form)) throw unknownForm(`answer of node ${node}`, answer?.form, 'this process')
  if (answer?.error === undefined) return answer?.body
  const { code, message, retryAfterSeconds } = answer.error
  throw new GatepostError(isErrorCode(code) ? code : 'GP_INTERNAL', String(message), typeof retryAfterSeconds === 'number' ? { retryAfterSeconds } : {})
}

/** As no answer: whoever asks goes on by itself or asks another node, and an outcome is unknown. */
const unknownForm = (what: string, form: unknown, reader: string): GatepostError =>
  new GatepostError('GP_DISPATCH_UNAVAILABLE', `${what}: has form ${JSON.stringify(form)}; ${reader} reads forms up to ${currentForm}`)

async function within<T> (promise: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => { timer = setTimeout(() => { reject(noAnswer(timeoutMs)) }, timeoutMs) })
  try { return await Promise.race([promise, late]) } finally { clearTimeout(timer) }
}
