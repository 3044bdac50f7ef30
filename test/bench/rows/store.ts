/** The log without a network: appending, and reading a page. */
import { startChild, type Child } from '../child.js'
import { cpuDuring } from '../cpu.js'
import { withResources, type Resources } from '../resources.js'
import { populated, sized, type Measured, type Row } from '../row.js'

async function measure (child: Child, question: string, body: { count: number } & Record<string, unknown>): Promise<Measured> {
  const { micros } = await cpuDuring([child], [], async () => await child.ask(question, body))
  return { cost: micros / body.count }
}

async function startOurs (resources: Resources): Promise<Child> {
  const child = resources.add(await startChild('./servers/lmdb-child.ts'))
  await child.ask('openOurs', { dir: await resources.tempDir() })
  return child
}

async function startBare (resources: Resources): Promise<Child> {
  const child = resources.add(await startChild('./servers/lmdb-child.ts'))
  await child.ask('openBare', { dir: await resources.tempDir() })
  return child
}

const append: Row = {
  name: 'append-64',
  unit: 'entry',
  ours: 'appends to 1,000 streams, 64 in flight, durable, with the chain, the ids and the index of expiry',
  baseline: 'durable LMDB puts, 64 in flight, nothing else',
  reach: { kind: 'rate', atLeast: 0.5 },
  prepare: async size => await withResources(async resources => {
    const work = { width: 64, count: sized(size, 40_000, 100), users: 1_000 }
    const ours = await startOurs(resources)
    const bare = await startBare(resources)
    return {
      servers: [ours],
      ours: async () => await measure(ours, 'append', work),
      baseline: async () => await measure(bare, 'put', work)
    }
  })
}

const limit = 50
const thousand = { user: 'thousand', inbox: 1_000 }
const million = { user: 'million', inbox: 1_000_000 }

async function page (child: Child, question: 'page' | 'range', user: string, count: number): Promise<Measured> {
  const found = await child.ask<number>(question, { user, count: 1, limit })
  if (found !== limit) throw new Error(`${found} of ${limit} messages on a page`)
  return await measure(child, question, { user, count, limit })
}

const pageOfThousand: Row = {
  name: 'page-50',
  unit: 'page',
  ours: 'a page of 50, as JSON text, in an inbox of 1,000',
  baseline: 'an LMDB range of 50 values, decoded',
  reach: { kind: 'rate', atLeast: 0.5 },
  prepare: async size => await withResources(async resources => {
    const ours = await startOurs(resources)
    const bare = await startBare(resources)
    await ours.ask('fill', { user: thousand.user, count: thousand.inbox })
    await bare.ask('fillBare', { user: thousand.user, count: thousand.inbox })
    const count = sized(size, 8_000, 20)
    return {
      servers: [ours],
      ours: async () => await page(ours, 'page', thousand.user, count),
      baseline: async () => await page(bare, 'range', thousand.user, count)
    }
  })
}

const pageOfMillion: Row = {
  name: 'page-50-million',
  unit: 'page',
  ours: 'a page of 50, as JSON text, in an inbox of a million',
  baseline: 'ours, in an inbox of 1,000 in the same store',
  // Equal, as far as two runs of the same thing are.
  reach: { kind: 'rate', atLeast: 0.95 },
  prepare: async size => await withResources(async resources => {
    const ours = await startOurs(resources)
    await ours.ask('fill', { user: thousand.user, count: thousand.inbox })
    await ours.ask('fill', { user: million.user, count: populated(size, million.inbox, 5_000) })
    const count = sized(size, 8_000, 20)
    return {
      servers: [ours],
      ours: async () => await page(ours, 'page', million.user, count),
      baseline: async () => await page(ours, 'page', thousand.user, count)
    }
  })
}

export const storeRows: readonly Row[] = [append, pageOfThousand, pageOfMillion]
