/** What the build after this one will write, in the form after this one: each reader refuses it by name, and reads what has no form. */
import { open } from 'lmdb'
import { join } from 'node:path'
import t from 'tap'
import { readHeartbeat, writeHeartbeat } from '../../services/dispatch/heartbeat.js'
import { createInProcessBus } from '../../services/dispatch/buses/in-process-bus.js'
import { faultOfStart } from '../../services/cli/start-faults.js'
import { currentForm } from '../../shared/contract/form.js'
import { createNewerFormLog } from '../../shared/platform/newer-form-log.js'
import { createHs256Signer } from '../../shared/platform/identity/hs256.js'
import { ticketAudience } from '../../shared/contract/claims.js'
import { createTicketVerifier } from '../../shared/platform/identity/ticket.js'
import { docEncoding, keyEncoder, packDoc, purgeAtOf, unpackDoc, versionOf } from '../../shared/store/lmdb-encoding.js'
import { newestFolderForm, NewerDataError } from '../../shared/store/lmdb-form.js'
import { openLmdbStore } from '../../shared/store/lmdb-store.js'
import { fromBson, toBson, type BsonDoc } from '../../shared/store/mongodb-document.js'
import type { StoredDoc } from '../../shared/store/store.js'
import { idleLoad, startTestNode } from '../helpers/dispatch-nodes.js'
import { openTestLmdb } from '../helpers/lmdb-store.js'
import { until } from '../helpers/until.js'

const nextForm = currentForm + 1
const refusal = { code: 'GP_STORE_UNAVAILABLE', message: /form/ }

t.test('forms - a document in MongoDB has one, and only there', async t => {
  const doc: StoredDoc = { key: 'k', v: 3, purgeAt: 1000 }
  const bson = toBson(doc)
  t.equal(bson.f, currentForm)
  t.strictSame(fromBson(bson), doc)
  const { f, ...former } = bson
  t.strictSame(fromBson(former as BsonDoc), doc, 'without: form 1')
  for (const unknown of [nextForm, 99, 'x', null, 0]) t.throws(() => fromBson({ ...bson, f: unknown as number }), refusal)
})

t.test('forms - an LMDB document of a shape that is not known is refused; its version and end are known', async t => {
  t.strictSame(unpackDoc('k', packDoc({ key: 'k', v: 1, purgeAt: null, text: 'x' } as StoredDoc, newestFolderForm)), { key: 'k', v: 1, purgeAt: null, text: 'x' })
  const later = [9, 7, 5000, 'whatever'] as const
  t.throws(() => unpackDoc('k', later), refusal)
  t.equal(versionOf(later), 7)
  t.equal(purgeAtOf(later), 5000)

  const { dir, ...store } = await openTestLmdb(t)
  await store.insertChains('state', [[{ key: 'mine', v: 0, purgeAt: null, text: '{}' }]])
  await store.close()
  const root = open({ path: join(dir, 'store'), noSubdir: false, maxDbs: 6 })
  await root.openDB({ name: 'state', keyEncoder, ...docEncoding } as never).put('later', later)
  await root.close()
  const again = await openTestLmdb(t, { dir })
  await t.rejects(again.get('state', ['later']), refusal)
  t.match(await again.get('state', ['mine']), [{ text: '{}' }])
  t.ok(again.status().reachable, 'the others can be read')
})

t.test('forms - a data folder has one; of a newer one it says so and is left alone', async t => {
  const laterForm = newestFolderForm + 1
  const { dir, ...store } = await openTestLmdb(t)
  await store.close()
  const formOf = async (change?: unknown): Promise<unknown> => {
    const root = open({ path: join(dir, 'store'), noSubdir: false, maxDbs: 6 })
    if (change !== undefined) await root.put('form', change)
    const form: unknown = root.get('form')
    await root.close()
    return form
  }
  t.equal(await formOf(), newestFolderForm)
  await formOf(laterForm)
  const error = await openLmdbStore({ dir }).then(() => undefined, (error: unknown) => error)
  t.type(error, NewerDataError)
  t.match(faultOfStart(error), { setting: 'GATEPOST_DATA_DIR', got: new RegExp(`form ${laterForm}`) }, 'the start ends with exit code 2 and this line')
  t.equal(await formOf(newestFolderForm), newestFolderForm)
  await (await openLmdbStore({ dir })).close()
})

t.test('forms - a ticket of a newer one is for another node', async t => {
  const secret = 'a secret of at least 32 bytes, for tests'
  const nowSeconds = Math.floor(Date.now() / 1000)
  const sign = createHs256Signer(secret)
  const claims = { aud: ticketAudience, sub: 'ann', node: 'n', iat: nowSeconds, exp: nowSeconds + 60, tokenExp: nowSeconds + 60 }
  const { verify } = createTicketVerifier({ secret, nodeId: 'n' })
  for (const form of [undefined, currentForm]) t.match(verify(sign({ ...claims, form })), { user: 'ann' })
  t.throws(() => verify(sign({ ...claims, form: nextForm })), { code: 'GP_TICKET_WRONG_NODE' })
})

t.test('forms - an announcement of a newer one is passed over, with one line; who sends none is of form 1', async t => {
  const announcement = { id: 'later', url: 'http://later', weight: 1, version: '9', startedAt: 1, state: 'up' as const, load: idleLoad, sent: 0, time: 0 }
  const written = JSON.parse(Buffer.from(writeHeartbeat(announcement)).toString()) as { form: number }
  t.equal(written.form, currentForm)
  t.match(readHeartbeat(Buffer.from(JSON.stringify(announcement))), announcement)
  const later = Buffer.from(JSON.stringify({ form: nextForm, id: 'later', where: 'else' }))
  t.strictSame(readHeartbeat(later), { id: 'later', newerForm: nextForm })

  const hub = createInProcessBus()
  const node = startTestNode(t, { id: 'n', bus: hub.connect('n') })
  const stranger = hub.connect('later')
  for (let i = 0; i < 3; i++) stranger.publish('test.heartbeat.x', later)
  stranger.publish('test.heartbeat.x', writeHeartbeat({ ...announcement, id: 'known' }))
  await until('the one behind them is taken', () => node.dispatch.members().some(({ id }) => id === 'known'))
  t.notOk(node.dispatch.members().some(({ id }) => id === 'later'))
})

t.test('forms - a request of a newer one is refused, a reply of one is none', async t => {
  const hub = createInProcessBus()
  const node = startTestNode(t, { id: 'n', bus: hub.connect('n') })
  node.dispatch.answer('echo', async body => body)
  const stranger = hub.connect('later')
  const asked = async (question: object): Promise<unknown> => JSON.parse(Buffer.from(await stranger.request(`test.ask.${Buffer.from('n').toString('base64url')}`, Buffer.from(JSON.stringify(question)), 1000)).toString())
  t.match(await asked({ kind: 'echo', from: 'x', body: 5 }), { form: currentForm, body: 5 })
  t.match(await asked({ form: currentForm, kind: 'echo', from: 'x', body: 5 }), { body: 5 })
  t.match(await asked({ form: nextForm, kind: 'echo', from: 'x', body: 5 }), { error: { code: 'GP_DISPATCH_UNAVAILABLE', message: new RegExp(`form ${nextForm}`) } })

  stranger.subscribe(`test.ask.${Buffer.from('later').toString('base64url')}`, (_subject, _payload, respond) => { respond?.(Buffer.from(JSON.stringify({ form: nextForm, body: 5 }))) })
  await t.rejects(node.dispatch.ask('later' as typeof node.id, 'echo', 5), { code: 'GP_DISPATCH_UNAVAILABLE', message: new RegExp(`form ${nextForm}`) })
})

t.test('forms - one line for each sender', async t => {
  const lines: object[] = []
  const log = createNewerFormLog({ warn: (fields: object) => { lines.push(fields) } } as never)
  for (const from of ['a', 'b', 'a', 'a']) log(from, 'push', '{')
  t.match(lines, [{ event: 'newer-form', from: 'a', form: '{' }, { from: 'b' }])
  t.equal(lines.length, 2)
})
