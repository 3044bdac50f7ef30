/** What the inbox element does for its user, on a running Gatepost. */
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import type { Page } from 'playwright-core'
import t from 'tap'
import type { GatepostInbox } from '../../clients/gatepost-inbox.js'
import { noBrowser as skip, openPage, startBrowser, startSite, type Opened } from '../helpers/browser.js'
import { startEmbedded } from '../helpers/deployment.js'
import type { Claims } from '../helpers/tokens.js'
import { until } from '../helpers/until.js'

type Axe = { run: (options: object) => Promise<{ violations: Array<{ id: string, nodes: Array<{ html: string }> }> }> }

/** What changes at a message's title when the bar in which the bell stands sets its own text in another way. */
async function styleFromBar (page: Page): Promise<string[]> {
  return await page.evaluate(() => {
    const bar = document.querySelector('header') as HTMLElement
    const title = document.querySelector('gatepost-inbox')?.shadowRoot?.querySelector('.row .title') as HTMLElement
    const styles = (): Map<string, string> => { const all = getComputedStyle(title); return new Map([...all].map(name => [name, all.getPropertyValue(name)])) }
    const { cssText } = bar.style
    const before = styles()
    bar.style.cssText = `${cssText}; font: italic small-caps 900 30px/3 serif; letter-spacing: 4px; word-spacing: 9px; text-align: right; text-align-last: center; text-indent: 20px;
      text-shadow: 0 0 3px red; text-transform: uppercase; text-underline-offset: 9px; text-emphasis: dot; white-space: nowrap; text-wrap: nowrap; word-break: break-all; line-break: anywhere;
      hyphens: auto; tab-size: 2; quotes: none; color: red; -webkit-text-fill-color: red; -webkit-text-stroke: 2px red; user-select: none; pointer-events: none; cursor: wait; visibility: hidden`
    const after = styles()
    bar.style.cssText = cssText
    return [...after].filter(([name, value]) => before.get(name) !== value).map(([name, value]) => `${name}: ${before.get(name)} becomes ${value}`)
  })
}

t.test('inbox - functions', { skip }, async t => {
  const site = await startEmbedded(t)
  const browser = await startBrowser(t)
  const producer = site.producerToken()

  /** A loaded machine's nodes refuse for a while. */
  const taken = async (url: string, bearer: string, body: object): Promise<void> => {
    await until('the message is taken', async () => {
      const answer = await fetch(url, { method: 'POST', headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' }, body: JSON.stringify(body) })
      if (!answer.ok && answer.status !== 503) throw new Error(await answer.text())
      return answer.ok
    }, 60_000, 200)
  }
  const post = async (messages: object | object[]): Promise<void> => { await taken(`${site.gate}/gate/messages`, producer, messages) }
  const mail = async (from: string, message: object, claims: Claims = {}): Promise<void> => {
    const { node, ticket } = await (await fetch(`${site.gate}/gate/assign`, { headers: { authorization: `Bearer ${site.userToken(from, claims)}` } })).json() as { node: { url: string }, ticket: string }
    await taken(`${node.url}/messages`, ticket, message)
  }
  const pages = await startSite(t, '<header><gatepost-inbox></gatepost-inbox></header><main><h1>Site</h1><input aria-label="Search"></main>')
  /** A page of the site with this user's bell. */
  const visit = async (user: string, { attributes = {}, ...options }: Parameters<typeof openPage>[3] & { attributes?: Record<string, string> } = {}): Promise<Opened> => {
    const opened = await openPage(t, browser, pages, options)
    await opened.page.evaluate(({ gate, token, attributes }) => {
      const inbox = document.querySelector('gatepost-inbox') as GatepostInbox
      for (const [name, value] of Object.entries(attributes)) inbox.setAttribute(name, value)
      inbox.gate = gate
      inbox.token = token
    }, { gate: site.gate, token: site.userToken(user), attributes })
    return opened
  }
  const open = async (page: Page): Promise<void> => {
    await page.locator('.bell').click()
    await page.locator('.row').first().waitFor()
  }
  const item = (page: Page, text: string): ReturnType<Page['locator']> => page.locator('.item', { hasText: text })
  const choose = async (page: Page, label: string): Promise<void> => { await page.getByRole('menuitem', { name: label }).click() }

  await t.test('inbox - who it is from, where it leads, what can be chosen', async t => {
    await post({ to: { user: 'ann' }, title: 'Invoice 17', body: 'Over 12 €', url: '/invoices/17', actions: [{ id: 'yes', label: 'Approve' }, { id: 'no', label: 'Reject' }], sender: { name: 'Finance', picture: '/face.png' } })
    await mail('eve', { to: { user: 'ann' }, title: '<img src=x onerror=alert(1)>', body: 'javascript:alert(1) https://example.com/a\u202eb <script>alert(2)</script>' }, { name: '✅ Finance \u202e(site)', picture: 'https://127.0.0.1:1/face.png' })
    const { page, faults } = await visit('ann')
    const other = await visit('ann')
    await open(page)
    await open(other.page)
    t.equal(await item(page, 'Invoice 17').locator('.from').textContent(), 'Finance')
    t.equal(await item(page, 'Invoice 17').locator('.mark.producer').count(), 1)
    t.equal(await item(page, '<img').locator('.mark').count(), 0, 'no name makes a mark')
    t.equal(await item(page, '<img').locator('.from').textContent(), '✅ Finance (site)')
    await item(page, '<img').locator('.row').click()
    await page.locator('article .text').waitFor()
    t.strictSame(await page.locator('article .text a').evaluateAll(links => links.map(link => (link as HTMLAnchorElement).href)), ['https://example.com/a'])
    t.equal(await page.locator('article script').count(), 0)
    await page.keyboard.press('Escape')
    await item(page, 'Invoice 17').waitFor()

    await page.evaluate(() => {
      Object.assign(globalThis, { heard: [] as string[] })
      const { heard } = globalThis as unknown as { heard: string[] }
      document.addEventListener('gatepost-open', event => { heard.push(`open ${event.detail.url}`); event.preventDefault() }, { once: true })
      document.addEventListener('gatepost-action', event => { heard.push(`action ${event.detail.action.id}`) })
    })
    await item(page, 'Invoice 17').locator('.row').click()
    await page.locator('.item.read', { hasText: 'Invoice 17' }).waitFor()
    await item(page, 'Invoice 17').getByRole('button', { name: 'Approve' }).click()
    await item(page, 'Invoice 17').getByText('You chose “Approve”').waitFor()
    await item(other.page, 'Invoice 17').getByText('You chose “Approve”').waitFor()
    t.strictSame(await page.evaluate(() => (globalThis as unknown as { heard: string[] }).heard), [`open ${pages}/invoices/17`, 'action yes'])
    await item(page, 'Invoice 17').locator('.row').click()
    await page.waitForURL('**/invoices/17')
    // A picture that the site's policy refuses is the browser's own word.
    t.strictSame(faults.filter(fault => !/img-src|face\.png/.test(fault)), [])
  })

  await t.test('inbox - a conversation: reply, take back, undo, several at once', async t => {
    for (const title of ['One', 'Two', 'Three', 'Four']) await mail('carl', { to: { user: 'dora' }, title, body: `Body of ${title}` }, { name: 'Carl C' })
    const dora = await visit('dora')
    const carl = await visit('carl')
    await open(dora.page)
    await item(dora.page, 'Three').locator('.row').click()
    await dora.page.getByText('Conversation with Carl C').waitFor()
    t.equal(await dora.page.locator('.bubble').count(), 3)
    await dora.page.getByRole('textbox', { name: 'Reply to Carl C' }).fill('With pleasure')
    await dora.page.getByRole('button', { name: 'Send' }).click()
    await dora.page.locator('.bubble.own:not(.sending)', { hasText: 'With pleasure' }).waitFor()
    await carl.page.locator('.badge').waitFor()
    await open(carl.page)
    await item(carl.page, 'With pleasure').waitFor()
    await dora.page.keyboard.press('Escape')
    await dora.page.getByRole('tab', { name: 'Sent' }).click()
    await item(dora.page, 'To carl').hover()
    await item(dora.page, 'To carl').locator('.more').click()
    await choose(dora.page, 'Take back')
    await carl.page.locator('.item.recalled').waitFor()
    await carl.page.locator('.item.recalled').hover()
    await carl.page.locator('.item.recalled .more').click()
    t.equal(await carl.page.getByRole('menuitem', { name: 'Mark as unread' }).count(), 0)
    await carl.page.keyboard.press('Escape')

    await dora.page.getByRole('tab', { name: 'All', exact: true }).click()
    await item(dora.page, 'Four').hover()
    await item(dora.page, 'Four').getByRole('button', { name: 'Archive' }).click()
    await dora.page.getByRole('button', { name: 'Undo' }).click()
    await item(dora.page, 'Four').waitFor()
    await item(dora.page, 'Four').locator('.row').focus()
    await dora.page.keyboard.press('Delete')
    await item(dora.page, 'Four').waitFor({ state: 'detached' })
    await dora.page.getByRole('button', { name: 'Undo' }).click()
    await item(dora.page, 'Four').waitFor()
    await dora.page.getByRole('button', { name: 'More', exact: true }).click()
    await choose(dora.page, 'Select')
    await dora.page.getByRole('checkbox').nth(0).click()
    await dora.page.getByRole('checkbox').nth(2).click({ modifiers: ['Shift'] })
    await dora.page.getByText('3 selected').waitFor()
    await dora.page.getByRole('toolbar').getByRole('button', { name: 'Archive' }).click()
    await until('one is left', async () => await dora.page.locator('.row').count() === 1)
    await dora.page.getByRole('tab', { name: 'Archive' }).click()
    await until('three are there', async () => await dora.page.locator('.row').count() === 3)
    t.strictSame([...dora.faults, ...carl.faults], [])
  })

  await t.test('inbox - a long list: few rows, the reader stays in place, a burst costs nothing', async t => {
    await post(Array.from({ length: 600 }, (_, i) => ({ to: { user: 'fay' }, title: `Message ${i}`, body: 'A text', category: i % 2 === 0 ? 'orders' : 'news' })))
    const { page, faults } = await visit('fay', { attributes: { categories: 'orders=Orders, news=News', 'title-count': '' } })
    const lists: string[] = []
    page.on('request', request => { if (/\/messages\?/.test(request.url())) lists.push(request.url()) })
    await until('counted in the title', async () => await page.title() === '(99+) Site')
    await post(Array.from({ length: 400 }, (_, i) => ({ to: { user: 'fay' }, title: `Burst ${i}`, body: 'A text' })))
    await until('all counted', async () => await page.evaluate(() => document.querySelector('gatepost-inbox')?.inbox?.unread.unread) === 1_000)
    t.strictSame([lists.length, await page.locator('.list').count()], [0, 0], 'nothing is read or drawn behind a closed bell')
    await open(page)
    let most = 0
    const titles = new Set<string>()
    await until('the oldest one', async () => {
      const shown = await page.locator('.listing').evaluate(node => {
        node.scrollTop += 1_500
        return [node.querySelectorAll('li').length, ...[...node.querySelectorAll('.title')].map(title => title.textContent ?? '')]
      })
      most = Math.max(most, shown[0] as number)
      for (const title of shown.slice(1)) titles.add(title as string)
      return titles.has('Message 0')
    }, 60_000, 10)
    t.ok(most <= 60, `${most} rows in the document`)
    t.ok(lists.length <= 21 && new Set(lists).size === lists.length, `each page once: ${lists.length}`)

    await page.locator('.listing').evaluate(node => { node.scrollTop = 5_000 })
    const placeOf = async (): Promise<string> => await page.locator('.listing').evaluate(node => {
      const top = node.getBoundingClientRect().top
      const first = [...node.querySelectorAll('.item')].find(row => row.getBoundingClientRect().bottom > top)
      return `${first?.querySelector('.title')?.textContent} ${Math.round((first?.getBoundingClientRect().top ?? 0) - top)}`
    })
    await until('drawn', async () => !(await placeOf()).startsWith('undefined'))
    await until('it rests', async () => { const was = await placeOf(); await page.waitForTimeout(100); return was === await placeOf() })
    const place = await placeOf()
    await post([1, 2, 3].map(i => ({ to: { user: 'fay' }, title: `New ${i}`, body: 'x' })))
    await page.getByRole('button', { name: '3 new' }).waitFor()
    t.equal(await placeOf(), place)
    await page.getByRole('button', { name: '3 new' }).click()
    await item(page, 'New 3').waitFor()
    await page.getByRole('tab', { name: /^News/ }).click()
    await item(page, 'Message 599').waitFor()
    t.equal(await item(page, 'Message 598').count(), 0)
    t.strictSame(faults, [])
  })

  await t.test('inbox - the panel\'s place: in the window, over all, closed when the focus goes on; a phone\'s way back', async t => {
    await post({ to: { user: 'gus' }, title: 'Hello', body: 'x' })
    const { page, faults } = await visit('gus', { height: 500 })
    // A bar at the bottom that clips what is in it.
    await page.evaluate(() => {
      const header = document.querySelector('header') as HTMLElement
      Object.assign(header.style, { position: 'fixed', bottom: '0', left: '0', height: '48px', overflow: 'hidden', transform: 'translateZ(0)' })
    })
    await open(page)
    const box = await page.locator('.panel').boundingBox()
    t.ok(box !== null && box.x >= 0 && box.y >= 0 && box.y + box.height <= 452 && box.height > 200, JSON.stringify(box))
    t.strictSame(await styleFromBar(page), [], 'nothing of how the bar sets its text reaches the messages')
    await until('the row has the focus', async () => await page.evaluate(() => document.querySelector('gatepost-inbox')?.shadowRoot?.activeElement?.classList.contains('row')))
    for (let i = 0; i < 12 && await page.locator('.panel').isVisible(); i += 1) await page.keyboard.press('Tab')
    await page.locator('.panel').waitFor({ state: 'hidden' })
    await open(page)
    await page.evaluate(() => { (document.activeElement as HTMLElement).blur() })
    await page.keyboard.press('Escape')
    await page.locator('.panel').waitFor({ state: 'hidden' })

    const phone = await visit('gus', { width: 380, height: 700 })
    await open(phone.page)
    t.match(await phone.page.locator('.panel').boundingBox(), { x: 0, y: 0, width: 380, height: 700 })
    for (let i = 0; i < 15; i += 1) {
      await phone.page.keyboard.press('Tab')
      t.not(await phone.page.evaluate(() => document.activeElement?.tagName), 'INPUT', 'the page behind is inert')
    }
    const { url } = { url: phone.page.url() }
    await phone.page.goBack()
    await phone.page.locator('.panel').waitFor({ state: 'hidden' })
    t.equal(phone.page.url(), url)
    await open(phone.page)
    await phone.page.locator('.head .close').click()
    await phone.page.locator('.panel').waitFor({ state: 'hidden' })
    await until('no place in the history is left', async () => await phone.page.evaluate(() => history.state?.gatepostInbox === undefined))
    t.strictSame([...faults, ...phone.faults], [])
  })

  await t.test('inbox - a phone: rows to the end of the screen, swipes, two panels with a way back each', async t => {
    await post(Array.from({ length: 30 }, (_, i) => ({ to: { user: 'kim' }, title: `Message ${i}`, body: 'A text' })))
    const { page, faults } = await visit('kim', { width: 380, height: 1_300 })
    const touch = await page.context().newCDPSession(page)
    await touch.send('Emulation.setTouchEmulationEnabled', { enabled: true })
    const swipe = async (text: string, share: number): Promise<void> => {
      const { x, y, width, height } = await item(page, text).boundingBox() as { x: number, y: number, width: number, height: number }
      const at = (part: number): { touchPoints: Array<{ x: number, y: number }> } => ({ touchPoints: [{ x: x + width / 2 + width * share * part, y: y + height / 2 }] })
      await touch.send('Input.dispatchTouchEvent', { type: 'touchStart', ...at(0) })
      for (let step = 1; step <= 8; step += 1) await touch.send('Input.dispatchTouchEvent', { type: 'touchMove', ...at(step / 8) })
      await touch.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] })
    }
    await open(page)
    const room = await page.locator('.listing').evaluate(listing => {
      const bottoms = [...listing.querySelectorAll('.item')].map(row => row.getBoundingClientRect().bottom)
      return Math.max(...bottoms) - listing.getBoundingClientRect().bottom
    })
    t.ok(room >= 0, `no row is missing on the screen: ${room} px`)

    await swipe('Message 29', -0.15)
    await swipe('Message 29', -0.45)
    await page.getByText('Archived', { exact: true }).waitFor()
    await item(page, 'Message 29').waitFor({ state: 'detached' })
    await swipe('Message 28', 0.45)
    await page.locator('.item.read', { hasText: 'Message 28' }).waitFor()
    t.equal(await page.locator('article').count(), 0, 'a swipe is no click')
    await page.evaluate(() => { document.documentElement.dir = 'rtl' })
    await swipe('Message 27', 0.45)
    await item(page, 'Message 27').waitFor({ state: 'detached' })

    await page.evaluate(({ gate, token }) => {
      const second = Object.assign(document.createElement('gatepost-inbox'), { id: 'second', gate, token })
      document.body.append(second)
      second.open = true
    }, { gate: site.gate, token: site.userToken('kim') })
    const second = page.locator('#second .panel')
    const first = page.locator('header .panel')
    await second.waitFor()
    const { url } = { url: page.url() }
    await page.goBack()
    await second.waitFor({ state: 'hidden' })
    t.equal(await first.isVisible(), true)
    await page.goBack()
    await first.waitFor({ state: 'hidden' })
    t.equal(page.url(), url)
    t.strictSame(faults, [])
  })

  await t.test('inbox - told elsewhere, by what the user has switched on, in one of the tabs; messages that are not kept; a script that opens it', async t => {
    await post({ to: { user: 'lea' }, title: 'First', body: 'x' })
    const first = await visit('lea', { attributes: { notify: '', sound: '' } })
    const { page } = first
    await page.context().grantPermissions(['notifications'])
    const spy = (): void => {
      const heard = { notes: [] as Array<{ title: string, body: string }>, tones: 0, volatile: [] as string[], last: undefined as Notification | undefined }
      Object.assign(globalThis, {
        heard,
        Notification: class extends Notification {
          constructor (title: string, options: NotificationOptions) {
            super(title, options)
            heard.notes.push({ title, body: options.body ?? '' })
            heard.last = this
          }
        },
        AudioContext: class extends AudioContext {
          override createOscillator (): OscillatorNode { heard.tones += 1; return super.createOscillator() }
        }
      })
      document.hasFocus = () => false
      document.addEventListener('gatepost-volatile', ({ detail }) => { heard.volatile.push(detail.body ?? '') })
    }
    interface Heard { notes: Array<{ title: string, body: string }>, tones: number, volatile: string[] }
    const heard = async (of: Page): Promise<Heard> => await of.evaluate(() => (({ notes, tones, volatile }: Heard) => ({ notes, tones, volatile }))((globalThis as unknown as { heard: Heard }).heard))
    await page.evaluate(spy)
    await open(page)
    await post({ to: { user: 'lea' }, title: 'Second', body: 'x' })
    await item(page, 'Second').waitFor()
    // What came before the switches are on is told of by no more than this.
    await page.locator('.spoken', { hasText: 'Second' }).waitFor({ state: 'attached' })
    for (const label of ['Notify me on this device', 'Play a sound']) {
      await page.getByRole('button', { name: 'More', exact: true }).click()
      await page.getByRole('menuitemcheckbox', { name: label, checked: false }).click()
    }
    await page.getByRole('button', { name: 'More', exact: true }).click()
    await page.getByRole('menuitemcheckbox', { name: 'Notify me on this device', checked: true }).waitFor()
    await page.keyboard.press('Escape')

    const other = await page.context().newPage()
    await other.goto(pages)
    await other.evaluate(spy)
    await other.evaluate(({ gate, token }) => {
      const inbox = document.querySelector('gatepost-inbox') as GatepostInbox
      for (const name of ['notify', 'sound']) inbox.setAttribute(name, '')
      Object.assign(inbox, { gate, token })
    }, { gate: site.gate, token: site.userToken('lea') })
    await other.locator('.badge').waitFor()
    await other.locator('h1').click()
    await page.locator('h1').click()
    await post({ to: { user: 'lea' }, title: 'Third', body: 'See <b>this</b>', sender: { name: 'Finance' } })
    const all = async (): Promise<Heard[]> => [await heard(page), await heard(other)]
    await until('a notification', async () => (await all()).some(({ notes }) => notes.length > 0))
    await until('a sound', async () => (await all()).some(({ tones }) => tones > 0))
    await post(Array.from({ length: 5 }, (_, i) => ({ to: { user: 'lea' }, title: `More ${i}`, body: 'x' })))
    await until('one for many', async () => (await all()).flatMap(({ notes }) => notes).length === 2)
    // Which of the tabs it is may change between the two.
    const byTitle = (one: { title: string }, other: { title: string }): number => one.title < other.title ? -1 : 1
    t.strictSame((await all()).flatMap(({ notes }) => notes).sort(byTitle), [{ title: '5 new messages', body: '' }, { title: 'Finance', body: 'Third\nSee <b>this</b>' }])
    t.equal((await all()).reduce((sum, { tones }) => sum + tones, 0), 4, 'two tones each time, in one tab')
    const clicked = (await heard(page)).notes.length > 0 ? page : other
    await clicked.evaluate(() => { (globalThis as unknown as { heard: { last: Notification } }).heard.last.onclick?.(new Event('click')) })
    await clicked.locator('article').waitFor()
    await clicked.keyboard.press('Escape')
    await clicked.locator('article').waitFor({ state: 'hidden' })
    await clicked.keyboard.press('Escape')
    await clicked.locator('.panel').waitFor({ state: 'hidden' })

    const rows = await page.locator('.row').count()
    await post({ to: { user: 'lea' }, body: 'not kept', volatile: true })
    await until('not kept', async () => (await heard(page)).volatile.includes('not kept'))
    t.equal(await page.locator('.row').count(), rows)

    const search = page.getByRole('textbox', { name: 'Search' })
    await search.fill('a ')
    await page.evaluate(() => { (document.querySelector('gatepost-inbox') as GatepostInbox).open = true })
    await item(page, 'Third').waitFor()
    await page.keyboard.type('b')
    t.equal(await search.inputValue(), 'a b', 'the field keeps the focus')
    await item(page, 'Third').locator('.row').click()
    await page.locator('article').waitFor()
    // Closed by the focus in the field and opened again before it is drawn.
    await page.evaluate(() => {
      (document.querySelector('main input') as HTMLElement).focus()
      ;(document.querySelector('gatepost-inbox') as GatepostInbox).open = true
    })
    await item(page, 'Third').waitFor()
    await page.keyboard.type('c')
    t.equal(await search.inputValue(), 'a bc', 'the field keeps the focus, whatever was open in the panel')
    await page.keyboard.press('Escape')
    await page.locator('.panel').waitFor({ state: 'hidden' })
    t.strictSame(first.faults, [])
  })

  await t.test('inbox - languages, and the end of a session', async t => {
    await mail('layla', { to: { user: 'hal' }, title: 'مرحبا', body: 'رقم الطلب 12345 (ABC).' })
    const { page } = await visit('hal', { attributes: { lang: 'ar', dir: 'rtl' } })
    await page.getByRole('button', { name: 'الرسائل، 1 غير مقروءة' }).click()
    await page.getByRole('tab', { name: 'الأرشيف' }).waitFor()
    t.equal(await page.locator('.row .preview').first().evaluate(node => getComputedStyle(node).direction), 'rtl')
    for (const [lang, title] of [['de-AT', 'Nachrichten'], ['zh-CN', '消息'], ['ja', 'メッセージ'], ['es', 'Mensajes'], ['fr', 'Messages']] as const) {
      await page.evaluate(lang => { (document.querySelector('gatepost-inbox') as HTMLElement).lang = lang }, lang)
      await page.getByRole('dialog', { name: title, exact: true }).waitFor()
    }
    await page.evaluate(({ expired, fresh }) => {
      const inbox = document.querySelector('gatepost-inbox') as GatepostInbox
      let asked = 0
      inbox.token = () => { asked += 1; return Promise.resolve(asked > 2 ? fresh : expired) }
      inbox.lang = 'en'
    }, { expired: site.userToken('hal', { exp: Math.floor(Date.now() / 1000) - 5 }), fresh: site.userToken('hal') })
    await page.getByRole('button', { name: 'Sign in again' }).first().click()
    await page.locator('.row', { hasText: 'مرحبا' }).waitFor()
  })

  await t.test('inbox - axe finds nothing', async t => {
    const source = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
    await post([...Array.from({ length: 8 }, (_, i) => ({ to: { user: 'ivy' }, title: `Message ${i}`, body: 'A text' })), { to: { user: 'ivy' }, title: 'Choose', actions: [{ id: 'a', label: 'One' }, { id: 'b', label: 'Two' }] }])
    await mail('bob', { to: { user: 'ivy' }, title: 'From Bob', body: 'Hello https://example.com' })
    await post({ to: { all: true }, title: 'Tonight', body: 'Closed' })
    for (const dark of [false, true]) {
      const { page } = await visit('ivy', { dark })
      const check = async (what: string): Promise<void> => {
        await page.evaluate(source)
        const { violations } = await page.evaluate(async () => await (globalThis as unknown as { axe: Axe }).axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }))
        t.strictSame(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`), [], `${what}${dark ? ', dark' : ''}`)
      }
      await page.locator('.badge').waitFor()
      await check('bell')
      await open(page)
      await page.waitForFunction(() => document.querySelector('gatepost-inbox')?.shadowRoot?.getAnimations().length === 0)
      t.equal(await item(page, 'Tonight').locator('.mark.announcement').count(), 1)
      await check('list')
      await item(page, 'Message 7').hover()
      await item(page, 'Message 7').locator('.more').click()
      await check('menu')
      await choose(page, 'Select')
      await check('selection')
      await page.keyboard.press('Escape')
      await item(page, 'From Bob').locator('.row').click()
      await page.locator('article').waitFor()
      await check('reading')
      await page.keyboard.press('Escape')
      await page.getByRole('tab', { name: 'Archive' }).click()
      await page.getByText('The archive is empty').waitFor()
      await check('empty')
    }
  })
})
