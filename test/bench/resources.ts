/** What a row opens is closed again, in reverse order, also where its preparation fails half way. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Resources {
  add: <T extends { close: () => unknown }>(resource: T) => T
  tempDir: () => Promise<string>
  close: () => Promise<void>
}

export function createResources (): Resources {
  const closers: Array<() => unknown> = []
  return {
    add (resource) {
      closers.push(() => resource.close())
      return resource
    },
    async tempDir () {
      const dir = await mkdtemp(join(tmpdir(), 'gatepost-compare-'))
      closers.push(() => rm(dir, { recursive: true, force: true, maxRetries: 3 }))
      return dir
    },
    async close () {
      for (let closer = closers.pop(); closer !== undefined; closer = closers.pop()) await closer()
    }
  }
}

export async function withResources<T extends object> (open: (resources: Resources) => Promise<T>): Promise<T & { close: () => Promise<void> }> {
  const resources = createResources()
  try {
    return Object.assign(await open(resources), { close: resources.close })
  } catch (error) {
    await resources.close()
    throw error
  }
}
