/**
 * Bad events, handshakes and packets at the sockets of a live process, on both stores. GATEPOST_TEST_HOSTILE=10000 for the
 * long run, GATEPOST_TEST_SEED for others.
 */
import fc from 'fast-check'
import t from 'tap'
import type { Test } from 'tap'
import { mongodbMissing } from '../helpers/mongodb-server.js'
import { request } from '../helpers/raw-client.js'
import { nowSeconds, resign } from '../helpers/tokens.js'
import { badEvents, badFrames, badHandshakes, eventsOf, faultOfAnswer, faultOfHandshake, type BadEvent } from './bad-events.js'
import { routesOf, type ApiDocument } from './bad-requests.js'
import { bunch, forgedTokens, marker, othersStreams, roundsWanted, seed, startHostileSite, type StoreKind } from './site.js'
import { openLine, type SocketLine } from './socket-wire.js'

const timeoutMs = 480_000 + roundsWanted * 240
t.setTimeout(2 * timeoutMs)
const lines = 10

for (const kind of ['lmdb', 'mongodb'] satisfies StoreKind[]) {
  t.test(`hostile sockets - every event refuses what is bad, tells nothing and stores nothing (${kind})`, { timeout: timeoutMs }, async t => {
    const hostile = await startHostileSite(t, kind)
    if (hostile === undefined) { t.pass(mongodbMissing, { skip: true }); return }
    const { site, mallory: [session, other], othersIds } = hostile
    const { url } = session.node
    const message = routesOf((await request(url, 'GET', '/openapi.json')).body as ApiDocument).find(({ method, path }) => method === 'POST' && path === '/messages')?.body
    if (message === undefined) { t.fail('the document has POST /messages'); return }
    const badTickets = [other.ticket, session.token, site.producerToken(), resign(session.ticket, { exp: nowSeconds() - 1 }, site.secret), ...forgedTokens(session.ticket, site.secret)]
    const badTokens = [session.ticket, site.userToken('victim-one'), site.producerToken('mallory'), ...forgedTokens(session.token, site.secret)]
    const auth = JSON.stringify({ ticket: session.ticket })
    const joined = async (): Promise<SocketLine> => {
      const line = await openLine(url)
      t.teardown(() => { line.close() })
      const first = await line.join(auth)
      if (first?.startsWith('42["ready"') !== true) throw new Error(`not ready: ${first}`)
      return line
    }

    for (const [event, schema] of Object.entries(eventsOf(message))) {
      await t.test(`event ${event}`, { timeout: timeoutMs }, async t => {
        const line = await joined()
        const begun = performance.now()
        await check(t, badEvents(event, schema, { othersIds, othersStreams, badTokens }), bunch, async bads => {
          const faults = (await Promise.all(bads.map(async bad => await askedFor(line, bad)))).filter(fault => fault !== undefined)
          if (faults.length > 0) throw new Error(faults[0])
          const fence = await line.ask('["subscribe",{"topics":[]}]')
          if (fence !== '[{"topics":[]}]') throw new Error(`topics or a connection came of it: ${fence}`)
        })
        t.comment(`${roundsWanted} in ${Math.round(performance.now() - begun)} ms`)
        t.same(line.received.filter(packet => !/^4[02]/.test(packet) || packet.includes(marker) || /^42\["(?:entries|behind)"/.test(packet)), [], 'nothing came that was not asked for')
        line.close()
      })
    }

    await t.test('handshakes', { timeout: timeoutMs }, async t => {
      const begun = performance.now()
      await check(t, badHandshakes(session.ticket, badTickets), lines, async bads => {
        await Promise.all(bads.map(async bad => {
          const line = await openLine(url)
          const packet = await line.join(bad.auth)
          line.close()
          const fault = packet?.includes(marker) === true ? 'it shows what is another\'s' : faultOfHandshake(bad, packet)
          if (fault !== undefined) throw new Error(`${fault}\n${bad.reason}\n${bad.auth.slice(0, 1000)}\n→ ${packet?.slice(0, 1000)}`)
        }))
      })
      t.comment(`${roundsWanted} in ${Math.round(performance.now() - begun)} ms`)
      t.ok(site.isAlive())
    })

    await t.test('packets', { timeout: timeoutMs }, async t => {
      const begun = performance.now()
      // One that is closed is opened again; half of them are no sockets of a user yet.
      const open: Array<SocketLine | undefined> = Array.from({ length: lines })
      await check(t, badFrames, lines, async frames => {
        await Promise.all(frames.map(async (frame, i) => {
          const line = open[i]?.isOpen() === true ? open[i] : await (i % 2 === 0 ? joined() : openLine(url))
          open[i] = line
          line.write(frame)
          await line.read()
          const shown = line.received.find(packet => packet.includes(marker))
          if (shown !== undefined) throw new Error(`it shows what is another's: ${String(frame).slice(0, 200)} → ${shown.slice(0, 500)}`)
          // Every other one stays, to be sent more.
          if (i % 4 < 2) line.close()
        }))
        if (!site.isAlive()) throw new Error('the process has ended')
      })
      for (const line of open) line?.close()
      t.comment(`${roundsWanted} in ${Math.round(performance.now() - begun)} ms`)
    })
    await hostile.finish()
  })
}

async function check<T> (t: Test, one: fc.Arbitrary<T>, size: number, attack: (many: T[]) => Promise<void>): Promise<void> {
  const result = await fc.check(fc.asyncProperty(fc.array(one, { minLength: size, maxLength: size, size: 'max' }), attack), { numRuns: Math.ceil(roundsWanted / size), seed, endOnFailure: true })
  if (result.failed) t.fail(`${result.errorInstance instanceof Error ? result.errorInstance.message : 'failed'} (seed ${result.seed}, ${result.counterexamplePath})`)
}

/** What is wrong with what came of it. */
async function askedFor (line: SocketLine, bad: BadEvent): Promise<string | undefined> {
  if (!bad.hasAck) { line.write(...(bad.attachments === undefined ? [`42${bad.args}`] : [`45${bad.attachments.length}-${bad.args}`, ...bad.attachments])); return undefined }
  const answer = await line.ask(bad.args, bad.attachments)
  const fault = answer === undefined ? 'the connection was closed' : answer.includes(marker) ? 'it shows what is another\'s' : faultOfAnswer(bad, answer)
  return fault === undefined ? undefined : `${fault}\n${bad.reason}\n${bad.args.slice(0, 1000)}\n→ ${answer?.slice(0, 1000)}`
}
