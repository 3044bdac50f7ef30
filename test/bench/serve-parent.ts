/** The child's side of a process that the comparison starts: it does what its parent asks, one reply for each request. */
import { readFileSync } from 'node:fs'
import { startProfile, stopProfile } from './profile.js'

export interface Question { readonly id: number, readonly name: string, readonly body: unknown }
export type Answer = { readonly id: number, readonly result: unknown } | { readonly id: number, readonly error: string }

type Handlers = Record<string, (body: any) => unknown>

const common: Handlers = {
  /** µs of CPU, all threads, user and kernel mode. */
  cpu: () => {
    const { user, system } = process.cpuUsage()
    return user + system
  },
  startProfile,
  stopProfile,
  /** After a collection; needs --expose-gc. */
  memory: async () => {
    for (let i = 0; i < 3; i++) {
      globalThis.gc?.()
      await new Promise(resolve => setTimeout(resolve, 50))
    }
    return process.memoryUsage()
  },
  /** Bytes of resident memory that are of no file: after a collection, and without the pages of a mapped store. Linux only. */
  anonymousBytes: async () => {
    globalThis.gc?.()
    await new Promise(resolve => setTimeout(resolve, 50))
    globalThis.gc?.()
    return Number(/RssAnon:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) * 1024
  }
}

export function serveParent (own: Handlers): void {
  const handlers = { ...common, ...own }
  process.on('message', ({ id, name, body }: Question) => {
    void (async () => {
      let answer: Answer
      try {
        const handler = handlers[name]
        if (handler === undefined) throw new Error(`nothing serves ${name}`)
        answer = { id, result: await handler(body) }
      } catch (error) {
        answer = { id, error: error instanceof Error ? error.stack ?? error.message : String(error) }
      }
      process.send?.(answer)
    })()
  })
  process.on('disconnect', () => { process.exit(0) })
  process.send?.({ id: 0, result: 'up' } satisfies Answer)
}
