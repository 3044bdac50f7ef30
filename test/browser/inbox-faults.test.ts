/** The inbox element while what is under it dies and the network is cut, on a running Gatepost. */
import type { Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { createProducer } from '../../clients/index.js'
import type { GatepostInbox } from '../../clients/gatepost-inbox.js'
import { noBrowser as skip, openPage, startBrowser, startSite } from '../helpers/browser.js'
import { startCluster, startEmbedded } from '../helpers/deployment.js'
import { startTcpProxy } from '../helpers/tcp-proxy.js'
import { until } from '../helpers/until.js'
import { freePort } from '../helpers/free-port.js'

const patienceMs = 60_000
const titles = async (page: Page): Promise<string[]> => await page.locator('.row .title').allTextContents()
const isLive = async (page: Page): Promise<boolean> => await page.evaluate(() => document.querySelector('gatepost-inbox')?.inbox?.state === 'live')

/** With the panel open. */
async function openInbox (t: Test, pages: string, gate: string, token: string, browser: Awaited<ReturnType<typeof startBrowser>>): Promise<{ page: Page, faults: string[] }> {
  const { page, faults } = await openPage(t, browser, pages)
  await page.evaluate(({ gate, token }) => { Object.assign(document.querySelector('gatepost-inbox') as GatepostInbox, { gate, token }) }, { gate, token })
  await page.locator('.badge').waitFor({ timeout: patienceMs })
  await page.locator('.bell').click()
  await page.locator('.row').first().waitFor()
  return { page, faults }
}

/** What a browser itself says of a connection that broke. */
const isOfNetwork = (fault: string): boolean => /WebSocket connection|net::ERR_|Failed to load resource/.test(fault)

t.test('inbox - faults', { skip, timeout: 280_000 }, async t => {
  const browser = await startBrowser(t)
  const pages = await startSite(t, '<header><gatepost-inbox></gatepost-inbox></header><main><h1>Site</h1></main>')

  await t.test('inbox - the node of its socket is killed: it goes on at another one, without a gap and without doing anything twice', async t => {
    const cluster = await startCluster(t, { nodes: 2 })
    const producer = createProducer({ gate: cluster.gate, token: cluster.producerToken() })
    t.teardown(async () => { await producer.close({ deadlineMs: 0 }) })
    const send = async (title: string): Promise<unknown> => await producer.send({ to: { user: 'ann' }, title, body: 'x' })
    await send('before')
    const { page, faults } = await openInbox(t, pages, cluster.gate, cluster.userToken('ann'), browser)
    const admin = { headers: { authorization: `Bearer ${cluster.adminToken()}` } }
    const { nodes: [id] } = await (await fetch(`${cluster.gate}/gate/users/ann/presence`, admin)).json() as { nodes: string[] }
    const { url } = await (await fetch(`${cluster.gate}/gate/nodes/${id}`, admin)).json() as { url: string }

    const sinceMs = performance.now()
    await cluster.nodeAt(url).end('SIGKILL')
    const sent = ['one', 'two', 'three'].map(send)
    await until('all of them', async () => (await titles(page)).includes('three'), patienceMs)
    t.comment(`went on after ${Math.ceil(performance.now() - sinceMs)} ms`)
    await Promise.all(sent)
    await page.locator('.item', { hasText: 'before' }).hover()
    await page.locator('.item', { hasText: 'before' }).getByRole('button', { name: 'Archive' }).click()
    await send('four')
    await until('live', async () => await isLive(page), patienceMs)
    await until('the last one', async () => (await titles(page)).join() === 'four,three,two,one', patienceMs)
    await until('counted', async () => await page.locator('.badge').textContent() === '4', patienceMs)
    t.strictSame(faults.filter(fault => !isOfNetwork(fault)), [])
  })

  await t.test('inbox - cut off: what is done is shown at once, waits, and is done when the network is back', async t => {
    const port = await freePort()
    const proxy = await startTcpProxy(t, port)
    const gate = `http://127.0.0.1:${proxy.port}`
    const site = await startEmbedded(t, { port, settings: { GATEPOST_PUBLIC_URL: gate } })
    const producer = createProducer({ gate: `http://127.0.0.1:${port}`, token: site.producerToken() })
    t.teardown(async () => { await producer.close({ deadlineMs: 0 }) })
    for (const title of ['keep', 'file', 'drop']) await producer.send({ to: { user: 'ann' }, title, body: 'x' })
    const { page, faults } = await openInbox(t, pages, gate, site.userToken('ann'), browser)
    await proxy.cut()
    await page.locator('.notice', { hasText: /Offline|Connecting/ }).waitFor({ timeout: patienceMs })
    await page.locator('.item', { hasText: 'file' }).hover()
    await page.locator('.item', { hasText: 'file' }).getByRole('button', { name: 'Archive' }).click()
    await page.locator('.item', { hasText: 'drop' }).locator('.row').focus()
    await page.keyboard.press('Delete')
    t.strictSame(await titles(page), ['keep'])
    const { id } = await producer.send({ to: { user: 'ann' }, title: 'meanwhile', body: 'x' })
    t.type(id, 'string')
    await page.locator('.notice', { hasText: /waiting/ }).waitFor({ timeout: patienceMs })
    await proxy.mend()
    await page.locator('.item', { hasText: 'meanwhile' }).waitFor({ timeout: patienceMs })
    await page.locator('.notice').waitFor({ state: 'hidden', timeout: patienceMs })
    t.strictSame(await titles(page), ['meanwhile', 'keep'])
    await page.getByRole('tab', { name: 'Archive' }).click()
    await until('only what was archived', async () => (await titles(page)).join() === 'file', patienceMs)
    t.strictSame(faults.filter(fault => !isOfNetwork(fault)), [])
  })
})
