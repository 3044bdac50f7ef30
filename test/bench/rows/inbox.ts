/** What the inbox element costs a page, against itself at 0ed607c and at another size; and what its tabs cost the server. */
import { browserMissing, formerElement, openBrowser, openInbox, presentElement, startPages, type InboxPage } from '../browser.js'
import { producerToken, startGatepost } from '../clients.js'
import { withResources } from '../resources.js'
import { sized, type Measured, type Row } from '../row.js'
import { userToken } from './post.js'

const batch = 100

async function post (gate: string, user: string, count: number): Promise<void> {
  for (let done = 0; done < count; done += batch) {
    const body = JSON.stringify(Array.from({ length: Math.min(batch, count - done) }, (_, i) => ({ to: { user }, title: `Message ${done + i}`, body: 'So long is the text of a message that says what it is about.' })))
    const answer = await fetch(`${gate}/gate/messages`, { method: 'POST', headers: { authorization: `Bearer ${producerToken()}`, 'content-type': 'application/json' }, body })
    if (!answer.ok) throw new Error(await answer.text())
  }
}

async function openPanel ({ page }: InboxPage): Promise<void> {
  await page.click('gatepost-inbox .bell')
  await page.waitForSelector('gatepost-inbox .row')
}

let users = 0
const nextUser = (): string => { users += 1; return `u${users}` }

/** A user of each turn's own. */
async function prepare (pages: 'present' | 'both') {
  return await withResources(async resources => {
    const { server, gate } = await startGatepost(resources)
    const browser = await openBrowser(resources)
    const present = await startPages(resources, presentElement)
    const former = pages === 'both' ? await startPages(resources, await formerElement(resources)) : ''
    return { server, gate, browser, present, former }
  })
}

/** CPU of the main thread for `count` messages that arrive while the panel is open or closed. */
async function arrive ({ gate, browser }: Awaited<ReturnType<typeof prepare>>, url: string, count: number, isOpen: boolean): Promise<Measured> {
  const user = nextUser()
  await post(gate, user, 1)
  const inbox = await openInbox(browser, url, { gate, token: userToken(user) })
  await inbox.unread(1)
  if (isOpen) await openPanel(inbox)
  const [listsBefore, before] = [inbox.lists(), await inbox.cpu()]
  await inbox.longestTask()
  await post(gate, user, count)
  await inbox.unread(count + 1)
  const cost = await inbox.cpu() - before
  const figures = { longestTaskMs: await inbox.longestTask(), listRequests: inbox.lists() - listsBefore }
  await inbox.page.context().close()
  return { cost, figures }
}

interface Arrivals extends Pick<Row, 'name' | 'unit' | 'baseline' | 'reach'> { readonly isOpen: boolean, readonly sites: Parameters<typeof prepare>[0], readonly times: number }

/** `times` 400 messages at the element as it is, beside 400 at the other one: the former element where there are both. */
const arrival = ({ isOpen, sites, times, ...row }: Arrivals): Row => ({
  ...row,
  ours: `CPU of the page's main thread, the panel ${isOpen ? 'open' : 'closed'}`,
  missing: browserMissing,
  async prepare (size) {
    const site = await prepare(sites)
    const count = sized(size, 400, 20)
    return {
      close: site.close,
      ours: async () => await arrive(site, site.present, times * count, isOpen),
      baseline: async () => await arrive(site, sites === 'both' ? site.former : site.present, count, isOpen)
    }
  }
})

const arrivals = [false, true].map(isOpen => arrival({
  name: `inbox-${isOpen ? 'open' : 'closed'}`, unit: '400 messages', baseline: 'the element at 0ed607c', reach: { kind: 'cost', atMost: 0.05 }, isOpen, sites: 'both', times: 1
}))

const growth = [false, true].map(isOpen => arrival({
  name: `inbox-${isOpen ? 'open' : 'closed'}-4000`, unit: '4,000 messages', baseline: 'ours, 400 messages', reach: { kind: 'cost', atMost: 11 }, isOpen, sites: 'present', times: 10
}))

/** Messages that were missed while the panel was open and the network away; `rows`: the most that were in the document, also while it is scrolled. */
async function miss ({ gate, browser, present }: Awaited<ReturnType<typeof prepare>>, count: number): Promise<Measured> {
  const user = nextUser()
  await post(gate, user, 1)
  const inbox = await openInbox(browser, present, { gate, token: userToken(user) })
  const { page } = inbox
  await inbox.unread(1)
  await openPanel(inbox)
  const listsBefore = inbox.lists()
  await page.context().setOffline(true)
  await page.waitForFunction("document.querySelector('gatepost-inbox').inbox.state !== 'live'")
  await post(gate, user, count)
  const before = await inbox.cpu()
  await inbox.longestTask()
  await page.context().setOffline(false)
  await inbox.unread(count + 1)
  await page.waitForFunction(`document.querySelector('gatepost-inbox').shadowRoot.querySelector('.row .title')?.textContent === 'Message ${count - 1}'`)
  const cost = (await inbox.cpu() - before) / count
  const longestTaskMs = await inbox.longestTask()
  const rows = await page.evaluate<number>(`(async () => {
    const listing = document.querySelector('gatepost-inbox').shadowRoot.querySelector('.listing')
    let most = 0
    for (let i = 0; i < 40; i += 1) {
      listing.scrollTop += listing.scrollHeight / 40
      await new Promise(resolve => { requestAnimationFrame(() => requestAnimationFrame(resolve)) })
      most = Math.max(most, listing.querySelectorAll('.item').length)
    }
    return most
  })()`)
  const figures = { listRequests: inbox.lists() - listsBefore, longestTaskMs, rows }
  await page.context().close()
  return { cost, figures }
}

const missed: Row = {
  name: 'inbox-missed',
  unit: 'missed message',
  ours: 'CPU of the page\'s main thread, 2,000 missed while the panel was open',
  baseline: 'ours, 200 missed',
  reach: { kind: 'cost', atMost: 1.25 },
  missing: browserMissing,
  async prepare (size) {
    const site = await prepare('present')
    const count = sized(size, 200, 10)
    return { close: site.close, ours: async () => await miss(site, 10 * count), baseline: async () => await miss(site, count) }
  }
}

/** Tabs of one user in one browser: CPU of the server for each message. */
async function inTabs ({ server, gate, browser, present }: Awaited<ReturnType<typeof prepare>>, tabs: number, count: number): Promise<Measured> {
  const user = nextUser()
  const context = await browser.newContext()
  const heapBefore = (await server.ask<NodeJS.MemoryUsage>('memory')).heapUsed
  const open: InboxPage[] = []
  for (let i = 0; i < tabs; i += 1) open.push(await openInbox(browser, present, { gate, token: userToken(user), context }))
  const { sockets } = await (await fetch(`${gate}/gate/users/${user}/presence`, { headers: { authorization: `Bearer ${producerToken()}` } })).json() as { sockets: number }
  const heapBytes = (await server.ask<NodeJS.MemoryUsage>('memory')).heapUsed - heapBefore
  const before = await server.cpu()
  await post(gate, user, count)
  await Promise.all(open.map(async ({ page }) => { await page.waitForFunction(`document.querySelector('gatepost-inbox').inbox.unread.unread === ${count}`, undefined, { polling: 200 }) }))
  const cost = (await server.cpu() - before) / count
  await context.close()
  return { cost, figures: { sockets, heapBytes } }
}

const tabs: Row = {
  name: 'inbox-tabs',
  unit: 'message to a user',
  ours: 'server CPU, ten tabs of the user open',
  baseline: 'one tab',
  reach: { kind: 'cost', atMost: 1.25 },
  noWorse: ['sockets'],
  missing: browserMissing,
  async prepare (size) {
    const site = await prepare('present')
    const count = sized(size, 2_000, 20)
    return { close: site.close, ours: async () => await inTabs(site, sized(size, 10, 3), count), baseline: async () => await inTabs(site, 1, count) }
  }
}

export const inboxRows: readonly Row[] = [...arrivals, ...growth, missed, tabs]
