/**
 * A phone of the demo: a site's page with the bell on it, in a window of its own. The page around it is told what happens here (`facts`,
 * `log`, `volatile`) and asks for what its controls do (`cut`, `restore`, `send`, `open`), in messages.
 */
import { network } from './network.js'
import { createWireReader } from './wire.js'

const user = new URLSearchParams(window.location.search).get('user') ?? 'ann'
const page = window.parent
const factsEveryMs = 200
const renewBeforeMs = 60_000

const element = document.querySelector('gatepost-inbox')
const place = document.getElementById('place')
const seen = new Map()
let node
let login
let told = ''

const tell = (kind, content) => { page.postMessage({ kind, ...content }, window.location.origin) }
const log = (direction, text, tone = '') => { tell('log', { direction, text, tone, at: Date.now() }) }

network.onTraffic(createWireReader({ log, onNode: id => { node = id }, onVolatile: message => { tell('volatile', { message }) } }))

async function token () {
  if (login === undefined || Date.parse(login.expiresAt) - Date.now() < renewBeforeMs) {
    const answer = await fetch('../login', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ user }) })
    if (!answer.ok) throw new Error(`login: ${answer.status}`)
    login = await answer.json()
  }
  return login.token
}

/** Changes at any time, and nothing tells of all of it: it is looked at, and told when it is another. */
function tellFacts () {
  const { inbox } = element
  const counts = [...seen.values()]
  const facts = {
    state: inbox?.state ?? 'connecting',
    isUp: network.isUp,
    node,
    cursors: inbox?.cursors ?? {},
    queued: inbox?.queuedSends ?? 0,
    unread: inbox?.unread.unread ?? 0,
    received: counts.length,
    twice: counts.filter(times => times > 1).length
  }
  const text = JSON.stringify(facts)
  if (text === told) return
  told = text
  tell('facts', { facts })
}

async function send ({ message, key }) {
  try { tell('sent', { key, answer: await element.inbox.send(message, { idempotencyKey: key }) }) } catch (error) {
    tell('sent', { key, error: `${error.code}: ${error.message}` })
  }
}

const commands = {
  cut: () => { network.cut() },
  restore: () => { network.restore() },
  open: () => { element.open = true },
  send
}

window.addEventListener('message', ({ source, origin, data }) => {
  if (source === page && origin === window.location.origin && Object.hasOwn(commands, data.command)) commands[data.command](data)
})

element.addEventListener('gatepost-message', ({ detail }) => { seen.set(detail.id, (seen.get(detail.id) ?? 0) + 1) })

// Where a site would go to its own page.
element.addEventListener('gatepost-open', event => {
  const { url, message } = event.detail
  if (url === null) return
  event.preventDefault()
  const [strong, from] = [document.createElement('strong'), document.createElement('p')]
  strong.textContent = new URL(url, window.location.href).pathname
  from.textContent = `The message “${message.title}” leads there.`
  const first = document.createElement('p')
  first.append('Your page ', strong)
  place.replaceChildren(first, from)
  element.open = false
})

// The way back belongs to the page with both phones: a panel that opens or closes here leaves its history alone.
window.history.pushState = window.history.replaceState.bind(window.history)
window.history.back = () => { window.history.replaceState(null, '') }

document.getElementById('hello').textContent = `Hello, ${user}`
document.title = `The phone of ${user}`
element.token = token
element.gate = new URL('../..', window.location.href).href
element.open = true
setInterval(tellFacts, factsEveryMs)
