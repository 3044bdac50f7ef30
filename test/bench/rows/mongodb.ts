/** The same node on MongoDB and on the embedded store: the CPU of the node alone. Its bytes are those between it and MongoDB. */
import { findMongodb, mongodbMissing, startMongodbServer } from '../../helpers/mongodb-server.js'
import { countMongodbTraffic, sumOf, whyNotCounted } from '../../helpers/mongodb-traffic.js'
import { openClients, producerToken, startGatepost, ticketOf, type GatepostServer } from '../clients.js'
import { startChild, type Child } from '../child.js'
import { cpuDuring } from '../cpu.js'
import { draft, userName } from '../message.js'
import { withResources, type Resources } from '../resources.js'
import { populated, sized, type Measured, type Row } from '../row.js'
import { batchesOf, batchSize, mailTo } from './post.js'

const costAtMost = 1.6

async function missing (): Promise<string | undefined> {
  const found = await findMongodb()
  return found === undefined ? mongodbMissing : found.kind === 'url' ? whyNotCounted(found.url) : undefined
}

interface Load { readonly units: number, readonly run: (turn: number) => Promise<unknown>, /** Before the clock starts. */ readonly before?: (turn: number) => Promise<unknown> }

function compare (row: Pick<Row, 'name' | 'unit' | 'ours' | 'baseline' | 'variantOf'>, prepareLoad: (gatepost: GatepostServer, resources: Resources, size: Parameters<Row['prepare']>[0]) => Promise<Load>): Row {
  return {
    ...row,
    reach: { kind: 'cost', atMost: costAtMost },
    missing,
    prepare: async size => await withResources(async resources => {
      const server = await startMongodbServer({ teardown: close => { resources.add({ close }) } })
      if (server === undefined) throw new Error(mongodbMissing)
      const traffic = resources.add(await countMongodbTraffic(server.url))
      const onMongodb = await startGatepost(resources, undefined, traffic.url)
      const embedded = await startGatepost(resources)
      const [load, other] = [await prepareLoad(onMongodb, resources, size), await prepareLoad(embedded, resources, size)]
      let turns = 0
      const measure = async (of: Child, { units, run, before }: Load): Promise<Measured> => {
        const turn = turns++
        await before?.(turn)
        const from = traffic.passed.length
        const { micros } = await cpuDuring([of], [], async () => await run(turn))
        const { commands, written, read, bytes } = sumOf(traffic.passed.slice(from))
        return { cost: micros / units, ...of === onMongodb.server && { wireBytes: bytes / units, figures: { commands: commands / units, documentsWritten: written / units, documentsRead: read / units } } }
      }
      return {
        servers: [onMongodb.server],
        ...server.isFake && { note: `on ${server.name} ${server.version}, a stand-in: the node's own cost is right, MongoDB's is not seen` },
        ours: async () => await measure(onMongodb.server, load),
        baseline: async () => await measure(embedded.server, other)
      }
    })
  }
}

const mailPost = compare({
  name: 'mongodb-mail-post',
  unit: 'mail',
  ours: 'POST /messages as in mail-post, 64 in flight, on MongoDB: the CPU of the node',
  baseline: 'the same on the embedded store'
}, async ({ node }, resources, size) => {
  const users = populated(size, 200, 8)
  const units = sized(size, 8_000, 40)
  const clients = await openClients(resources, { url: node.url, node: node.id, users })
  const bodies = Array.from({ length: units }, (_, i) => JSON.stringify(mailTo(i, users)))
  const tokens = Array.from({ length: users }, (_, i) => ticketOf(userName(i), node.id))
  return { units, run: async () => await clients.ask('requests', { url: `${node.url}/messages`, method: 'POST', tokens, bodies, inFlight: populated(size, 64, 8), status: 201 }) }
})

const batch = compare({
  name: 'mongodb-batch-64',
  variantOf: 'mongodb-mail-post',
  unit: 'mail',
  ours: 'POST /gate/messages with an array of 64 mails, 4 in flight, on MongoDB: the CPU of Gate and node',
  baseline: 'the same on the embedded store'
}, async ({ gate, node }, resources, size) => {
  const users = populated(size, 200, 8)
  const units = sized(size, 250, 2) * batchSize
  const clients = await openClients(resources, { url: node.url, node: node.id, users })
  return { units, run: async () => await clients.ask('requests', { url: `${gate}/gate/messages`, method: 'POST', tokens: [producerToken()], bodies: batchesOf(units, users), inFlight: 4, status: 207 }) }
})

const missed = 2

const catchUp = compare({
  name: 'mongodb-catch-up',
  unit: 'user',
  ours: '1,000 users whom the node does not know come back at once, 50 at a time; each gets two mails and an announcement: the CPU of the node',
  baseline: 'the same on the embedded store'
}, async ({ gate, node }, resources, size) => {
  const units = populated(size, 1_000, 16)
  const clients = resources.add(await startChild('./load-child.ts', []))
  const post = async (bodies: readonly string[], status: number): Promise<void> => { await clients.ask('requests', { url: `${gate}/gate/messages`, method: 'POST', tokens: [producerToken()], bodies, inFlight: 4, status }) }
  await post([JSON.stringify(draft({ all: true }, 0))], 201)
  /** Other users in each turn, of this many turns. */
  const nameOf = (turn: number, i: number): string => `back-${turn}-${i}`
  return {
    units,
    before: async turn => {
      const mails = Array.from({ length: units * missed }, (_, i) => draft({ user: nameOf(turn, i % units) }, i))
      await post(Array.from({ length: Math.ceil(mails.length / batchSize) }, (_, at) => JSON.stringify(mails.slice(at * batchSize, (at + 1) * batchSize))), 207)
      await clients.ask('reset')
    },
    run: async turn => {
      const auths = Array.from({ length: units }, (_, i) => ({ ticket: ticketOf(nameOf(turn, i), node.id), cursors: { [`u:${nameOf(turn, i)}`]: 0 } }))
      await clients.ask('open', { url: node.url, auths, waitsForReady: true, perSecond: 0 })
      await clients.ask('came', units * (missed + 1))
      await clients.ask('closeAll')
    }
  }
})

export const mongodbRows: readonly Row[] = [mailPost, batch, catchUp]
