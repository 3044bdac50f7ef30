/** The dashboard and the alarms ask for metrics that a running Gatepost really has. */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { parse } from 'yaml'
import { deployFolder, exampleVariables, findProgram, readCompose } from '../helpers/compose-file.js'
import { startEmbedded } from '../helpers/deployment.js'

interface Panel { readonly title: string, readonly gridPos: { x: number, y: number, w: number, h: number }, readonly targets: ReadonlyArray<{ expr: string }> }
interface Alert { readonly alert: string, readonly expr: string, readonly labels: { severity: string }, readonly annotations: { summary: string } }
interface Scrape { readonly job_name: string, readonly static_configs: ReadonlyArray<{ targets: string[] }> }

const read = (name: string): string => readFileSync(`${deployFolder}monitoring/${name}`, 'utf8')
const { panels } = JSON.parse(read('dashboard.json')) as { panels: Panel[] }
const alerts = (parse(read('alerts.yml')) as { groups: Array<{ rules: Alert[] }> }).groups.flatMap(({ rules }) => rules)
const asked = [
  ...panels.flatMap(({ title, targets }) => targets.map(({ expr }) => ({ name: `panel ${title}`, expr }))),
  ...alerts.map(({ alert, expr }) => ({ name: `alert ${alert}`, expr }))
]
const metricsIn = (expr: string): string[] => [...new Set(expr.match(/\b(?:gatepost|process|nodejs)_\w+/g) ?? [])]
/** By which job a metric is asked for, where the expression says so. */
const jobOf = (expr: string): string | undefined => /job="gatepost-(gate|node)"/.exec(expr)?.[1]

/** Names of samples on a page for Prometheus, with every route that it has counted. */
function samplesOf (page: string): { names: Set<string>, routes: Set<string> } {
  const lines = page.split('\n').filter(line => line !== '' && !line.startsWith('#'))
  const typed = [...page.matchAll(/^# TYPE (\w+) (\w+)$/gm)].flatMap(([, name = '', type]) => type === 'histogram' ? [`${name}_bucket`, `${name}_count`, `${name}_sum`] : [name])
  return {
    names: new Set([...lines.map(line => /^\w+/.exec(line)?.[0] ?? ''), ...typed]),
    routes: new Set(lines.flatMap(line => /route="([^"]*)"/.exec(line)?.[1] ?? []))
  }
}

t.test('metrics - every one that is asked for is there', async t => {
  const deployment = await startEmbedded(t, { nodes: 1 })
  const admin = { authorization: `Bearer ${deployment.adminToken()}` }
  const { nodes } = await (await fetch(`${deployment.gate}/gate/nodes`, { headers: admin })).json() as { nodes: Array<{ url: string }> }
  const node = nodes[0]?.url ?? ''
  const { ticket } = await (await fetch(`${deployment.gate}/gate/assign`, { headers: { authorization: `Bearer ${deployment.userToken('ann')}` } })).json() as { ticket: string }
  const post = async (url: string, token: string): Promise<number> => (await fetch(url, {
    method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, body: JSON.stringify({ to: { user: 'bob' }, body: 'hello' })
  })).status
  t.equal(await post(`${deployment.gate}/gate/messages`, deployment.producerToken()), 201)
  t.equal(await post(`${node}/messages`, ticket), 201)
  const page = async (url: string): Promise<ReturnType<typeof samplesOf>> => samplesOf(await (await fetch(`${url}/metrics`)).text())
  const pages = { gate: await page(deployment.gate), node: await page(node) }

  t.ok(asked.length > 30)
  for (const { name, expr } of asked) {
    const job = jobOf(expr)
    for (const metric of metricsIn(expr)) {
      const where = job === 'gate' ? [pages.gate] : job === 'node' ? [pages.node] : [pages.gate, pages.node]
      t.ok(where.some(({ names }) => names.has(metric)), `${name}: ${metric}`)
    }
    for (const [, pattern = ''] of expr.matchAll(/route=~"([^"]+)"/g)) {
      for (const route of pattern.split('|')) t.ok([...pages.gate.routes, ...pages.node.routes].includes(route), `${name}: ${route} is a route`)
    }
  }
  t.notOk(pages.gate.names.has('gatepost_sockets'), 'what a node counts, Gate does not')
})

t.test('alerts - each has a level, a text, and a paragraph in docs/operations.md', async t => {
  const operations = readFileSync(fileURLToPath(new URL('../../docs/operations.md', import.meta.url)), 'utf8')
  const names = alerts.map(({ alert }) => alert)
  t.equal(new Set(names).size, names.length)
  for (const { alert, labels, annotations } of alerts) {
    t.match(labels.severity, /^(?:page|ticket)$/)
    t.ok(annotations.summary)
    t.match(operations, new RegExp(`^\\| \`${alert}\``, 'm'))
  }
  for (const name of new Set(operations.match(/\bGatepost[A-Z]\w+/g))) t.ok(names.includes(name), `${name} is an alert`)
})

t.test('dashboard - panels do not lie on each other', async t => {
  for (const [at, { title, gridPos: a }] of panels.entries()) {
    t.ok(a.x + a.w <= 24, title)
    for (const { title: other, gridPos: b } of panels.slice(at + 1)) {
      t.notOk(a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h, `${title}, ${other}`)
    }
  }
})

t.test('prometheus - scrapes every Gate and every node of the Compose file', async t => {
  const { services } = readCompose(exampleVariables())
  const { scrape_configs: jobs, rule_files: rules } = parse(read('prometheus.yml')) as { scrape_configs: Scrape[], rule_files: string[] }
  for (const [job, command] of [['gatepost-gate', 'gate'], ['gatepost-node', 'node']] as const) {
    const targets = jobs.find(one => one.job_name === job)?.static_configs.flatMap(one => one.targets)
    const running = Object.entries(services).filter(([, service]) => service.command?.[0] === command)
    t.strictSame(targets?.sort(), running.map(([name, service]) => `${name}:${service.environment?.GATEPOST_METRICS_PORT ?? ''}`).sort())
  }
  for (const rule of rules) t.doesNotThrow(() => { read(rule) })
})

const promtool = await findProgram('promtool', '--version')
t.test('alerts - Prometheus itself takes them', { skip: promtool === undefined && 'needs promtool' }, async t => {
  const { stdout } = await promisify(execFile)(promtool ?? '', ['check', 'rules', `${deployFolder}monitoring/alerts.yml`])
  t.match(stdout, `SUCCESS: ${alerts.length} rules`)
})
