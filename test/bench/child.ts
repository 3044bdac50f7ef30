/** A process of its own for each server and for the clients, so that the CPU time of one is not that of another. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { serverFlags } from '../helpers/server-flags.js'
import { compiled } from './compiled.js'
import type { Answer, Question } from './serve-parent.js'

export interface Child {
  readonly pid: number
  ask: <T = unknown>(name: string, body?: unknown) => Promise<T>
  /** µs of CPU since its start. */
  cpu: () => Promise<number>
  close: () => Promise<void>
}

/** `file`: relative to this folder. Resolves once it serves. */
export async function startChild (file: string, flags: readonly string[] = serverFlags): Promise<Child> {
  const child = spawn(process.execPath, [...flags, await compiled(file)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], serialization: 'advanced' })
  const waiting = new Map<number, { resolve: (result: any) => void, reject: (error: Error) => void }>()
  let nextId = 0
  const question = async <T>(send: (id: number) => void): Promise<T> => await new Promise<T>((resolve, reject) => {
    const id = nextId++
    waiting.set(id, { resolve, reject })
    send(id)
  })
  child.on('message', (answer: Answer) => {
    const asked = waiting.get(answer.id)
    waiting.delete(answer.id)
    if ('error' in answer) asked?.reject(new Error(`${file}: ${answer.error}`))
    else asked?.resolve(answer.result)
  })
  child.once('exit', (code, signal) => {
    for (const { reject } of waiting.values()) reject(new Error(`${file} ended: ${code ?? signal}`))
    waiting.clear()
  })
  const endWithUs = (): void => { child.kill('SIGKILL') }
  process.once('exit', endWithUs)
  await question(() => {}) // what it says first
  const ask = async <T>(name: string, body?: unknown): Promise<T> => {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`${file} has ended`)
    return await question<T>(id => { child.send({ id, name, body } satisfies Question) })
  }
  return {
    pid: child.pid ?? 0,
    ask,
    cpu: async () => await ask<number>('cpu'),
    close: async () => {
      process.off('exit', endWithUs)
      if (child.exitCode !== null || child.signalCode !== null) return
      const ended = once(child, 'exit')
      child.kill('SIGKILL') // what it stored goes with its folder
      await ended
    }
  }
}
