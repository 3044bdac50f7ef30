/** The demo: two phones, a backend and the nodes between them. Nothing here is a script: what is shown comes from the clients and from Gate. */
import { createBackend, curlOf, kinds } from './backend.js'
import { createNodes } from './nodes.js'
import { createPhoneView } from './phone-view.js'

const find = id => document.getElementById(id)
const address = new URL(window.location.href)
const names = [address.searchParams.get('left') || 'ann', address.searchParams.get('right') || 'bob']
const firstOrder = 1042
const run = createBackend()
let sent = 0
let to = 0
let shown = kinds[0]
/** The last stored message to one user: what can be taken back. */
let last

/** Made after the phones, which ask it. */
const board = {}
const phones = ['phone-1', 'phone-2'].map((id, at) => createPhoneView({
  section: find(id),
  user: names[at],
  other: () => names[1 - at],
  canDrain: id => board.nodes?.canDrain(id) === true,
  onDrain: id => { board.nodes.order(id, false) },
  onFacts: () => { board.nodes?.draw() },
  onUser: name => {
    names[at] = name
    address.searchParams.set(at === 0 ? 'left' : 'right', name)
    window.history.replaceState(null, '', address)
    drawTargets()
    for (const phone of phones) phone.draw()
  }
}))
board.nodes = createNodes({
  list: find('nodes'),
  outcome: find('node-outcome'),
  usersOn: id => phones.filter(({ node }) => node === id).map(({ user }) => user),
  onChange: () => { for (const phone of phones) phone.draw() }
})

const context = () => ({ to: names[to], users: [...new Set(names)], number: firstOrder + sent, last })

function drawTargets () {
  const buttons = names.map((name, at) => {
    const button = document.createElement('button')
    Object.assign(button, { type: 'button', textContent: `To ${name}`, ariaPressed: String(at === to), onclick: () => { to = at; drawTargets() } })
    return button
  })
  const hadFocus = [...find('targets').children].indexOf(document.activeElement)
  find('targets').replaceChildren(...buttons)
  buttons[hadFocus]?.focus()
  drawCurl(shown.requests(context()))
}

function drawCurl (requests) { find('curl').textContent = requests.length === 0 ? '# There is nothing to take back yet.' : curlOf(requests) }

async function send (kind) {
  const outcome = find('outcome')
  shown = kind
  const requests = kind.requests(context())
  sent += 1
  drawCurl(requests)
  if (requests.length === 0) {
    outcome.textContent = 'There is nothing to take back yet.'
    return
  }
  try {
    const { status, body } = await run(requests)
    outcome.textContent = status >= 400 ? `${status} ${body.code}: ${body.message}` : `${status} ${status === 201 ? 'Stored' : status === 202 ? 'Handed on, stored nowhere' : 'Done'}${body.id === undefined ? '' : `: ${body.id}`}`
    const { to } = requests.at(-1).body
    if (status === 201 && to.user !== undefined) last = { id: body.id, to }
    if (kind.id === 'recall' && status < 400) last = undefined
  } catch { outcome.textContent = 'Gate does not answer.' }
}

find('kinds').replaceChildren(...kinds.map(kind => {
  const button = document.createElement('button')
  const [label, hint] = [document.createElement('strong'), document.createElement('span')]
  label.textContent = kind.label
  hint.textContent = kind.hint
  button.type = 'button'
  button.dataset.kind = kind.id
  button.append(label, ' ', hint)
  button.addEventListener('click', () => { send(kind) })
  return button
}))

find('copy').addEventListener('click', async ({ target }) => {
  try {
    await navigator.clipboard.writeText(find('curl').textContent)
    target.textContent = 'Copied'
  } catch {
    // Without https there is no clipboard for pages: what is marked is copied by hand.
    window.getSelection().selectAllChildren(find('curl'))
    target.textContent = 'Marked'
  }
  setTimeout(() => { target.textContent = 'Copy' }, 2_000)
})

drawTargets()
