/** The package's React and Vue entries, rendered by a server and hydrated in a browser, and rendered in the browser alone. */
import { createRequire } from 'node:module'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import t, { type Test } from 'tap'
import type { Page } from 'playwright-core'
import { noBrowser, openPage, startBrowser, startSite } from '../helpers/browser.js'
import { until } from '../helpers/until.js'
import { startWireDouble, userToken } from '../helpers/wire-double.js'

/** Beside the frameworks, and where `@gatepost/client` is what its package.json says it is. */
const clientsFolder = fileURLToPath(new URL('../../clients/', import.meta.url))
const require = createRequire(import.meta.url)

const frameworks = {
  react: {
    app: `
      import { createElement as h, useEffect, useReducer } from 'react'
      import { GatepostInbox, useUnread } from '@gatepost/client/react'
      function Count ({ gate, token }) {
        return h('output', null, useUnread({ gate, token: token === null ? null : () => token }).unread)
      }
      export function App ({ gate, token }) {
        const [renders, again] = useReducer(count => count + 1, 0)
        useEffect(() => { globalThis.again = again }, [])
        return h('main', { 'data-renders': renders },
          h(GatepostInbox, {
            gate, className: 'bell', theme: 'dark', texts: { title: 'Post' }, token: token === null ? null : () => token,
            onMessage: ({ title }) => { globalThis.got = [...globalThis.got ?? [], title + ' ' + renders] }
          }),
          h(Count, { gate, token }))
      }`,
    server: `
      import { createElement } from 'react'
      import { renderToString } from 'react-dom/server'
      export const render = props => renderToString(createElement(App, props))`,
    hydrate: `
      import { createElement } from 'react'
      import { hydrateRoot } from 'react-dom/client'
      const start = (root, props) => { hydrateRoot(root, createElement(App, props), { onRecoverableError: error => { console.error(error) } }) }`,
    mount: `
      import { createElement, StrictMode } from 'react'
      import { createRoot } from 'react-dom/client'
      const start = (root, props) => { createRoot(root).render(createElement(StrictMode, null, createElement(App, props))) }`
  },
  vue: {
    app: `
      import { h, ref } from 'vue'
      import { GatepostInbox, useUnread } from '@gatepost/client/vue'
      export const App = {
        props: ['gate', 'token'],
        setup (props) {
          const renders = ref(0)
          globalThis.again = () => { renders.value += 1 }
          const token = () => props.token === null ? null : () => props.token
          const unread = useUnread(() => ({ gate: props.gate, token: token() }))
          return () => h('main', { 'data-renders': renders.value }, [
            h(GatepostInbox, {
              gate: props.gate, class: 'bell', theme: 'dark', texts: { title: 'Post' }, token: token(),
              onMessage: ({ title }) => { globalThis.got = [...globalThis.got ?? [], title + ' ' + renders.value] }
            }),
            h('output', unread.value.unread)
          ])
        }
      }`,
    server: `
      import { createSSRApp } from 'vue'
      import { renderToString } from 'vue/server-renderer'
      export const render = async props => await renderToString(createSSRApp(App, props))`,
    hydrate: `
      import { createSSRApp } from 'vue'
      const start = (root, props) => { createSSRApp(App, props).mount(root) }`,
    mount: `
      import { createApp } from 'vue'
      const start = (root, props) => { createApp(App, props).mount(root) }`
  }
}

const start = `
  const root = document.getElementById('root')
  start(root, JSON.parse(root.dataset.props))`

async function bundle (source: string, platform: 'node' | 'browser'): Promise<string> {
  const { outputFiles: [file] } = await build({
    stdin: { contents: source, resolveDir: clientsFolder },
    bundle: true,
    write: false,
    platform,
    format: platform === 'node' ? 'cjs' : 'esm',
    define: { 'process.env.NODE_ENV': '"development"', __VUE_OPTIONS_API__: 'true', __VUE_PROD_DEVTOOLS__: 'false', __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: 'true' },
    logLevel: 'silent'
  })
  return file?.text ?? ''
}

/** Runs the server's bundle as a server without a DOM would. */
async function renderOnServer (t: Test, source: string, props: object): Promise<string> {
  const file = join(t.testdir({}), 'server.cjs')
  await writeFile(file, await bundle(source, 'node'))
  return await (require(file) as { render: (props: object) => string | Promise<string> }).render(props)
}

const unread = async (page: Page): Promise<string | null> => await page.locator('output').textContent()

t.test('frameworks', { skip: noBrowser }, async t => {
  const browser = await startBrowser(t)
  for (const [name, { app, server, hydrate, mount }] of Object.entries(frameworks)) {
    for (const way of ['hydrated', 'mounted'] as const) {
      await t.test(`frameworks - ${name}, ${way}: bell, properties, events and hooks; rendering again makes no connection`, async t => {
        const wire = await startWireDouble(t)
        wire.post({ to: { user: 'ann' }, title: 'First', body: 'x' })
        const props = { gate: wire.gateUrl, token: userToken('ann') }
        const html = way === 'hydrated' ? await renderOnServer(t, app + server, props) : ''
        if (way === 'hydrated') {
          t.match(html, '<gatepost-inbox', 'the server renders the element')
          t.notMatch(html, props.token, 'a token is no part of it')
        }
        const script = await bundle(app + (way === 'hydrated' ? hydrate : mount) + start, 'browser')
        const { page, faults } = await openPage(t, browser, await startSite(t, `<div id="root" data-props='${JSON.stringify(props)}'>${html}</div>`, script))
        const bell = page.locator('gatepost-inbox.bell[theme=dark]')
        await bell.locator('.badge', { hasText: /^1$/ }).waitFor({ state: 'visible' })
        await until('hook', async () => await unread(page) === '1')

        await bell.locator('.bell').click()
        await page.getByRole('dialog', { name: 'Post' }).waitFor()
        await bell.locator('.row', { hasText: 'First' }).waitFor()
        const assigns = wire.seen.assigns.length
        for (let i = 1; i <= 10; i += 1) {
          await page.evaluate(() => { (globalThis as unknown as { again: () => void }).again() })
          await page.locator(`main[data-renders="${i}"]`).waitFor()
        }
        wire.post({ to: { user: 'ann' }, title: 'Second', body: 'x' })
        await until('hook', async () => await unread(page) === '2')
        t.strictSame(await page.evaluate(() => (globalThis as unknown as { got: string[] }).got), ['Second 10'], 'the latest callback hears of it')
        await page.getByRole('dialog', { name: 'Post' }).waitFor()
        t.equal(wire.seen.assigns.length, assigns, 'the token functions of ten renderings ask for no other connection')
        t.strictSame(faults, [])
      })
    }
  }
})
