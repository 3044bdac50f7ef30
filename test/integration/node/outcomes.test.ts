/** What a node answers when its store refuses a write, or does not say what became of it: 503 surely not stored, 504 perhaps. */
import t, { type Test } from 'tap'
import type { ChainOutcome, ReplaceOutcome, Store } from '../../../shared/store/store.js'
import { signTicket } from '../../../shared/platform/identity/sign.js'
import { GatepostError } from '../../../shared/contract/errors.js'
import { createClock, createMessageId } from '../../../shared/contract/clock.js'
import type { NodeId } from '../../../shared/contract/names.js'
import { writeHeartbeat } from '../../../services/dispatch/heartbeat.js'
import { createSubjects } from '../../../shared/contract/subjects.js'
import { appendRules } from '../../../services/notifications/log/appender.js'
import { idleLoad } from '../../helpers/dispatch-nodes.js'
import { startNodes } from '../../helpers/in-process-nodes.js'
import { openSocket, refused, refusedAck, sessionOf, type Session } from '../../helpers/raw-client.js'
import { until } from '../../helpers/until.js'

interface Faults {
  /** What becomes of writes: after `unsaid`, which is done, nobody can be asked any more. */
  insert?: 'refused' | 'unsaid'
  replace?: Partial<Record<'entries' | 'state' | 'claims', 'refused'>>
  read?: boolean
  /** Awaited once, when somebody has looked for a key and not been told yet. */
  afterLook?: () => Promise<unknown>
}

async function start (t: Test, names: readonly string[] = ['n1']) {
  const faults: Faults = {}
  const checkReads = (): void => {
    if (faults.read === true) throw new GatepostError('GP_STORE_UNAVAILABLE', 'the store cannot be read')
  }
  const insertEntries = async (chains: readonly unknown[], insert: () => Promise<ChainOutcome[]>): Promise<ChainOutcome[]> => {
    if (faults.insert === undefined) return await insert()
    if (faults.insert === 'unsaid') {
      await insert()
      faults.read = true
    }
    return chains.map(() => ({ stored: 0, stopped: faults.insert === 'unsaid' ? 'unknown' : 'refused' }))
  }
  const through = (store: Store): Store => ({
    ...store,
    get: async (...args) => {
      checkReads()
      const docs = await store.get(...args)
      const { afterLook } = faults
      if (args[0] === 'claims' && afterLook !== undefined) {
        delete faults.afterLook
        await afterLook()
      }
      return docs
    },
    exist: async (...args) => { checkReads(); return await store.exist(...args) },
    range: async (...args) => { checkReads(); return await store.range(...args) },
    lasts: async (...args) => { checkReads(); return await store.lasts(...args) },
    insertChains: async (collection, chains) => {
      const insert = async (): Promise<ChainOutcome[]> => await store.insertChains(collection, chains)
      return collection === 'entries' ? await insertEntries(chains, insert) : await insert()
    },
    insertClaimed: async (chains, claims) => faults.replace?.claims === undefined
      ? await insertEntries(chains, async () => await store.insertClaimed!(chains, claims))
      : chains.map(() => ({ stored: 0, stopped: 'refused' })),
    replace: async (collection, replacements) => faults.replace?.[collection] === undefined
      ? await store.replace(collection, replacements)
      : replacements.map((): ReplaceOutcome => 'refused')
  })
  const site = await startNodes(t, names, { through, rules: { ...appendRules, giveUpMs: 100 } })
  const mend = (): void => { delete faults.insert; delete faults.replace; delete faults.read }
  return { ...site, faults, mend }
}

const titles = async (session: Session): Promise<string[]> => (await session.get('/messages?limit=200')).messages.map((message: { title: string }) => message.title)

t.test('outcomes - mail: 503 is not there, 504 may be, and the same key finds it', async t => {
  const { session, faults, mend } = await start(t)
  const [ann, bob] = [session('ann', 'n1'), session('bob', 'n1')]
  const device = await openSocket(t, ann)
  const post = async (title: string, key?: string) => await ann.call('POST', '/messages', { body: { to: { user: 'bob' }, title }, ...key !== undefined && { headers: { 'idempotency-key': key } } })

  faults.insert = 'refused'
  refused(t, await post('a'), 503, 'GP_STORE_UNAVAILABLE', 'refused by the store')
  refusedAck(t, await device.ask('send', { to: { user: 'bob' }, title: 'b' }), 'GP_STORE_UNAVAILABLE', 'over the socket too')
  mend()
  faults.replace = { claims: 'refused' }
  refused(t, await post('c', 'key c'), 503, 'GP_STORE_UNAVAILABLE', 'refused before it was tried')
  mend()
  t.same(await titles(bob), [])

  mend()
  faults.insert = 'unsaid'
  const unsaid = await post('d', 'key d')
  refused(t, unsaid, 504, 'GP_OUTCOME_UNKNOWN', 'stored, and not said to be')
  t.match(unsaid.body.message, /Idempotency-Key/)
  mend()
  // A chain pauses after a failure, here for longer than an entry is tried.
  const again = await until('d is repeated until it is found', async () => { const answer = await post('d', 'key d'); return answer.status === 200 && answer })
  t.match(again, { status: 200, body: { duplicate: true } })
  faults.insert = 'unsaid'
  const lost = await device.ask('send', { to: { user: 'bob' }, title: 'e', idempotencyKey: 'key e' })
  refusedAck(t, lost, 'GP_OUTCOME_UNKNOWN', 'over the socket too')
  mend()
  const found = await until('e is repeated until it is found', async () => {
    const answer = await device.ask('send', { to: { user: 'bob' }, title: 'e', idempotencyKey: 'key e' })
    return answer.error === undefined && answer
  })
  t.match(found, { duplicate: true })
  t.same((await titles(bob)).sort(), ['d', 'e'], 'each once')
})

t.test('outcomes - a key that was used before: while nobody can look, it may be stored', async t => {
  const { session, faults, mend } = await start(t, ['n1', 'n2'])
  const post = async (node: string) => await session('ann', node).call('POST', '/messages', { body: { to: { user: 'bob' }, title: 'x' }, headers: { 'idempotency-key': 'k' } })
  faults.insert = 'refused'
  refused(t, await post('n1'), 503, 'GP_STORE_UNAVAILABLE', 'claimed, and not stored')
  refused(t, await post('n2'), 504, 'GP_OUTCOME_UNKNOWN', 'the first one under this key may have stored it')
  mend()
  const again = await until('repeated until it is stored', async () => { const answer = await post('n2'); return answer.status === 200 ? answer : undefined })
  t.match(again.body, { duplicate: true })
  t.same(await titles(session('bob', 'n1')), ['x'])
})

t.test('outcomes - a key that another request claims meanwhile: a refusal does not say of its message that it is not there', async t => {
  const { session, faults, mend } = await start(t)
  const post = async (title: string, key: string) => await session('ann', 'n1').call('POST', '/messages', { body: { to: { user: 'bob' }, title }, headers: { 'idempotency-key': key } })
  // Until the node knows that it is alone it does not store a key together with its message.
  let hasLooked = false
  let tries = 0
  await until('a key is looked for before its message is stored', async () => {
    faults.afterLook = async () => { hasLooked = true }
    await post('before', `try ${++tries}`)
    return hasLooked
  })
  for (const [key, title] of [['same', 'same'], ['other', 'another one']] as const) {
    faults.afterLook = async () => {
      t.equal((await post(key, key)).status, 201)
      faults.insert = 'refused'
    }
    const late = await post(title, key)
    if (title === key) refused(t, late, 504, 'GP_OUTCOME_UNKNOWN', 'the first one has stored it')
    else refused(t, late, 409, 'GP_IDEMPOTENCY_CONFLICT', 'the first one said something else')
    mend()
    await until('it is found', async () => (await post(key, key)).status === 200)
  }
  t.same((await titles(session('bob', 'n1'))).filter(title => title !== 'before').sort(), ['other', 'same'])
})

t.test('outcomes - marks, recalls and members: half done is 504, and the same again completes it', async t => {
  const { session, faults, mend } = await start(t)
  const [ann, bob] = [session('ann', 'n1'), session('bob', 'n1')]
  const ids: string[] = []
  for (const title of ['a', 'b', 'c']) ids.push((await ann.call('POST', '/messages', { body: { to: { user: 'bob' }, title } })).body.id)
  const device = await openSocket(t, bob)

  const marks: Array<[string, () => Promise<any>]> = [
    ['PATCH', async () => await bob.call('PATCH', `/messages/${ids[0]}`, { body: { read: true } })],
    ['POST read', async () => await bob.call('POST', '/messages/read', { body: {} })],
    ['DELETE', async () => await bob.call('DELETE', `/messages/${ids[2]}`)]
  ]
  for (const [what, mark] of marks) {
    faults.insert = 'refused'
    refused(t, await mark(), 503, 'GP_STORE_UNAVAILABLE', `${what}: nothing is stored`)
    mend()
    faults.replace = { state: 'refused' }
    refused(t, await mark(), 504, 'GP_OUTCOME_UNKNOWN', `${what}: the change is stored, its fold is not`)
    mend()
    const { status } = await mark()
    t.ok(status === 200 || status === 204 || (what === 'DELETE' && status === 404), `${what}: again`, { status })
  }
  faults.replace = { state: 'refused' }
  refusedAck(t, await device.ask('read', { ids: [ids[1]] }).then((answer: any) => answer.error === undefined ? { error: { code: 'GP_OUTCOME_UNKNOWN', message: 'read before' } } : answer), 'GP_OUTCOME_UNKNOWN', 'the socket has the same code')
  mend()

  faults.replace = { entries: 'refused' }
  refused(t, await ann.call('POST', `/messages/${ids[1]}/recall`), 504, 'GP_OUTCOME_UNKNOWN', 'said, and not erased')
  mend()
  t.match(await ann.call('POST', `/messages/${ids[1]}/recall`), { status: 200, body: { recalled: true, title: null } })
  t.match(await bob.call('GET', `/messages/${ids[1]}`), { status: 200, body: { recalled: true, title: null } })
})

t.test('outcomes - a read is never in doubt, though its ticket brings new groups', async t => {
  const { session, nodes, faults, mend } = await start(t)
  const bare = session('ann', 'n1')
  const { ticket } = signTicket({ secret: 'a secret of at least 32 bytes, for tests', user: 'ann', node: 'n1', groups: ['staff'], userTokenExpiresAt: Date.now() + 600_000, userTokenIssuedAt: Date.now() })
  const ann = sessionOf('ann', '', { id: 'n1', url: nodes['n1']!.url }, ticket, bare.expiresAt)
  faults.insert = 'unsaid'
  refused(t, await ann.call('GET', '/messages'), 503, 'GP_STORE_UNAVAILABLE', 'the groups are not known to be joined')
  mend()
  t.equal((await ann.call('GET', '/messages')).status, 200)
})

t.test('outcomes - a volatile message that is refused refuses nothing that came with it', async t => {
  const { session, hub } = await start(t, ['n1', 'n2'])
  const device = await openSocket(t, session('ann', 'n1'))
  hub.disconnect('n1')
  const [mail, volatile] = await Promise.all([
    device.ask('send', { to: { user: 'bob' }, title: 'kept' }),
    device.ask('send', { to: { user: 'bob' }, title: 'passing', volatile: true })
  ])
  t.match(mail, { id: String, duplicate: false })
  refusedAck(t, volatile, 'GP_DISPATCH_UNAVAILABLE', 'not handed on')
  hub.reconnect('n1')
  await until('stored', async () => (await titles(session('bob', 'n1'))).includes('kept'))
})

t.test('outcomes - a message larger than the bus takes is stored, answered, and read from the store elsewhere', async t => {
  const { session, userOf } = await startNodes(t, ['n1', 'n2'], { maxPayloadBytes: 16 * 1024 })
  const [ann, bob] = [userOf('n1', 'ann'), userOf('n2', 'bob')]
  const device = await openSocket(t, session(bob, 'n2'))
  const body = 'x'.repeat(40_000)
  t.equal((await session(ann, 'n1').call('POST', '/messages', { body: { to: { user: bob }, title: 'large', body } })).status, 201)
  t.equal((await device.message('large', 10_000))['body'], body)
})

t.test('outcomes - a Gate of version 0.1 gets an unknown outcome with the code and the words that it knows', async t => {
  const { hub, faults, mend } = await start(t)
  const subjects = createSubjects('test')
  // As version 0.1 does it: unsigned, and without a form.
  const old = hub.connect('old')
  const beat = setInterval(() => { old.publish(subjects.heartbeat('old' as NodeId), writeHeartbeat({ id: 'old', url: 'http://old', weight: 1, version: '0.1.0', startedAt: 1, state: 'up', load: idleLoad, sent: 0, time: 0 })) }, 50)
  t.teardown(() => { clearInterval(beat) })
  const ask = async (kind: string, body: object): Promise<any> => {
    const answer = await old.request(subjects.ask('n1' as NodeId), Buffer.from(JSON.stringify({ kind, from: 'gate', body })), 5_000)
    return JSON.parse(Buffer.from(answer).toString())
  }
  await until('it is believed', async () => (await ask('presence', { user: 'ann' })).body !== undefined)

  const message = { to: { user: 'ann' }, title: 'a', body: null, data: null, category: 'general', volatile: false }
  const handed = { sender: 'p:shop', messages: [{ id: createMessageId(createClock().tick(), undefined), message }] }
  faults.insert = 'unsaid'
  const { body } = await ask('append-messages', handed)
  t.match(body.results, [{ status: 503, code: 'GP_STORE_UNAVAILABLE', message: /^the store did not say/ }])
  t.match(await ask('join-group', { group: 'staff', user: 'ann' }), { error: { code: 'GP_STORE_UNAVAILABLE' } })
  mend()
  t.match((await ask('append-messages', handed)).body.results, [{ status: 201, id: handed.messages[0]?.id }], 'the same again finds it')
})
