import { readFileSync } from 'node:fs'
import t from 'tap'
import { clientDeadlines } from '../../clients/deadlines.js'
import { deadlines, lives } from '../../shared/contract/deadlines.js'
import { parseDurationMs } from '../../shared/platform/settings/duration.js'

const { store, append, handOver, gate, outcomeKeptMs } = deadlines
const unknownMs = append.giveUpMs * append.unknownFactor

/** The left one is longer than the right one, since else … */
const longer: ReadonlyArray<readonly [string, number, string, number, string]> = [
  ['store.commandMs', store.commandMs, 'store.majorityMs', store.majorityMs, 'what the server did not confirm would look like a server that is away'],
  ['store.commandMs', store.commandMs, 'store.selectionMs', store.selectionMs, 'the driver could send a command that was given up'],
  ['store.callMs', store.callMs, 'store.commandMs', store.commandMs, 'no call could send a second command to learn the outcome of the first'],
  ['append.giveUpMs', append.giveUpMs, 'store.callMs', store.callMs, 'an append would be refused at its first try'],
  ['unknownMs', unknownMs, 'append.giveUpMs', append.giveUpMs, 'what may be stored would be called refused'],
  ['unknownMs', unknownMs, 'append.lookAgainMs + store.callMs', append.lookAgainMs + store.callMs, 'the look at the stream would come too late for the one that waits'],
  ['handOver.askMs', handOver.askMs, 'handOver.holdMs', handOver.holdMs, 'an owner that is still at work would look like one that is away'],
  ['outcomeKeptMs', outcomeKeptMs, 'gate.againMs', gate.againMs, 'a question that is put again would be done again'],
  ['outcomeKeptMs', outcomeKeptMs, 'handOver.askMs', handOver.askMs, 'entries that are handed over again would be done again'],
  ['gate.longestMs', gate.longestMs, 'handOver.askMs + unknownMs', handOver.askMs + unknownMs, 'Gate would leave a node that is still at work'],
  ['clients.producerRequestMs', clientDeadlines.producerRequestMs, 'gate.longestMs + gate.againMs', gate.longestMs + gate.againMs, 'a producer would ask again before Gate has answered'],
  ['clients.inboxRequestMs', clientDeadlines.inboxRequestMs, 'handOver.askMs + unknownMs', handOver.askMs + unknownMs, 'an inbox would send again before the node has answered'],
  ['lives.claimMs', lives.claimMs, 'clients.keyLifeMs', clientDeadlines.keyLifeMs, 'a late try could store a message twice'],
  ['lives.headExtendedWithinMs', lives.headExtendedWithinMs, 'lives.headTrustedMs', lives.headTrustedMs, 'a head could be purged while it is believed'],
  ['lives.documentMs', lives.documentMs, 'lives.silentMs', lives.silentMs, 'a socket would miss the end of an entry that was purged'],
  ['lives.documentMs', lives.documentMs, 'lives.claimMs', lives.claimMs, 'a message would be gone while its key still stands for it'],
  ['lives.documentMs', lives.documentMs, 'lives.headExtendedWithinMs', lives.headExtendedWithinMs, 'every head would be prolonged at once'],
  ['lives.landsWithinMs', lives.landsWithinMs, 'gate.longestMs', gate.longestMs, 'what is put again to another node would need a locator each time']
]

t.test('deadlines - who asks waits longer than who is asked', async t => {
  for (const [one, oneMs, other, otherMs, otherwise] of longer) t.ok(oneMs > otherMs, `${one} (${oneMs}) > ${other} (${otherMs}), else ${otherwise}`)
})

t.test('deadlines - docs/times.md shows each as it is', async t => {
  const page = readFileSync(new URL('../../docs/times.md', import.meta.url), 'utf8')
  const shown = new Map([...page.matchAll(/^\| `([\w.]+)` \| ([^|]+?) \|/gm)].map(([, name, value]) => [name!, value!]))
  const all = { ...flat('store', store), ...flat('append', append), ...flat('handOver', handOver), ...flat('gate', gate), outcomeKeptMs, ...flat('lives', lives), ...flat('clients', clientDeadlines) }
  t.strictSame([...shown.keys()].sort(), Object.keys(all).sort())
  for (const [name, value] of Object.entries(all)) t.equal(toMs(shown.get(name)!), value, name)
})

const flat = (group: string, values: Readonly<Record<string, number>>): Record<string, number> => Object.fromEntries(Object.entries(values).map(([name, value]) => [`${group}.${name}`, value]))

/** `7.5 s`, `24 h`, `3` (a factor). */
function toMs (text: string): number {
  const [number = '', unit] = text.split(' ')
  return unit === undefined ? Number(number) : Number(number) * parseDurationMs(`1${unit === 'min' ? 'm' : unit}`)!
}
