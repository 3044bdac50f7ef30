/**
 * Bad requests at every route of a live process, on both stores: refused as section 10 of the protocol says, and nothing
 * comes of them. GATEPOST_TEST_HOSTILE=10000 for the long run, GATEPOST_TEST_SEED for others.
 */
import fc from 'fast-check'
import t from 'tap'
import { mongodbMissing } from '../helpers/mongodb-server.js'
import { request } from '../helpers/raw-client.js'
import { nowSeconds, resign } from '../helpers/tokens.js'
import { badRequests, faultOf, routesOf, type ApiDocument, type Attacker, type BadRequest, type Route } from './bad-requests.js'
import { createHttpWire, toBytes, type HttpWire } from './http-wire.js'
import { bunch, forgedTokens, marker, roundsWanted, seed, startHostileSite, type HostileSite, type StoreKind } from './site.js'

const timeoutMs = 480_000 + roundsWanted * 600
t.setTimeout(2 * timeoutMs)

for (const kind of ['lmdb', 'mongodb'] satisfies StoreKind[]) {
  t.test(`hostile requests - every route refuses what is bad, tells nothing and stores nothing (${kind})`, { timeout: timeoutMs }, async t => {
    const hostile = await startHostileSite(t, kind)
    if (hostile === undefined) { t.pass(mongodbMissing, { skip: true }); return }
    const { site, mallory: [session] } = hostile
    for (const [name, base, path] of [['Gate', site.gate, '/gate/openapi.json'], ['a node', session.node.url, '/openapi.json']] as const) {
      const wire = createHttpWire(base)
      t.teardown(() => { wire.close() })
      const routes = routesOf((await request(base, 'GET', path)).body as ApiDocument)
      t.ok(routes.length > 10, `${name} documents its routes`)
      const attacker = name === 'Gate' ? atGate(hostile) : atNode(hostile)
      for (const route of routes) {
        await t.test(`${name}: ${route.method} ${route.path}`, { timeout: timeoutMs }, async t => {
          const begun = performance.now()
          await attack(wire, route, attacker)
          t.comment(`${roundsWanted} in ${Math.round(performance.now() - begun)} ms`)
          t.ok(site.isAlive())
        })
      }
    }
    await hostile.finish()
  })
}

async function attack (wire: HttpWire, route: Route, attacker: Attacker): Promise<void> {
  const ask = async (bad: BadRequest): Promise<string | undefined> => {
    const answer = await wire.ask(bad.request)
    const fault = answer.text.includes(marker) || [...answer.headers.values()].some(value => value.includes(marker)) ? 'it shows what is another\'s' : faultOf(bad, answer)
    return fault === undefined ? undefined : `${fault}\n${bad.reason}\n${toBytes(bad.request).toString('latin1').slice(0, 1000)}\n→ ${answer.status} ${answer.text.slice(0, 1000)}`
  }
  const result = await fc.check(fc.asyncProperty(fc.array(badRequests(route, attacker), { minLength: bunch, maxLength: bunch, size: 'max' }), async bads => {
    const faults = (await Promise.all(bads.map(ask))).filter(fault => fault !== undefined)
    // The request that is to blame is known: there is nothing to shrink.
    if (faults.length > 0) throw new Error(faults[0])
  }), { numRuns: Math.ceil(roundsWanted / bunch), seed, endOnFailure: true })
  if (result.failed) throw new Error(`${result.errorInstance instanceof Error ? result.errorInstance.message : 'failed'} (seed ${result.seed}, ${result.counterexamplePath})`)
}

function atGate ({ site, mallory: [session], othersIds, othersCursors, ownId }: HostileSite): Attacker {
  const tokens = { user: site.userToken('mallory'), producer: site.producerToken(), admin: site.adminToken() }
  const ofAdmins = /^\/gate\/(?:nodes|revocations|overview|history|ring|announcements|receivers|users\/\{user\}$|messages\/\{id\}\/trace)/
  const scopeOf = ({ path }: Route): keyof typeof tokens => path === '/gate/assign' ? 'user' : ofAdmins.test(path) ? 'admin' : 'producer'
  const wrongFor = (route: Route): string[] => Object.entries(tokens).filter(([scope]) => scope !== scopeOf(route) && !(scope === 'admin' && scopeOf(route) === 'producer' && /^\/gate\/(?:users|groups)/.test(route.path))).map(([, token]) => token)
  return {
    tokenFor: route => tokens[scopeOf(route)],
    badTokensFor: route => [...wrongFor(route), session.ticket, ...forgedTokens(tokens[scopeOf(route)], site.secret)],
    othersIds,
    othersCursors,
    ownId
  }
}

function atNode ({ site, mallory: [session, other], othersIds, othersCursors, ownId }: HostileSite): Attacker {
  return {
    tokenFor: () => session.ticket,
    badTokensFor: () => [other.ticket, site.userToken('mallory'), site.producerToken(), site.adminToken(), resign(session.ticket, { exp: nowSeconds() - 1 }, site.secret), ...forgedTokens(session.ticket, site.secret)],
    othersIds,
    othersCursors,
    ownId
  }
}
