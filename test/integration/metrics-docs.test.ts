/** docs/metrics.md has every metric that a running Gate and node expose, with its type and labels, and no other. */
import { readFileSync } from 'node:fs'
import t from 'tap'
import { startEmbedded } from '../helpers/deployment.js'

interface Metric { readonly type: string, readonly labels: readonly string[] }

/** By section: who exposes it. */
function documented (): Map<string, Map<string, Metric>> {
  const page = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8')
  const sections = new Map<string, Map<string, Metric>>()
  for (const section of page.split('\n## ').slice(1)) {
    const metrics = new Map<string, Metric>()
    for (const [, name = '', type = '', labels = ''] of section.matchAll(/^\| `(\w+)` \| (\w+) \| ([^|]+) \|/gm)) {
      metrics.set(name, { type, labels: [...labels.matchAll(/`(\w+)`/g)].map(([, label = '']) => label).sort() })
    }
    sections.set(section.slice(0, section.indexOf('\n')), metrics)
  }
  return sections
}

/** What a scrape shows. A metric whose labels have had no value yet has no sample, and so no labels here. */
function exposed (page: string): Map<string, Metric> {
  const metrics = new Map<string, Metric>()
  for (const [, name = '', type = ''] of page.matchAll(/^# TYPE (\w+) (\w+)$/gm)) {
    const sample = new RegExp(`^${name}${type === 'histogram' ? '_bucket' : ''}\\{(.*)\\} `, 'm').exec(page)?.[1] ?? ''
    metrics.set(name, { type, labels: [...sample.matchAll(/(\w+)="/g)].map(([, label = '']) => label).filter(label => label !== 'le').sort() })
  }
  return metrics
}

t.test('metrics - docs/metrics.md has each that Gate and node expose, with type and labels, and no other', async t => {
  const deployment = await startEmbedded(t, { nodes: 1 })
  const get = async (url: string, token?: string): Promise<Response> => await fetch(url, token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } })
  const { node: { url: node } } = await (await get(`${deployment.gate}/gate/assign`, deployment.userToken('ann'))).json() as { node: { url: string } }
  const posted = await fetch(`${deployment.gate}/gate/messages`, {
    method: 'POST', headers: { authorization: `Bearer ${deployment.producerToken()}`, 'content-type': 'application/json' }, body: '{"to":{"user":"bob"},"body":"hello"}'
  })
  t.equal(posted.status, 201)
  await get(`${node}/readyz`) // a request that is counted before the first scrape

  const sections = documented()
  const isOfGate = (section: string): boolean => !section.startsWith('Node')
  const isOfNode = (section: string): boolean => section !== 'Gate'
  t.ok(sections.size >= 5)
  for (const [who, url, isIts] of [['gate', deployment.gate, isOfGate], ['node', node, isOfNode]] as const) {
    const real = exposed(await (await get(`${url}/metrics`)).text())
    const told = new Map([...sections].flatMap(([section, metrics]) => isIts(section) ? [...metrics] : []))
    t.strictSame([...told.keys()].sort(), [...real.keys()].sort(), `${who}: names`)
    for (const [name, { type, labels }] of told) {
      t.equal(type, real.get(name)?.type, `${who}: type of ${name}`)
      // What Node.js counts by label may have nothing to count at this moment.
      if (name.startsWith('gatepost_') || real.get(name)?.labels.length !== 0) t.strictSame(labels, real.get(name)?.labels, `${who}: labels of ${name}`)
    }
  }
})
