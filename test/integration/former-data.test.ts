/** A data folder of the version before: this build goes on with it, and the version before can go on with what this build left. */
import t from 'tap'
import { bin, runGatepost, tempDir, tokensOf, type GatepostProcess } from '../helpers/deployment.js'
import { findFormerBuild, formerMissing } from '../helpers/former-build.js'
import { assign, producerOf, type Session } from '../helpers/raw-client.js'

const former = await findFormerBuild()
t.setTimeout(600_000)

const secret = 'a secret of this test: 6b1f0c9d27e84a35'
const users = ['ann', 'bob', 'cleo']

interface Site { readonly process: GatepostProcess, readonly gate: string }

/** All that a user can see, as the version before shows it: without what that one does not know. */
async function seen (session: Session): Promise<object> {
  const [inbox, sent, archived] = await Promise.all(['inbox', 'sent', 'archived'].map(async box => (await session.list(`box=${box}`)).map(({ url, actions, acted, from: { name, picture, ...from }, ...known }) => ({ ...known, from }))))
  return { inbox, sent, archived, unread: await session.get('/messages/unread') }
}

t.test('data folder - written by the version before, then by this build, then read by the version before', { skip: former === undefined ? formerMissing : false }, async t => {
  const cwd = await tempDir(t)
  const tokens = tokensOf(secret)
  const start = async (program: string): Promise<Site> => {
    const process = runGatepost(['up', '--port', '0', '--nodes', '2'], { cwd, program, settings: { GATEPOST_SECRET: secret, GATEPOST_DRAIN: '0' } })
    t.teardown(async () => { if (process.isAlive()) await process.end('SIGKILL') })
    return { process, gate: await process.ready }
  }
  const stop = async ({ process }: Site): Promise<void> => { t.equal(await process.end(), 0) }
  const sessionOf = async ({ gate }: Site, user: string): Promise<Session> => await assign({ gate, ...tokens }, user)
  const everything = async (site: Site): Promise<object[]> => await Promise.all(users.map(async user => await seen(await sessionOf(site, user))))

  let round = 0
  /** A little of everything that is stored: mail, groups, announcements, marks, categories, recalls, an idempotency key. */
  async function use (site: Site): Promise<void> {
    round++
    const shop = producerOf({ gate: site.gate, ...tokens })
    const [ann, bob, cleo] = await Promise.all(users.map(async user => await sessionOf(site, user))) as [Session, Session, Session]
    for (const user of users) await shop.join(`team ${round}`, user)
    if (round > 1) await shop.leave(`team ${round - 1}`, 'cleo')
    const mails = []
    for (let i = 0; i < 20; i++) mails.push(await ann.send({ to: { users: ['bob', 'cleo'] }, title: `${round} mail ${i}`, body: 'é'.repeat(i), category: i % 2 === 0 ? 'even' : 'odd' }, `key ${round} ${i}`))
    const team = await bob.send({ to: { group: `team ${round}` }, title: `${round} to the team`, data: { round } })
    await shop.send({ to: { all: true }, title: `${round} to all`, ttl: 100_000 })
    await shop.send({ to: { user: 'bob' }, title: `${round} from the shop` }, `shop ${round}`)
    await bob.patch(mails[3].id, { read: true })
    await bob.patch(mails[4].id, { archived: true })
    await cleo.patch(team.id, { read: true })
    t.equal((await ann.call('POST', `/messages/${mails[5].id}/recall`)).status, 200)
    t.equal((await ann.call('DELETE', `/messages/${mails[6].id}`)).status, 204)
    t.equal((await cleo.call('POST', '/messages/read', { body: { category: 'odd' } })).status, 200)
  }
  /** The keys of an earlier round are still known. */
  async function repeats (site: Site, of: number): Promise<void> {
    const ann = await sessionOf(site, 'ann')
    const again = await ann.call('POST', '/messages', { body: { to: { users: ['bob', 'cleo'] }, title: `${of} mail 7`, body: 'é'.repeat(7), category: 'odd' }, headers: { 'idempotency-key': `key ${of} 7` } })
    t.equal(again.status, 200, `${again.text}`)
    t.equal(again.body.duplicate, true)
  }

  const old = await start(former as string)
  await use(old)
  const byOld = await everything(old)
  await stop(old)

  const current = await start(bin)
  t.strictSame(await everything(current), byOld, 'this build sees what the version before saw')
  await repeats(current, 1)
  await use(current)
  const byCurrent = await everything(current)
  await stop(current)

  const back = await start(former as string)
  t.strictSame(await everything(back), byCurrent, 'the version before sees what this build saw')
  await repeats(back, 1)
  await repeats(back, 2)
  await use(back)
  const byBack = await everything(back)
  await stop(back)

  const last = await start(bin)
  t.strictSame(await everything(last), byBack)
  await stop(last)
})
