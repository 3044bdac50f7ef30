/** What stays: on the disk for each mail stored, and in memory for each user who was there and is gone. */
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { openClients, startGatepost, startSocketIo, ticketOf, producerToken } from '../clients.js'
import { serverFlags } from '../../helpers/server-flags.js'
import { startChild, type Child } from '../child.js'
import { userName } from '../message.js'
import { withResources, type Resources } from '../resources.js'
import { populated, sized, type Contest, type Measured, type Row } from '../row.js'
import { batchesOf, batchSize, startPlain, userToken, mailTo } from './post.js'

const flags = [...serverFlags, '--expose-gc']
const needsProc = async (): Promise<string | undefined> => process.platform === 'linux' ? undefined : 'needs /proc'

async function bytesIn (dir: string): Promise<number> {
  const files = await readdir(dir, { recursive: true, withFileTypes: true })
  const sizes = await Promise.all(files.filter(file => file.isFile()).map(async file => (await stat(join(file.parentPath, file.name))).blocks * 512))
  return sizes.reduce((sum, size) => sum + size, 0)
}

/** Each turn begins with an empty store. */
async function store (count: number, open: (resources: Resources) => Promise<{ server: Child, dir: string, send: (clients: Child) => Promise<unknown> }>): Promise<Measured> {
  const { measured, close } = await withResources(async resources => {
    const { server, dir, send } = await open(resources)
    const clients = resources.add(await startChild('./load-child.ts', []))
    const [memory, disk] = [await server.ask<number>('anonymousBytes'), await bytesIn(dir)]
    await send(clients)
    const measured: Measured = { cost: (await bytesIn(dir) - disk) / count, figures: { memoryPerMail: (await server.ask<number>('anonymousBytes') - memory) / count } }
    return { measured }
  })
  await close()
  return measured
}

const stored: Row = {
  name: 'mails-stored',
  unit: 'mail',
  costIn: 'bytes',
  ours: '100,000 mails to 10,000 users by a producer, in arrays of 64: the disk of each; beside it the memory that stays, not of the file cache',
  baseline: 'as many durable LMDB puts of the plain composition',
  reach: { kind: 'own', atMost: 700 },
  isFreshEachTurn: true,
  missing: needsProc,
  prepare: async (size): Promise<Contest> => {
    const count = Math.ceil(sized(size, 100_000, 640) / batchSize) * batchSize
    const users = populated(size, 10_000, 64)
    return {
      ours: async () => await store(count, async resources => {
        const { server, dir, gate } = await startGatepost(resources, flags)
        return { server, dir, send: async clients => await clients.ask('requests', { url: `${gate}/gate/messages`, method: 'POST', tokens: [producerToken()], bodies: batchesOf(count, users), inFlight: 4, status: 207 }) }
      }),
      baseline: async () => await store(count, async resources => {
        const { server, dir, url } = await startPlain(resources, flags)
        const bodies = Array.from({ length: count }, (_, i) => JSON.stringify(mailTo(i, users)))
        return { server, dir, send: async clients => await clients.ask('requests', { url: `${url}/messages`, method: 'POST', tokens: [userToken(userName(0))], bodies, inFlight: 64, status: 201 }) }
      }),
      close: async () => {}
    }
  }
}

const perRound = 500

/** Rounds of users who come, and go. The first third is not counted: code, pools, and what a process takes once. */
async function churn (rounds: number, users: number, start: (resources: Resources) => Promise<{ server: Child, url: string, node?: string }>): Promise<Measured> {
  const { measured, close } = await withResources(async resources => {
    const { server, url, node } = await start(resources)
    const clients = await openClients(resources, { url, users: 0 })
    const warmUp = Math.ceil(rounds / 3)
    let before = NaN
    for (let round = 0; round < rounds; round++) {
      if (round === warmUp) before = await server.ask<number>('anonymousBytes')
      const names = Array.from({ length: users }, (_, i) => userName(round * users + i))
      await clients.ask('open', { url, auths: names.map(user => node === undefined ? { user } : { ticket: ticketOf(user, node) }), waitsForReady: node !== undefined, perSecond: 2_000 })
      await clients.ask('closeAll')
    }
    const measured: Measured = { cost: (await server.ask<number>('anonymousBytes') - before) / ((rounds - warmUp) * users) }
    return { measured }
  })
  await close()
  return measured
}

const churned: Row = {
  name: 'churn',
  unit: 'user who came and went',
  costIn: 'bytes',
  ours: 'users connect in rounds of 500, each a new one, and go: the memory that stays of each, not of the file cache',
  baseline: 'bare Socket.IO, each socket in the room of its user',
  // 300 MB after 200,000 users.
  reach: { kind: 'own', atMost: 1_500 },
  isFreshEachTurn: true,
  missing: needsProc,
  prepare: async (size): Promise<Contest> => {
    const rounds = sized(size, 40, 3)
    const users = populated(size, perRound, 8)
    return {
      ours: async () => await churn(rounds, users, async resources => {
        const { server, node } = await startGatepost(resources, flags)
        return { server, url: node.url, node: node.id }
      }),
      baseline: async () => await churn(rounds, users, async resources => await startSocketIo(resources, undefined, flags)),
      close: async () => {}
    }
  }
}

export const growthRows: readonly Row[] = [stored, churned]
