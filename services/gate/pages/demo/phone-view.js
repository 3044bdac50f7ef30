/** A phone on the page: its frame, its switches, and what its client says of itself. */
const maxLines = 60
const ephemeralMs = 6_000
/** In which its panel opens, which takes the focus: nobody has asked for that yet. */
const settleMs = 1_500

const arrows = { in: '←', out: '→', note: '·' }
const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' })
const exact = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 3, hour12: false })

const row = (name, value) => {
  const [dt, dd] = [document.createElement('dt'), document.createElement('dd')]
  dt.textContent = name
  dd.textContent = value
  return [dt, dd]
}

/** `onUser(name)`, `onDrain(node)`, `onFacts()`; `other()` is whom it writes to, `canDrain(node)` whether its node may go. */
export function createPhoneView ({ section, user, other, canDrain, onUser, onDrain, onFacts }) {
  section.replaceChildren(document.getElementById('phone').content.cloneNode(true))
  const find = selector => section.querySelector(selector)
  const [who, frame, compose, waiting, ephemeral, networkSwitch, drain, facts, log, signal] = ['.who', 'iframe', '.compose', '.waiting', '.ephemeral', '[name=network]', '[name=drain]', '.facts', '.log', '.signal'].map(find)
  const sends = new Map()
  let last = {}
  let hiding

  const tell = message => { frame.contentWindow.postMessage(message, window.location.origin) }

  function open (name) {
    user = name
    last = {}
    sends.clear()
    networkSwitch.checked = true
    who.elements.user.value = name
    frame.title = `The phone of ${name}`
    section.ariaLabel = frame.title
    networkSwitch.ariaLabel = `Network of ${name}'s phone`
    log.ariaLabel = `What happens underneath ${name}'s phone`
    log.replaceChildren()
    frame.inert = true
    frame.addEventListener('load', () => { setTimeout(() => { frame.inert = false }, settleMs) }, { once: true })
    frame.src = `demo/phone?user=${encodeURIComponent(name)}`
    draw()
  }

  function draw () {
    const { state = 'connecting', node, cursors = {}, queued = 0, unread = 0, received = 0, twice = 0, isUp = true } = last
    section.classList.toggle('cut', !isUp)
    section.dataset.state = state
    signal.textContent = isUp ? state : 'cut off'
    facts.replaceChildren(
      ...row('Client', state), ...row('Node', state === 'live' ? node ?? '' : 'none'),
      ...row('Cursors', Object.entries(cursors).map(([stream, seq]) => `${stream} ${seq}`).join('\n') || 'none yet'),
      ...row('Waits to be sent', String(queued)), ...row('Unread', String(unread)),
      ...row('Came live', `${received}, ${twice === 0 ? 'none' : twice} twice`)
    )
    waiting.textContent = queued === 0 ? '' : `${queued} ${queued === 1 ? 'message waits' : 'messages wait'} for the network`
    drain.disabled = state !== 'live' || !canDrain(node)
    drain.ariaLabel = `Drain its node${node === undefined ? '' : `, ${node}`}: the node of ${user}'s phone`
    compose.elements.text.placeholder = `Write to ${other()}`
    compose.elements.text.ariaLabel = `${user} writes to ${other()}`
  }

  function write ({ direction, text, tone, at }) {
    const item = document.createElement('li')
    const time = document.createElement('time')
    time.textContent = exact.format(at)
    item.className = tone
    item.append(time, ` ${arrows[direction]} ${text}`)
    log.prepend(item)
    while (log.children.length > maxLines) log.lastElementChild.remove()
  }

  const listeners = {
    log: write,
    facts: given => {
      last = given.facts
      draw()
      onFacts()
    },
    volatile ({ message }) {
      ephemeral.textContent = `${message.from.name ?? message.from.producer ?? message.from.user}: ${message.title ?? message.body}`
      clearTimeout(hiding)
      hiding = setTimeout(() => { ephemeral.textContent = '' }, ephemeralMs)
    },
    sent ({ error }) { if (error !== undefined) write({ direction: 'note', text: `not sent: ${error}`, tone: 'bad', at: Date.now() }) }
  }
  window.addEventListener('message', ({ source, origin, data }) => {
    if (source === frame.contentWindow && origin === window.location.origin && Object.hasOwn(listeners, data.kind)) listeners[data.kind](data)
  })

  who.addEventListener('submit', event => { event.preventDefault(); who.elements.user.blur() })
  who.elements.user.addEventListener('change', ({ target }) => {
    if (!target.reportValidity()) return
    open(target.value)
    onUser(target.value)
  })
  compose.addEventListener('submit', event => {
    event.preventDefault()
    const { text } = compose.elements
    tell({ command: 'send', message: { to: { user: other() }, body: text.value }, key: crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}` })
    text.value = ''
  })
  networkSwitch.addEventListener('change', () => { tell({ command: networkSwitch.checked ? 'restore' : 'cut' }) })
  drain.addEventListener('click', () => { onDrain(last.node) })
  const tick = () => { find('.status time').textContent = clock.format(Date.now()) }
  tick()
  setInterval(tick, 10_000)
  open(user)
  return { get user () { return user }, get node () { return last.state === 'live' ? last.node : undefined }, draw }
}
