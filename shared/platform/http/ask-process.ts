/** A question to another process of this machine, which listens on a Unix socket. */
import { request } from 'node:http'

export interface ProcessAnswer { readonly status: number, readonly text: string }

const answerMs = 2_000

/** GET. Undefined where it does not answer in time: it has ended, or is busy. */
export async function askProcess (socketPath: string, path: string, headers: Readonly<Record<string, string>> = {}): Promise<ProcessAnswer | undefined> {
  return await new Promise(resolve => {
    const nothing = (): void => { resolve(undefined) }
    const asked = request({ socketPath, path, headers, agent: false, signal: AbortSignal.timeout(answerMs) }, answer => {
      const chunks: Buffer[] = []
      answer.on('data', (chunk: Buffer) => { chunks.push(chunk) })
      answer.once('end', () => { resolve({ status: answer.statusCode ?? 500, text: Buffer.concat(chunks).toString() }) })
      answer.once('error', nothing)
      answer.once('close', nothing)
    })
    asked.once('error', nothing)
    asked.end()
  })
}
