/** `gatepost up` on a small disk that fills up under load: refused and never ended, all that was answered is there, and it goes on by itself. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { runGatepost, type GatepostProcess } from '../helpers/deployment.js'
import { openSocket, refused, request, sessionOf, type Session } from '../helpers/raw-client.js'
import { mountSmallDisk, smallDiskMissing } from '../helpers/small-disk.js'
import { nowSeconds, signHs256 } from '../helpers/tokens.js'
import { until } from '../helpers/until.js'

const MiB = 1024 ** 2
const secret = 'a secret of thirty-two bytes and more, 0123456789'
const token = (sub: string, scope = 'user'): string => signHs256({ sub, scope, iat: nowSeconds(), exp: nowSeconds() + 3600 }, secret)

function start (cwd: string, dataDir: string, reserve: string, processes: number): GatepostProcess {
  return runGatepost(['up', '--port', '0', '--nodes', '2', '--processes', String(processes)], { cwd, settings: { GATEPOST_SECRET: secret, GATEPOST_DATA_DIR: dataDir, GATEPOST_DISK_RESERVE: reserve, GATEPOST_DRAIN: '0' } })
}

for (const processes of [1, 2]) {
  t.test(`full disk - filled up under load, then room again: processes that serve: ${processes}`, { skip: smallDiskMissing }, async t => {
    const disk = mountSmallDisk(t, 24 * MiB)
    const site = start(disk.dir, join(disk.dir, 'data'), '4MiB', processes)
    t.teardown(async () => { if (site.isAlive()) await site.end('SIGKILL') })
    const gate = await site.ready
    const assigned = await request(gate, 'GET', '/gate/assign', { token: token('ann') })
    const ann: Session = sessionOf('ann', token('ann'), assigned.body.node, assigned.body.ticket, assigned.body.expiresAt)
    const device = await openSocket(t, ann)
    const producer = token('shop', 'producer')

    const answers = new Map<string, number>()
    let n = 0
    async function write (): Promise<number> {
      const title = `m${n++}`
      const { status, body } = await request(gate, 'POST', '/gate/messages', { token: producer, body: { to: { user: 'ann' }, title, body: 'x'.repeat((n * 811) % 8_000) }, headers: { 'idempotency-key': title } })
      answers.set(title, status)
      if (status !== 201 && !(status === 503 && body.code === 'GP_STORE_UNAVAILABLE')) t.fail(`${title}: ${status} ${JSON.stringify(body)}`)
      return status
    }
    const count = (status: number): number => [...answers.values()].filter(one => one === status).length
    await Promise.all(Array.from({ length: 16 }, async () => { while (count(503) < 200) await write() }))
    t.ok(count(201) > 200, `stored ${count(201)}, refused ${count(503)}`)
    t.equal(site.isAlive(), true)
    t.ok(disk.freeBytes() > MiB, `${disk.freeBytes()} bytes left`)

    for (const url of [gate, ann.node.url]) {
      const ready = await request(url, 'GET', '/readyz')
      t.match([ready.status, ready.body], [503, { checks: { store: /disk/ } }], url)
    }
    t.match((await request(ann.node.url, 'GET', '/metrics')).text, /^gatepost_store_writable 0$/m)
    refused(t, await ann.call('POST', '/messages', { body: { to: { user: 'bob' }, title: 'no' } }), 503, 'GP_STORE_UNAVAILABLE', 'mail is refused at once')
    t.match(site.stdout().split('\n').filter(line => line.includes('"event":"disk-full"')), [/"level":"error".*GATEPOST_DISK_RESERVE/], 'said once, with what to do')
    t.equal((await ann.call('GET', '/messages?limit=200')).status, 200, 'reading goes on')
    t.equal(device.closed(), undefined, 'sockets stay')
    t.match(await device.ask('sync', { cursors: device.ready.heads, limit: 1 }), { entries: [{}], more: true })
    const other = await openSocket(t, ann)
    t.ok((other.ready.heads['u:ann'] ?? 0) > 0, 'new ones come')

    disk.grow(96 * MiB)
    await until('ready again', async () => (await request(gate, 'GET', '/readyz')).status === 200)
    for (let i = 0; i < 20; i++) t.equal(await write(), 201)
    t.match(site.stdout(), /"event":"disk-room"/)
    const stored = [...answers].filter(([, status]) => status === 201).map(([title]) => title)
    await until('all of it at the device', () => { const got = new Set(device.titles()); return stored.every(title => got.has(title)) })
    const got = new Set(device.titles())
    t.same([...answers].filter(([title, status]) => status === 503 && got.has(title)), [], 'what was refused is not there')
    device.close()
    other.close()
    t.equal(await site.end('SIGTERM'), 0)
  })
}

for (const processes of [1, 2]) {
  t.test(`full disk - a start says what is wrong: exit code 2; processes that serve: ${processes}`, { skip: smallDiskMissing }, async t => {
    const disk = mountSmallDisk(t, 24 * MiB)
    disk.leave(100_000)
    const full = start(disk.dir, join(disk.dir, 'data'), '1MiB', processes)
    t.equal(await full.exited, 2)
    t.match(full.stderr(), /GATEPOST_DATA_DIR: got .*bytes are free/)
    disk.giveBack()
    const first = start(disk.dir, join(disk.dir, 'data'), '1MiB', processes)
    await first.ready
    t.equal(await first.end('SIGTERM'), 0)
    writeFileSync(join(disk.dir, 'data', 'store', 'data.mdb'), 'no database')
    const damaged = start(disk.dir, join(disk.dir, 'data'), '1MiB', processes)
    t.equal(await damaged.exited, 2)
    t.match(damaged.stderr(), /data\.mdb is damaged/)
  })
}
