// The dashboard: asks Gate for the nodes every two seconds and changes only what changed, so that focus stays where it is.
// States: signed out (asks for a token) and watching (has one). A token that is refused leads back to signed out.
const refreshMs = 2_000
const tokenKey = 'gatepost-admin-token'

const find = id => document.getElementById(id)
const [problem, summary, signIn, tokenField, forget, table, empty] = ['problem', 'summary', 'sign-in', 'token', 'forget', 'nodes', 'empty'].map(find)
const body = table.tBodies[0]
const totals = table.tFoot.rows[0]

const number = new Intl.NumberFormat('en', { maximumFractionDigits: 1 })
const percent = new Intl.NumberFormat('en', { style: 'percent', minimumFractionDigits: 1, maximumFractionDigits: 1 })
const megabytes = bytes => `${number.format(bytes / 2 ** 20)} MB`

function duration (ms) {
  const seconds = Math.max(0, Math.round(ms / 1000))
  if (seconds < 120) return `${seconds} s`
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} d`
}

const columns = [
  { label: 'Node', show: fillName },
  { label: 'State', show: (cell, { state }) => { setText(cell, state); cell.className = `state ${state}` } },
  { label: 'Share of the ring', show: fillShare },
  { label: 'Sockets', show: (cell, node) => setText(cell, number.format(node.sockets)) },
  { label: 'Users', show: (cell, node) => setText(cell, number.format(node.users)) },
  { label: 'Messages/s', show: (cell, node) => setText(cell, number.format(node.messagesPerSecond)) },
  { label: 'Lag', show: (cell, node) => { setText(cell, `${number.format(node.eventLoopLagMs)} ms`); cell.classList.toggle('high', node.eventLoopLagMs > 100) } },
  { label: 'Memory', show: (cell, node) => setText(cell, megabytes(node.rssBytes)) },
  { label: 'Store, dispatch', show: (cell, node) => { setText(cell, `${node.store}, ${node.dispatch}`); cell.classList.toggle('high', node.store.includes('unreachable')) } },
  { label: 'Version', show: (cell, node) => setText(cell, node.version) },
  { label: 'Up for', show: (cell, node) => setText(cell, node.state === 'down' ? '' : duration(Date.now() - Date.parse(node.startedAt))) },
  { label: 'Seen', show: (cell, node) => setText(cell, `${duration(Date.now() - Date.parse(node.lastSeen))} ago`) },
  { label: 'Drain', show: fillDrain }
]

function setText (element, text) {
  if (element.textContent !== text) element.textContent = text
}

function part (cell, tag) {
  const found = cell.querySelector(tag)
  if (found !== null) return found
  const made = document.createElement(tag)
  cell.append(made)
  return made
}

function fillName (cell, node) {
  setText(part(cell, 'strong'), node.id)
  setText(part(cell, 'small'), node.weight === 1 ? node.url : `${node.url}, weight ${number.format(node.weight)}`)
}

function fillShare (cell, node) {
  const meter = part(cell, 'meter')
  meter.max = 1
  meter.value = node.ringShare
  setText(part(cell, 'span'), percent.format(node.ringShare))
}

function fillDrain (cell, node) {
  const button = part(cell, 'button')
  const isDraining = node.state === 'draining'
  button.type = 'button'
  button.disabled = node.state === 'down'
  button.setAttribute('aria-label', `${isDraining ? 'Put back' : 'Drain'} ${node.id}`)
  setText(button, isDraining ? 'Put back' : 'Drain')
  button.onclick = async () => {
    // Disabled it would lose the focus.
    if (button.ariaBusy === 'true') return
    if (!isDraining && !window.confirm(`Drain ${node.id}? Its ${number.format(node.sockets)} sockets are handed over to the other nodes.`)) return
    button.ariaBusy = 'true'
    await ask(`nodes/${encodeURIComponent(node.id)}/drain`, isDraining ? 'DELETE' : 'POST')
    await refresh()
    button.ariaBusy = 'false'
  }
}

function show (nodes) {
  const rows = new Map([...body.rows].map(row => [row.dataset.node, row]))
  nodes.forEach((node, at) => {
    let row = rows.get(node.id)
    rows.delete(node.id)
    if (row === undefined) {
      row = document.createElement('tr')
      row.dataset.node = node.id
      for (const { label } of columns) {
        const cell = row.insertCell()
        cell.dataset.label = label
      }
    }
    columns.forEach(({ show }, column) => { show(row.cells[column], node) })
    if (body.rows[at] !== row) body.insertBefore(row, body.rows[at] ?? null)
  })
  for (const row of rows.values()) row.remove()

  const sum = field => nodes.reduce((total, node) => total + (node.state === 'down' ? 0 : node[field]), 0)
  const counts = ['up', 'suspect', 'draining', 'down'].map(state => [state, nodes.filter(node => node.state === state).length]).filter(([, count]) => count > 0)
  const texts = { 3: number.format(sum('sockets')), 4: number.format(sum('users')), 5: number.format(sum('messagesPerSecond')), 7: megabytes(sum('rssBytes')) }
  for (const [column, text] of Object.entries(texts)) {
    totals.cells[column].dataset.label = columns[column].label
    setText(totals.cells[column], text)
  }
  table.hidden = nodes.length === 0
  empty.hidden = nodes.length > 0
  // Read out by screen readers when it changes: only what matters, not every number.
  setText(summary, counts.map(([state, count]) => `${count} ${state}`).join(', '))
}

function showProblem (text) {
  problem.hidden = text === ''
  setText(problem, text)
}

function signOut (text) {
  sessionStorage.removeItem(tokenKey)
  showProblem(text)
  signIn.hidden = false
  forget.hidden = true
  table.hidden = true
  empty.hidden = true
  setText(summary, '')
  tokenField.focus()
}

/** The answer's body; undefined where it was refused, which is shown. */
async function ask (path, method = 'GET') {
  const token = sessionStorage.getItem(tokenKey)
  if (token === null) return undefined
  let answer
  try {
    answer = await fetch(path, { method, headers: { authorization: `Bearer ${token}` }, signal: AbortSignal.timeout(10_000) })
  } catch {
    showProblem('Gate does not answer. Trying again.')
    return undefined
  }
  const content = await answer.json().catch(() => ({}))
  if (answer.ok) {
    showProblem('')
    return content
  }
  const text = `${content.code ?? answer.status}: ${content.message ?? answer.statusText}`
  if (answer.status === 401 || answer.status === 403) signOut(text)
  else showProblem(text)
  return undefined
}

let timer
async function refresh () {
  clearTimeout(timer)
  if (sessionStorage.getItem(tokenKey) === null) return
  if (!document.hidden) {
    const content = await ask('nodes')
    if (content !== undefined) show(content.nodes)
  }
  clearTimeout(timer)
  if (sessionStorage.getItem(tokenKey) !== null) timer = setTimeout(refresh, refreshMs)
}

signIn.addEventListener('submit', event => {
  event.preventDefault()
  sessionStorage.setItem(tokenKey, tokenField.value.trim())
  tokenField.value = ''
  start()
})
forget.addEventListener('click', () => { signOut('') })
document.addEventListener('visibilitychange', () => { if (!document.hidden) refresh() })

function start () {
  if (sessionStorage.getItem(tokenKey) === null) {
    signOut('')
    return
  }
  signIn.hidden = true
  forget.hidden = false
  refresh()
}
start()
