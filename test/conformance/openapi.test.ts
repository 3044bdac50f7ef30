import { Validator } from '@seriousme/openapi-schema-validator'
import t, { type Test } from 'tap'
import { Compile } from 'typebox/schema'
import { startDeployment } from '../helpers/deployment.js'
import { assign, openSocket, producerOf, request, type Answer } from '../helpers/raw-client.js'

const site = await startDeployment(t)
const producer = producerOf(site)
const session = await assign(site, 'ada')

interface Operation {
  operationId?: string
  summary?: string
  security?: unknown[]
  parameters?: Array<{ name: string, in: string, required?: boolean }>
  requestBody?: { required?: boolean, content: Record<string, { schema: object, example?: unknown, examples?: Record<string, { value: unknown }> }> }
  responses: Record<string, { description: string, content?: Record<string, { schema: object }> }>
}
interface Document { openapi: string, info: { description: string }, servers: Array<{ url: string, variables?: Record<string, { default: string }> }>, paths: Record<string, Record<string, Operation>>, components?: Record<string, unknown> }

const gateDocument = (await request(site.gate, 'GET', '/gate/openapi.json')).body as Document
const nodeDocument = (await request(session.node.url, 'GET', '/openapi.json')).body as Document

/** A schema of the document with its references written out. */
function inlined (document: Document, schema: unknown, depth = 0): unknown {
  if (depth > 30) return {}
  if (Array.isArray(schema)) return schema.map(one => inlined(document, one, depth + 1))
  if (typeof schema !== 'object' || schema === null) return schema
  const { $ref } = schema as { $ref?: string }
  if (typeof $ref === 'string') {
    let at: unknown = document
    for (const token of $ref.slice(2).split('/')) at = (at as Record<string, unknown>)[decodeURIComponent(token).replaceAll('~1', '/').replaceAll('~0', '~')]
    return inlined(document, at, depth + 1)
  }
  const entries = Object.entries(schema).map(([key, value]) => [key, inlined(document, value, depth + 1)] as const)
  const copy = Object.fromEntries(entries) as Record<string, unknown>
  if (copy['nullable'] === true) return { anyOf: [{ ...copy, nullable: undefined }, { type: 'null' }] }
  return copy
}

const used = new Set<string>()

/** Fails unless the answer is documented: its status, and a schema that accepts its body. */
function accept (t: Test, document: Document, method: string, route: string, answer: Answer): void {
  const operation = document.paths[route]?.[method.toLowerCase()]
  const where = `${method} ${route} ${answer.status}`
  if (operation === undefined) { t.fail(`${where}: not documented`); return }
  used.add(`${method} ${route}`)
  const response = operation.responses[String(answer.status)] ?? operation.responses[`${String(answer.status)[0]}XX`] ?? operation.responses['default']
  if (response === undefined) { t.fail(`${where}: the status is not documented`, { documented: Object.keys(operation.responses), body: answer.text.slice(0, 200) }); return }
  if (answer.body === undefined) return
  const schema = Object.entries(response.content ?? {}).find(([type]) => type.includes('json'))?.[1].schema
  if (schema === undefined) { t.fail(`${where}: an answer of JSON without a schema`); return }
  const check = Compile(inlined(document, schema) as object)
  const [isGood, errors] = check.Errors(answer.body)
  t.ok(isGood, where, { errors: errors.slice(0, 5), body: answer.text.slice(0, 800) })
  if (Object.keys(schema).length === 0) t.fail(`${where}: a schema that accepts everything`)
}

t.test('documents - name every route of the contract', t => {
  const paths = (document: Document): string[] => Object.entries(document.paths).flatMap(([path, item]) => Object.keys(item).map(method => `${method.toUpperCase()} ${path}`))
  const atGate = paths(gateDocument)
  for (const route of ['GET /gate/assign', 'POST /gate/messages', 'POST /gate/messages/{id}/recall', 'GET /gate/nodes', 'GET /gate/nodes/{id}', 'POST /gate/nodes/{id}/drain', 'DELETE /gate/nodes/{id}/drain',
    'GET /gate/users/{user}/presence', 'POST /gate/users/{user}/disconnect', 'PUT /gate/groups/{group}/members/{user}', 'DELETE /gate/groups/{group}/members/{user}', 'GET /gate/groups/{group}/members', 'PUT /gate/revocations/{kind}/{name}', 'DELETE /gate/revocations/{kind}/{name}', 'GET /gate/revocations']) t.ok(atGate.includes(route), route)
  const atNode = paths(nodeDocument)
  for (const route of ['POST /messages', 'GET /messages', 'GET /messages/{id}', 'GET /messages/unread', 'PATCH /messages/{id}', 'POST /messages/read', 'DELETE /messages/{id}', 'POST /messages/{id}/recall', 'POST /messages/{id}/actions/{action}']) t.ok(atNode.includes(route), route)
  for (const document of [gateDocument, nodeDocument]) {
    for (const [path, item] of Object.entries(document.paths)) {
      for (const [method, operation] of Object.entries(item)) {
        t.ok(Object.keys(operation.responses).length > 0, `${method} ${path} has answers`)
        const names = [...path.matchAll(/\{(\w+)\}/g)].map(match => match[1])
        t.same((operation.parameters ?? []).filter(one => one.in === 'path').map(one => one.name).sort(), names.sort(), `${method} ${path} names its parameters`)
      }
    }
  }
  t.end()
})

t.test('documents - real answers of Gate are as documented', async t => {
  const admin = site.adminToken()
  const user = site.userToken('ada')
  const gate = async (method: string, route: string, path: string, token: string | undefined, options: object = {}): Promise<Answer> => {
    const answer = await request(site.gate, method, path, { token, ...options })
    accept(t, gateDocument, method, route, answer)
    return answer
  }
  await gate('GET', '/gate/assign', '/gate/assign', user)
  await gate('GET', '/gate/assign', '/gate/assign?avoid=x&avoid=y', user)
  await gate('GET', '/gate/assign', '/gate/assign', undefined)
  await gate('GET', '/gate/assign', '/gate/assign', producer.token)
  const headers = { 'idempotency-key': 'k' }
  const body = { to: { user: 'ada' }, title: 'x', data: { a: [1] } }
  const { body: sent } = await gate('POST', '/gate/messages', '/gate/messages', producer.token, { body, headers })
  await gate('POST', '/gate/messages', '/gate/messages', producer.token, { body, headers })
  await gate('POST', '/gate/messages', '/gate/messages', producer.token, { body: { ...body, title: 'y' }, headers })
  await gate('POST', '/gate/messages', '/gate/messages', producer.token, { body: { ...body, volatile: true } })
  await gate('POST', '/gate/messages', '/gate/messages', producer.token, { body: { ...body, ttl: 0 } })
  await gate('POST', '/gate/messages', '/gate/messages', producer.token, { body: { ...body, body: 'x'.repeat(70_000) } })
  await gate('POST', '/gate/messages', '/gate/messages', producer.token, { body: [body, { ...body, ttl: 0 }, { ...body, volatile: true }] })
  await gate('POST', '/gate/messages', '/gate/messages', user, { body })
  await gate('POST', '/gate/messages/{id}/recall', '/gate/messages/none/recall', producer.token, { body: { to: { user: 'ada' } } })
  await gate('POST', '/gate/messages/{id}/recall', `/gate/messages/${sent.id}/recall`, producer.token, { body: { to: { user: 'ada' } } })
  await gate('POST', '/gate/messages/{id}/recall', `/gate/messages/${sent.id}/recall`, producer.token, { body: {} })
  const { body: { nodes } } = await gate('GET', '/gate/nodes', '/gate/nodes', admin)
  const id = encodeURIComponent(nodes[0].id)
  await gate('GET', '/gate/nodes', '/gate/nodes', user)
  await gate('GET', '/gate/nodes/{id}', `/gate/nodes/${id}`, admin)
  await gate('GET', '/gate/nodes/{id}', '/gate/nodes/none', admin)
  await openSocket(t, session)
  await gate('GET', '/gate/users/{user}/presence', '/gate/users/ada/presence', producer.token)
  await gate('GET', '/gate/users/{user}/presence', '/gate/users/nobody/presence', producer.token)
  await gate('POST', '/gate/users/{user}/disconnect', '/gate/users/ada/disconnect', producer.token)
  const root = site.adminToken()
  await gate('PUT', '/gate/revocations/{kind}/{name}', '/gate/revocations/user/zoe', root)
  await gate('PUT', '/gate/revocations/{kind}/{name}', '/gate/revocations/robot/zoe', root)
  await gate('GET', '/gate/revocations', '/gate/revocations?limit=1', root)
  await gate('DELETE', '/gate/revocations/{kind}/{name}', '/gate/revocations/user/zoe', root)
  await gate('PUT', '/gate/groups/{group}/members/{user}', '/gate/groups/staff/members/ada', producer.token)
  await gate('GET', '/gate/groups/{group}/members', '/gate/groups/staff/members?limit=1', producer.token)
  await gate('GET', '/gate/groups/{group}/members', '/gate/groups/staff/members?limit=x', producer.token)
  await gate('DELETE', '/gate/groups/{group}/members/{user}', '/gate/groups/staff/members/ada', producer.token)
  for (const route of ['/gate/overview', '/gate/history', '/gate/ring', '/gate/receivers']) await gate('GET', route, route, admin)
  await gate('GET', '/gate/users/{user}', '/gate/users/ada', admin)
  await gate('GET', '/gate/messages/{id}/trace', `/gate/messages/${sent.id}/trace?user=ada`, admin)
  await gate('GET', '/gate/messages/{id}/trace', '/gate/messages/none/trace', admin)
  await gate('POST', '/gate/announcements', '/gate/announcements', admin, { body: { to: { user: 'zoe' }, title: 'x' } })
  await gate('POST', '/gate/nodes/{id}/drain', `/gate/nodes/${id}/drain`, admin)
  await gate('DELETE', '/gate/nodes/{id}/drain', `/gate/nodes/${id}/drain`, admin)
  for (const path of ['/livez', '/readyz']) if (gateDocument.paths[path] !== undefined) await gate('GET', path, path, undefined)
})

t.test('documents - real answers of a node are as documented', async t => {
  const mine = await assign(site, 'doc')
  const node = async (method: string, route: string, path: string, options: object = {}): Promise<Answer> => {
    const answer = await mine.call(method, path, options)
    accept(t, nodeDocument, method, route, answer)
    return answer
  }
  const headers = { 'idempotency-key': 'k' }
  const body = { to: { user: 'doc' }, title: 'x', data: { a: [1] } }
  const { body: sent } = await node('POST', '/messages', '/messages', { body, headers })
  await node('POST', '/messages', '/messages', { body, headers })
  await node('POST', '/messages', '/messages', { body: { ...body, title: 'y' }, headers })
  await node('POST', '/messages', '/messages', { body: { ...body, volatile: true } })
  await node('POST', '/messages', '/messages', { body: { to: { users: ['a', 'b'] }, body: 'only a body' } })
  await node('POST', '/messages', '/messages', { body: { ...body, ttl: 0 } })
  await node('POST', '/messages', '/messages', { body: { ...body, body: 'x'.repeat(70_000) } })
  await node('POST', '/messages', '/messages', { body: { to: { group: 'nobody' }, title: 'x' } })
  await node('POST', '/messages', '/messages', { body, token: 'x' })
  await producer.send({ to: { all: true }, title: 'for all' })
  await node('GET', '/messages', '/messages')
  await node('GET', '/messages', '/messages?limit=1')
  await node('GET', '/messages', '/messages?box=sent')
  await node('GET', '/messages', '/messages?limit=x')
  await node('GET', '/messages/unread', '/messages/unread')
  await node('GET', '/messages/{id}', `/messages/${sent.id}`)
  await node('GET', '/messages/{id}', '/messages/none')
  await node('PATCH', '/messages/{id}', `/messages/${sent.id}`, { body: { read: true } })
  await node('PATCH', '/messages/{id}', `/messages/${sent.id}`, { body: { read: 'x' } })
  await node('POST', '/messages/read', '/messages/read', { body: {} })
  const asking = await session.send({ to: { user: 'ada' }, title: 'x', url: '/x', actions: [{ id: 'yes', label: 'Yes', url: '/yes' }, { id: 'no', label: 'No' }] })
  for (const action of ['yes', 'yes', 'no']) await node('POST', '/messages/{id}/actions/{action}', `/messages/${asking.id}/actions/${action}`, { body: {} })
  await node('POST', '/messages/{id}/actions/{action}', '/messages/none/actions/yes', { body: {} })
  await node('POST', '/messages/{id}/actions/{action}', `/messages/${asking.id}/actions/yes`, { body: { x: 1 } })
  await node('POST', '/messages/{id}/recall', `/messages/${sent.id}/recall`)
  await node('GET', '/messages/{id}', `/messages/${sent.id}`)
  await node('POST', '/messages/{id}/recall', '/messages/none/recall')
  await node('DELETE', '/messages/{id}', `/messages/${sent.id}`)
  for (const path of ['/livez', '/readyz']) if (nodeDocument.paths[path] !== undefined) await node('GET', path, path)
})

t.test('documents - every documented route of the contract was called', t => {
  for (const document of [gateDocument, nodeDocument]) {
    for (const [path, item] of Object.entries(document.paths)) {
      for (const method of Object.keys(item)) {
        if (/metrics|docs|admin|demo|openapi|login|clients/.test(path)) continue
        t.ok(used.has(`${method.toUpperCase()} ${path}`), `${method.toUpperCase()} ${path}`)
      }
    }
  }
  t.end()
})

t.test('documents - a documented request body accepts what is accepted', t => {
  const schema = (document: Document, route: string): object => inlined(document, Object.values(document.paths[route]?.['post']?.requestBody?.content ?? {})[0]?.schema ?? {}) as object
  for (const message of [{ to: { user: 'ada' }, title: 'x' }, { to: { users: ['a'] }, data: null }, { to: { all: true }, body: 'x' }, { to: { topic: 'a', match: 'prefix' }, title: 'x' }, { to: { group: 'a' }, title: 'x', ttl: 5, category: 'c', volatile: true }]) {
    t.ok(Compile(schema(gateDocument, '/gate/messages')).Check(message), JSON.stringify(message))
  }
  t.ok(Compile(schema(gateDocument, '/gate/messages')).Check([{ to: { user: 'ada' }, title: 'x', idempotencyKey: 'k' }]), 'a batch')
  t.ok(Compile(schema(nodeDocument, '/messages')).Check({ to: { user: 'ada' }, title: 'x' }))
  t.notOk(Compile(schema(nodeDocument, '/messages')).Check({ to: { user: 'ada' }, title: 5 }))
  t.end()
})

const operations = (document: Document): Array<[string, Operation]> => Object.entries(document.paths).flatMap(([path, item]) => Object.entries(item).map(([method, operation]): [string, Operation] => [`${method.toUpperCase()} ${path}`, operation]))

t.test('documents - are valid OpenAPI 3.1, and what a generated client needs is in them', async t => {
  for (const [name, document] of [['Gate', gateDocument], ['a node', nodeDocument]] as const) {
    const validator = new Validator()
    const { valid, errors } = await validator.validate({ ...document })
    t.ok(valid, name, { errors })
    t.equal(validator.version, '3.1')
    const ids = operations(document).map(([route, { operationId }]) => { t.match(operationId, /^[a-z][A-Za-z]+$/, `${route} has an operationId`); return operationId })
    t.equal(new Set(ids).size, ids.length, 'each once')
    for (const [route, { responses }] of operations(document)) {
      for (const status of ['429', '503']) if (responses[status] !== undefined && route !== 'GET /readyz') t.hasProps((responses[status] as { headers?: object }).headers ?? {}, ['Retry-After'], `${route} ${status}`)
    }
  }
  for (const [document, route] of [[gateDocument, 'POST /gate/messages'], [nodeDocument, 'POST /messages']] as const) {
    const [, { parameters } = {}] = operations(document).find(([name]) => name === route) ?? []
    t.match(parameters, [{ in: 'header', name: 'Idempotency-Key', required: false }], route)
  }
})

t.test('documents - a body is required where it may not be left out, and nowhere else', async t => {
  const optional = ['POST /messages/{id}/actions/{action}', 'POST /messages/read', 'PUT /gate/revocations/{kind}/{name}']
  for (const document of [gateDocument, nodeDocument]) {
    for (const [route, { requestBody }] of operations(document)) {
      if (requestBody !== undefined) t.equal(requestBody.required, !optional.includes(route), route)
    }
    t.notMatch(JSON.stringify(document), 'x-body-may-be-missing')
  }
  t.equal((await request(site.gate, 'PUT', '/gate/revocations/user/nobody-here', { token: site.adminToken() })).status, 200)
  t.equal((await request(session.node.url, 'POST', '/messages/read', { token: session.ticket })).status, 200)
})

t.test('documents - say whom to ask, and lead to each other', async t => {
  t.match(gateDocument.servers, [{ url: '/' }], 'Gate: where its document is')
  const [server] = nodeDocument.servers
  t.match(server, { url: '{address}', variables: { address: { default: session.node.url } } })
  const { body: { nodes } } = await request(site.gate, 'GET', '/gate/nodes', { token: site.adminToken() })
  const links = [...gateDocument.info.description.matchAll(/\[([^\]]+)\]\(([^)]+)\)/g)].map(([, id, page]) => ({ id, page }))
  t.same(links, (nodes as Array<{ id: string, url: string }>).map(({ id, url }) => ({ id, page: `${url}/docs/` })))
  for (const { page = '' } of [...links, { page: `${site.gate}/gate/docs/` }]) {
    for (const address of [page, page.slice(0, -1)]) {
      const answer = await fetch(address)
      const assets = [...(await answer.text()).matchAll(/(?:href|src)="([^"]+)"/g)].map(([, path = '']) => new URL(path, answer.url).href)
      t.ok(assets.length > 3)
      for (const asset of assets) t.equal((await fetch(asset)).status, 200, `${asset} of ${address}`)
    }
  }
  for (const { page = '' } of links) {
    const { servers } = await (await fetch(new URL('json', page))).json() as Document
    t.equal(servers[0]?.variables?.['address']?.default, page.replace('/docs/', ''), 'the page sends its requests to this node')
  }
  t.match(nodeDocument.info.description, '/gate/openapi.json')
})

t.test('documents - an example of a message is taken and stored as it stands', async t => {
  const examplesOf = (document: Document, route: string): unknown[] => {
    const [, operation] = operations(document).find(([name]) => name === route) ?? []
    return Object.values(operation?.requestBody?.content ?? {}).flatMap(({ example, examples = {} }) => [...example === undefined ? [] : [example], ...Object.values(examples).map(({ value }) => value)])
  }
  for (const document of [gateDocument, nodeDocument]) {
    for (const [route, operation] of operations(document)) {
      const [media] = Object.values(operation.requestBody?.content ?? {})
      if (media === undefined) continue
      const examples = examplesOf(document, route)
      t.ok(examples.length > 0, `${route} has an example`)
      for (const example of examples) t.ok(Compile(inlined(document, media.schema) as object).Check(example), `${route} takes ${JSON.stringify(example)}`)
    }
  }
  const stored = async (user: string, id: string): Promise<void> => { t.equal((await (await assign(site, user)).call('GET', `/messages/${id}`)).body.expiresAt > new Date(Date.now() + 3_600_000).toISOString(), true, `${user} has it, for more than an hour`) }
  for (const example of examplesOf(gateDocument, 'POST /gate/messages')) {
    const { status, body } = await producer.call('POST', '/gate/messages', { body: example })
    t.equal(status, Array.isArray(example) ? 207 : 201)
    for (const [i, message] of (Array.isArray(example) ? example : [example]).entries()) {
      const { id, status: each = 201 } = Array.isArray(example) ? body.results[i] : body
      t.equal(each, 201)
      await stored(message.to.user ?? message.to.users?.[0] ?? 'ann', id)
    }
  }
  const ann = await assign(site, 'ann')
  for (const example of examplesOf(nodeDocument, 'POST /messages')) {
    const { status, body } = await ann.call('POST', '/messages', { body: example })
    t.equal(status, 201)
    await stored('bob', body.id)
  }
})
