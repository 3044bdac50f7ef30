/** Gate's dashboard on a running product: a user, the way of a message, an announcement, a process that ends. */
import type { Page } from 'playwright-core'
import { io } from 'socket.io-client'
import t from 'tap'
import { noBrowser as skip, openPage, startBrowser } from '../helpers/browser.js'
import { startEmbedded, type Deployment } from '../helpers/deployment.js'

async function connect (deployment: Deployment, user: string): Promise<ReturnType<typeof io>> {
  const answer = await fetch(`${deployment.gate}/gate/assign`, { headers: { authorization: `Bearer ${deployment.userToken(user)}` } })
  const { node, ticket } = await answer.json() as { node: { url: string, path?: string }, ticket: string }
  const socket = io(new URL(node.url).origin, { ...node.path !== undefined && { path: node.path }, auth: { ticket }, transports: ['websocket'], reconnection: false })
  await new Promise((resolve, reject) => { socket.once('ready', resolve); socket.once('connect_error', reject) })
  return socket
}

async function open (page: Page, link: string): Promise<void> {
  await page.getByRole('link', { name: link, exact: true }).click()
  await page.getByRole('heading', { name: link, level: 1 }).waitFor()
}

t.test('live - from an announcement to a user who read it, to a Gate that ends', { skip }, async t => {
  const deployment = await startEmbedded(t)
  const socket = await connect(deployment, 'ann')
  t.teardown(() => { socket.close() })
  const arrived = new Promise<string>(resolve => { socket.on('entries', (entries: Array<{ title?: string, id: string }>) => { for (const { title, id } of entries) if (title === '<b>Closed</b>') resolve(id) }) })
  const { page, faults } = await openPage(t, await startBrowser(t), deployment.gate, { width: 1200, path: `/gate/admin#token=${deployment.adminToken('operator')}` })

  await open(page, 'Announce')
  await page.getByText('1 user is online and see it at once').or(page.getByText(/Everyone: 1 user/)).first().waitFor()
  await page.getByLabel('Title').fill('<b>Closed</b>')
  await page.getByLabel('Text').fill('until Monday')
  t.equal(await page.locator('.preview b').first().innerText(), '<b>Closed</b>', 'seen as text before it is sent')
  await page.getByRole('button', { name: 'Send…' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Send', exact: true }).click()
  await page.getByText('Stored, and on its way').waitFor()
  const id = await arrived
  await page.getByRole('link', { name: 'Where is it?' }).click()
  await page.getByText('From operator (producer) to everyone').waitFor()
  t.match(await page.locator('.steps').innerText(), /Accepted[^]*\d\d:\d\d:\d\d\.\d{3}[^]*Stored[^]*\d\d:\d\d:\d\d\.\d{3}[^]*Broadcast\s+\d\d:\d\d:\d\d\.\d{3}[^]*Delivered\s+\d\d:\d\d:\d\d\.\d{3}\s+By node-\w+ to 1 socket\./)

  await open(page, 'User')
  await page.getByLabel('User').fill('ann')
  await page.keyboard.press('Enter')
  await page.getByText('1 socket on 1 node').waitFor()
  t.match(await page.locator('.result').innerText(), /Unread[^]*1[^]*live[^]*operator \(producer\)[^]*everyone[^]*unread/)
  t.notMatch(await page.locator('.result').innerText(), /Closed|Monday/, 'what it says is not shown')
  await socket.timeout(60_000).emitWithAck('read', { ids: [id] })
  await page.getByRole('link', { name: `Where is it? Message ${id}` }).click()
  await page.getByText('1 of 1 open socket has it.').waitFor()
  t.match(await page.locator('.steps').innerText(), /Read\s+\d\d:\d\d:\d\d\.\d{3}/)

  await page.goBack()
  const gone = new Promise(resolve => { socket.once('disconnect', resolve) })
  await page.getByRole('button', { name: 'Disconnect' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Disconnect' }).click()
  await page.getByText('1 socket closed.').waitFor()
  await gone
  await page.getByRole('button', { name: 'Revoke tokens' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click()
  await page.getByText('Revoked: what was issued until now is refused.').waitFor()
  await page.getByRole('button', { name: 'Lift the revocation' }).click()
  await page.getByText('Lifted').waitFor()
  t.same(faults, [])

  await open(page, 'Cluster')
  await page.locator('.cluster tbody tr').nth(1).waitFor()
  t.equal(await page.locator('.cluster tbody tr').count(), 2)
  await deployment.kill()
  await page.getByRole('alert').filter({ hasText: 'Gate does not answer' }).waitFor()
  t.equal(await page.locator('.cluster tbody tr').count(), 2, 'what was known stays, dimmed')
  t.ok(await page.evaluate(() => document.body.classList.contains('stale')))
})
