/** What a node pays for traffic that is not for its users. */
import { setTimeout as pause } from 'node:timers/promises'
import { connect } from 'nats'
import { needsNats, startNats } from '../backends.js'
import { startChild, type Child } from '../child.js'
import { cpuDuring } from '../cpu.js'
import { draft, storedText, userName } from '../message.js'
import { createSubjects, lifeToken, streamToken } from '../../../shared/contract/subjects.js'
import { userStream, type NodeId } from '../../../shared/contract/names.js'
import { withResources } from '../resources.js'
import { sized, type Measured, type Row } from '../row.js'

const perTurn = 500
const strangers = 5_000
const pollMs = 5

export const dropForeign: Row = {
  name: 'drop-foreign',
  unit: 'broadcast',
  ours: 'a node that drops the broadcast of an entry for a user who is elsewhere',
  baseline: 'the NATS client alone, dropping by subject',
  reach: { kind: 'cost', atMost: 1.5 },
  missing: needsNats,
  prepare: async size => await withResources(async resources => {
    const count = sized(size, 400_000, 1_000)
    const nats = resources.add(await startNats())
    const publisher = await connect({ servers: nats.url })
    resources.add({ close: async () => { await publisher.close() } })
    const dir = await resources.tempDir()
    const node = resources.add(await startChild('./servers/core-child.ts'))
    await node.ask('start', { dir, nodeId: 'n1', natsUrl: nats.url, natsPrefix: 'ours' })
    const bare = resources.add(await startChild('./servers/nats-drop-child.ts'))
    await bare.ask('start', { natsUrl: nats.url, subject: 'bare.push.*.*' })
    const life = lifeToken('n2' as NodeId, Date.now())
    const payload = Buffer.from(`${JSON.stringify({ key: 'x'.repeat(40), seq: 1, id: 'x'.repeat(28) })}\n${storedText(draft({ user: userName(0) }, 0), 0, 0)}`)
    const subjectsOf = (prefix: string): string[] => Array.from({ length: strangers }, (_, i) => createSubjects(prefix).pushStem(life) + streamToken(userStream(userName(i))))

    /** Not faster than they are taken: what piles up would be dropped by the server, not by the client. */
    async function publish (subjects: readonly string[], taken: () => Promise<number>): Promise<void> {
      const before = await taken()
      for (let sent = 0; sent < count;) {
        const end = Math.min(count, sent + 20 * perTurn)
        while (sent < end) {
          for (let i = 0; i < perTurn && sent < end; i++) publisher.publish(subjects[sent++ % subjects.length]!, payload)
          await new Promise(resolve => setImmediate(resolve))
        }
        await publisher.flush()
        while (await taken() - before < sent) await pause(pollMs)
      }
    }
    const ourSubjects = subjectsOf('ours')
    const bareSubjects = subjectsOf('bare')
    const measure = async (server: Child, subjects: readonly string[], question: string): Promise<Measured> => {
      const { micros } = await cpuDuring([server], [], async () => { await publish(subjects, async () => await server.ask<number>(question)) })
      return { cost: micros / count }
    }
    return {
      servers: [node],
      ours: async () => await measure(node, ourSubjects, 'arrived'),
      baseline: async () => await measure(bare, bareSubjects, 'dropped')
    }
  })
}
