/** What a message carries besides its text: where it leads, what can be chosen, and who is shown as its sender. */
import t, { type Test } from 'tap'
import { startDeployment } from '../helpers/deployment.js'
import { assign, assignBoth, openSocket, producerOf, refused, refusedAck, type Answer, type Entry, type Session } from '../helpers/raw-client.js'

const site = await startDeployment(t)
const shop = producerOf(site)
const actions = [{ id: 'approve', label: 'Approve' }, { id: 'look', label: '看一看 👀', url: 'https://shop.example/orders/7?a=1#b' }, { id: 'no/thanks?', label: 'No', url: '/no' }]
const carried = { url: '/orders/7', actions }
const nothing = { url: null, actions: null, acted: null }
const shopAsSent = { name: 'Blåhaj & "Sons"', picture: 'https://cdn.example/},"to":{.png' }
const withProfile = async (user: string, claims: Record<string, unknown>): Promise<Session> => await assign(site, user, { token: site.userToken(user, claims) })
const act = async (session: Session, id: string, action: string) => await session.call('POST', `/messages/${id}/actions/${encodeURIComponent(action)}`, { body: {} })
function refusedField (t: Test, answer: Answer, field: string): void {
  refused(t, answer, 400, 'GP_VALIDATION', field)
  t.match(answer.body.message, `${field}: got `)
}
const shownFields = ({ from, url, actions, acted }: Entry): object => ({ from, url, actions, acted })

t.test('carried - by a mail, over REST and the socket: in both streams, pushed, listed, replayed', async t => {
  const ann = await withProfile('c-ann', { name: 'Ann Å. 李', picture: '/pictures/ann.png' })
  const [bob, other] = await assignBoth(site, 'c-bob')
  const [device, away] = [await openSocket(t, other), await openSocket(t, ann)]
  const from = { user: 'c-ann', name: 'Ann Å. 李', picture: '/pictures/ann.png' }
  const { id } = await ann.send({ to: { user: 'c-bob' }, title: 'by REST', ...carried })
  const bySocket = await away.ask('send', { to: { users: ['c-bob', 'c-cleo'] }, title: 'by socket', url: 'HTTP://example.com' })
  const pushed = await device.message('by REST')
  t.same(shownFields(pushed), { from, ...carried, acted: null })
  t.match(pushed, { title: 'by REST', body: null, data: null, boxes: ['inbox'], read: false, to: { user: 'c-bob' } })
  t.same(shownFields(await device.message('by socket')), { from, url: 'HTTP://example.com', actions: null, acted: null })
  t.same(shownFields(await away.message('by REST')), { from, ...carried, acted: null }, "the sender's own copy")
  t.same(shownFields(await bob.get(`/messages/${id}`)), { from, ...carried, acted: null })
  t.same((await bob.list()).map(shownFields), [{ from, url: 'HTTP://example.com', actions: null, acted: null }, { from, ...carried, acted: null }])
  t.same((await ann.list('box=sent')).map(({ id }) => id), [bySocket.id, id])
  const { entries } = await device.ask('sync', { cursors: { 'u:c-bob': 0 } })
  t.same(entries.map(shownFields), [{ from, ...carried, acted: null }, { from, url: 'HTTP://example.com', actions: null, acted: null }])
})

t.test('carried - what was not sent is null, in every kind of stream and in what is never stored', async t => {
  const ann = await assign(site, 'n-ann')
  const device = await openSocket(t, ann, { topics: ['n:topic'] })
  await shop.join('n-group', 'n-ann')
  for (const to of [{ user: 'n-ann' }, { group: 'n-group' }, { all: true }]) await shop.send({ to, title: `n ${JSON.stringify(to)}` })
  await shop.send({ to: { topic: 'n:topic' }, title: 'n topic' })
  await ann.send({ to: { user: 'n-ann' }, title: 'n myself' })
  for (const title of ['n {"user":"n-ann"}', 'n {"group":"n-group"}', 'n {"all":true}', 'n topic']) {
    t.same(shownFields(await device.message(title)), { from: { producer: 'shop', name: null, picture: null }, ...nothing }, title)
  }
  t.same(shownFields(await device.message('n myself')), { from: { user: 'n-ann', name: null, picture: null }, ...nothing })
  t.ok((await ann.list()).every(message => message.url === null && message.actions === null && message.acted === null && message.from.name === null && message.from.picture === null))
})

t.test('carried - by system messages: a sender for the producer, to a user, a group, all and a topic, alone and in a batch', async t => {
  const [ann, other] = await assignBoth(site, 's-ann')
  const device = await openSocket(t, other, { topics: ['s:topic'] })
  await shop.join('s-group', 's-ann')
  const from = { producer: 'shop', ...shopAsSent }
  const targets = [{ user: 's-ann' }, { group: 's-group' }, { all: true }, { topic: 's:topic' }]
  await shop.send({ to: { user: 's-ann' }, title: 's one', ...carried, sender: shopAsSent })
  const results = await shop.sendAll(targets.map(to => ({ to, title: `s ${JSON.stringify(to)}`, ...carried, sender: shopAsSent })))
  t.same(results.map(({ status }) => status), [201, 201, 201, 202])
  for (const title of ['s one', ...targets.map(to => `s ${JSON.stringify(to)}`)]) t.same(shownFields(await device.message(title)), { from, ...carried, acted: null }, title)
  await shop.send({ to: { user: 's-ann' }, title: 's name', sender: { name: 'Shop' } })
  t.same((await device.message('s name'))['from'], { producer: 'shop', name: 'Shop', picture: null })
  await shop.send({ to: { user: 's-ann' }, title: 's nobody', sender: {}, actions: [] })
  t.match(await device.message('s nobody'), { from: { producer: 'shop', name: null, picture: null }, url: null, actions: [] })
  t.equal((await ann.get(`/messages/${results[0].id}`)).from.name, shopAsSent.name)
})

t.test('carried - an idempotency key stands for all of it', async t => {
  const ann = await assign(site, 'k-ann')
  const message = { to: { user: 'k-bob' }, title: 'k' }
  const { id } = await ann.send({ ...message, ...carried }, 'k')
  const post = async (body: object) => await ann.call('POST', '/messages', { body, headers: { 'idempotency-key': 'k' } })
  t.match(await post({ ...message, ...carried }), { status: 200, body: { id, duplicate: true } })
  for (const other of [message, { ...message, url: '/orders/8', actions }, { ...message, url: '/orders/7' }]) refused(t, await post(other), 409, 'GP_IDEMPOTENCY_CONFLICT', JSON.stringify(other))
  // Another picture in a newer token is the same message.
  const later = await withProfile('k-ann', { name: 'Later' })
  t.match(await later.call('POST', '/messages', { body: { ...message, ...carried }, headers: { 'idempotency-key': 'k' } }), { status: 200, body: { id } })
})

t.test('carried - what is refused, with the name of the field, at every door', async t => {
  const ann = await assign(site, 'r-ann')
  const device = await openSocket(t, ann)
  const badLinks = ['', 'orders/7', '//evil.example', '/\\evil.example', '\\/x', 'javascript:alert(1)', ' javascript:alert(1)', 'JAVASCRIPT:x', 'data:text/html,x', 'ftp://x', 'mailto:a@b.c', 'http:x', 'https:\\\\x', 'https://', 'http://a b/', '/a\nb', '/\tx', 'https://x.example/\u0000', `/${'x'.repeat(2_048)}`, 7, null, {}]
  const one = { id: 'a', label: 'A' }
  const bad: Array<[field: string, more: object]> = [
    ...badLinks.flatMap((link): Array<[string, object]> => [['url', { url: link }], ['actions.0.url', { actions: [{ ...one, url: link }] }]]),
    ['actions', { actions: [one, { ...one, id: 'b' }, { ...one, id: 'c' }, { ...one, id: 'd' }] }],
    ['actions', { actions: 'a' }], ['actions', { actions: null }], ['actions.0', { actions: ['a'] }],
    ['actions.1.id', { actions: [one, one] }], ['actions.0.id', { actions: [{ label: 'A' }] }], ['actions.0.label', { actions: [{ id: 'a' }] }],
    ...['', '.', '..', 'a\u0007', 'x'.repeat(129), 7].map((id): [string, object] => ['actions.0.id', { actions: [{ ...one, id }] }]),
    ...['', ' \u3000', 'a\nb', 'x'.repeat(129), '\ud800', 7].map((label): [string, object] => ['actions.0.label', { actions: [{ ...one, label }] }]),
    ['actions.0.style', { actions: [{ ...one, style: 'primary' }] }]
  ]
  const badSenders: Array<[field: string, more: object]> = [
    ['sender', { sender: 'Shop' }], ['sender.email', { sender: { email: 'a' } }],
    ...['', ' ', 'a\nb', 'x'.repeat(129), 7, null].map((name): [string, object] => ['sender.name', { sender: { name } }]),
    ...badLinks.map((picture): [string, object] => ['sender.picture', { sender: { picture } }])
  ]
  const message = (more: object): object => ({ to: { user: 'r-bob' }, title: 'bad', ...more })
  for (const [field, more] of bad) {
    refusedField(t, await ann.call('POST', '/messages', { body: message(more) }), field)
    const ack = await device.ask('send', message(more))
    refusedAck(t, ack, 'GP_VALIDATION', field)
    t.match(ack.error.message, `${field}: got `)
  }
  for (const [field, more] of [...bad, ...badSenders]) refusedField(t, await shop.call('POST', '/gate/messages', { body: message(more) }), field)
  const results = await shop.sendAll([...bad, ...badSenders].map(([, more]) => message(more)).concat(message({ title: 'good' })))
  t.ok(results.slice(0, -1).every(({ status, code }) => status === 400 && code === 'GP_VALIDATION'))
  t.equal(results.at(-1).status, 201)
  // A user's name and picture are in the token.
  for (const sender of [{ name: 'The bank' }, { picture: '/x' }]) {
    refusedField(t, await ann.call('POST', '/messages', { body: message({ sender }) }), 'sender')
    refusedAck(t, await device.ask('send', message({ sender })), 'GP_VALIDATION', 'sender')
  }
  t.same((await (await assign(site, 'r-bob')).list()).filter(({ stream }) => stream === 'u:r-bob').map(({ title }) => title), ['good'])
})

t.test('carried - the whole message counts to its 64 KiB', async t => {
  const ann = await assign(site, 'z-ann')
  const fits = { to: { user: 'z-bob' }, body: '', url: '/x', actions: [{ id: 'a', label: 'A', url: `/${'x'.repeat(2_000)}` }] }
  const body = 'x'.repeat(64 * 1024 - Buffer.byteLength(JSON.stringify(fits)))
  await ann.send({ ...fits, body })
  refused(t, await ann.call('POST', '/messages', { body: { ...fits, body: `${body}x` } }), 413, 'GP_TOO_LARGE', 'one byte more')
})

t.test('carried - claims of a token that do not fit are passed over', async t => {
  const fits = { name: 'N', picture: 'https://x.example/p' }
  const cases: Array<[claims: Record<string, unknown>, name: string | null, picture: string | null]> = [
    [fits, 'N', fits.picture],
    [{ name: 7, picture: ['x'] }, null, null],
    [{ name: null, picture: null }, null, null],
    [{ name: '', picture: '' }, null, null],
    [{ ...fits, name: 'x'.repeat(129) }, null, fits.picture],
    [{ ...fits, name: 'a\nb' }, null, fits.picture],
    ...['javascript:alert(1)', 'data:image/png;base64,AA', '//x', `https://x.example/${'x'.repeat(2_048)}`].map((picture): [Record<string, unknown>, string, null] => [{ ...fits, picture }, 'N', null])
  ]
  for (const [i, [claims, name, picture]] of cases.entries()) {
    const user = `t-${i}`
    const session = await withProfile(user, claims)
    const { id } = await session.send({ to: { user }, title: 't' })
    t.same((await session.get(`/messages/${id}`)).from, { user, name, picture }, JSON.stringify(claims).slice(0, 60))
  }
})

t.test('carried - a token that a socket is refreshed with has the say', async t => {
  const ann = await withProfile('f-ann', { name: 'Before' })
  const device = await openSocket(t, ann)
  await device.ask('refresh', { token: site.userToken('f-ann', { name: 'After' }) })
  await device.ask('send', { to: { user: 'f-ann' }, title: 'f' })
  t.equal((await device.message('f'))['from'].name, 'After')
})

t.test('actions - chosen once, at once on all devices, also on one that was away', async t => {
  const [one, two] = await assignBoth(site, 'a-ann')
  const devices = [await openSocket(t, one), await openSocket(t, two)]
  const { id } = await shop.send({ to: { user: 'a-ann' }, title: 'a', category: 'orders', ...carried })
  const chosen = await act(one, id, 'no/thanks?')
  t.equal(chosen.status, 200)
  t.match(chosen.body, { id, type: 'message', title: 'a', acted: 'no/thanks?', url: carried.url, read: false })
  for (const device of devices) t.match(await device.change(entry => entry['acted'] !== undefined), { type: 'change', stream: 'u:a-ann', ids: [id], acted: 'no/thanks?' })
  t.match(await act(two, id, 'no/thanks?'), { status: 200, body: { acted: 'no/thanks?' } }, 'the same again')
  for (const action of ['approve', 'nothing']) refused(t, await act(two, id, action), 409, 'GP_CONFLICT', action)
  t.equal((await two.get(`/messages/${id}`)).acted, 'no/thanks?')
  t.equal((await two.list())[0].acted, 'no/thanks?')
  t.equal((await two.get('/messages/unread')).byCategory.orders, 1, 'to choose is not to read')
  await one.patch(id, { read: true, archived: true })
  t.match(await one.patch(id, { read: false, archived: false }), { acted: 'no/thanks?' })
  const back = await openSocket(t, one, { cursors: { 'u:a-ann': 0, all: Number.MAX_SAFE_INTEGER } })
  t.match(await back.message('a'), { acted: 'no/thanks?' })
  t.match(await back.change(entry => entry['acted'] !== undefined), { ids: [id], acted: 'no/thanks?' })
  t.equal(devices[0]!.entries.filter(entry => entry['acted'] !== undefined && entry.type === 'change').length, 1, 'one change')
})

t.test('actions - of a group and of all: each receiver its own', async t => {
  for (const user of ['g-ann', 'g-bob']) await shop.join('g-group', user)
  const [ann, bob] = [await assign(site, 'g-ann'), await assign(site, 'g-bob')]
  for (const to of [{ group: 'g-group' }, { all: true }]) {
    const { id } = await shop.send({ to, title: 'g', ...carried })
    t.match(await act(ann, id, 'approve'), { status: 200, body: { acted: 'approve' } })
    t.equal((await bob.get(`/messages/${id}`)).acted, null)
    t.match(await act(bob, id, 'look'), { status: 200, body: { acted: 'look' } })
    t.equal((await ann.get(`/messages/${id}`)).acted, 'approve')
  }
  const { id } = await ann.send({ to: { group: 'g-group' }, title: 'g mail', ...carried })
  refused(t, await act(ann, id, 'approve'), 404, 'GP_NOT_FOUND', 'the sender did not receive it')
  t.match(await act(bob, id, 'approve'), { status: 200, body: { acted: 'approve' } })
})

t.test('actions - many at the same moment, on two nodes: one is chosen, whoever asks', async t => {
  const [one, two] = await assignBoth(site, 'm-ann')
  const { id } = await shop.send({ to: { user: 'm-ann' }, title: 'm', ...carried })
  const answers = await Promise.all(Array.from({ length: 12 }, async (_, i) => await act(i % 2 === 0 ? one : two, id, actions[i % 3]!.id)))
  const acted = new Set(answers.filter(({ status }) => status === 200).map(({ body }) => body.acted))
  t.equal(acted.size, 1)
  t.equal(answers.filter(({ status }) => status === 200).length, 4)
  for (const answer of answers.filter(({ status }) => status !== 200)) refused(t, answer, 409, 'GP_CONFLICT', 'another one')
  t.ok(acted.has((await two.get(`/messages/${id}`)).acted))
  const log = await openSocket(t, one, { cursors: { 'u:m-ann': 0, all: Number.MAX_SAFE_INTEGER } })
  await log.change(entry => entry['acted'] !== undefined)
  t.same([...new Set(log.entries.flatMap(entry => entry.type === 'change' ? [entry['acted']] : []))], [...acted])
})

t.test('actions - what cannot be chosen', async t => {
  const [ann, bob] = [await assign(site, 'x-ann'), await assign(site, 'x-bob')]
  const plain = await shop.send({ to: { user: 'x-ann' }, title: 'x' })
  const { id } = await shop.send({ to: { user: 'x-ann' }, title: 'x', ...carried })
  refused(t, await act(ann, plain.id, 'approve'), 404, 'GP_NOT_FOUND', 'a message without actions')
  refused(t, await act(ann, id, 'nothing'), 404, 'GP_NOT_FOUND', 'no such action')
  refused(t, await act(bob, id, 'approve'), 404, 'GP_NOT_FOUND', "another's message")
  refused(t, await act(ann, 'nothing', 'approve'), 404, 'GP_NOT_FOUND', 'no such message')
  refused(t, await ann.call('POST', `/messages/${id}/actions/approve`, { body: { why: 'x' } }), 400, 'GP_VALIDATION', 'a body with fields')
  refused(t, await ann.call('POST', `/messages/${id}/actions/${encodeURIComponent('a\u0007')}`, { body: {} }), 400, 'GP_VALIDATION', 'no id of an action')
  t.equal((await ann.call('POST', `/messages/${id}/actions/approve`)).status, 200, 'no body is as good as {}')
  t.equal((await ann.call('DELETE', `/messages/${id}`)).status, 204)
  refused(t, await act(ann, id, 'approve'), 404, 'GP_NOT_FOUND', 'deleted')
})

t.test('recall - takes it all', async t => {
  const ann = await withProfile('q-ann', { name: 'Ann' })
  const bob = await assign(site, 'q-bob')
  const { id } = await ann.send({ to: { user: 'q-bob' }, title: 'q', ...carried })
  await act(bob, id, 'approve')
  t.equal((await ann.call('POST', `/messages/${id}/recall`)).status, 200)
  const device = await openSocket(t, bob, { cursors: { 'u:q-bob': 0, all: Number.MAX_SAFE_INTEGER } })
  const entry = await device.message(entry => entry['id'] === id)
  for (const message of [await ann.get(`/messages/${id}`), await bob.get(`/messages/${id}`), entry]) {
    t.match(message, { recalled: true, title: null, url: null, actions: null, from: { user: 'q-ann', name: null, picture: null } })
  }
  const second = await ann.send({ to: { user: 'q-bob' }, title: 'q', ...carried })
  t.equal((await ann.call('POST', `/messages/${second.id}/recall`)).status, 200)
  refused(t, await act(bob, second.id, 'approve'), 404, 'GP_NOT_FOUND', 'recalled')
})
