import type { IncomingMessage } from 'node:http'

/** More than any body that is sent by mistake; who sends more finds the connection closed. */
const maxDiscardedBytes = 64 * 1024 * 1024
const maxDiscardMs = 10_000

/**
 * Reads what is left of a refused request and drops it: a client that is still sending when its connection is closed
 * sees a broken pipe and never the refusal. Gives whether the end was reached; never rejects.
 */
export async function discardBody (request: IncomingMessage): Promise<boolean> {
  if (request.complete || request.readableEnded) return true
  return await new Promise(resolve => {
    let bytes = 0
    const count = (chunk: Buffer): void => {
      bytes += chunk.length
      if (bytes > maxDiscardedBytes) finish(false)
    }
    const ended = (): void => { finish(true) }
    const broken = (): void => { finish(false) }
    const finish = (isComplete: boolean): void => {
      clearTimeout(timer)
      request.off('data', count).off('end', ended).off('close', broken).off('error', broken)
      resolve(isComplete)
    }
    const timer = setTimeout(broken, maxDiscardMs)
    request.on('data', count).on('end', ended).on('close', broken).on('error', broken)
    request.resume()
  })
}
