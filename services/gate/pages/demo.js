// The demo: a token for any name from Gate's login, the inbox element fed with it, and a form that sends by the node's REST.
const userKey = 'gatepost-demo-user'
const renewBeforeMs = 60_000

const find = id => document.getElementById(id)
const [problem, who, bell, leave, signIn, userField, mail, toField, titleField, bodyField, sent] = ['problem', 'who', 'bell', 'leave', 'sign-in', 'user', 'mail', 'to', 'title', 'body', 'sent'].map(find)
const gate = window.location.origin

let login
let assignment

function showProblem (text) {
  problem.hidden = text === ''
  problem.textContent = text
}

/** The answer's body; throws an Error with the refusal's text. */
async function ask (url, { token, ...options } = {}) {
  let answer
  try {
    answer = await fetch(url, {
      ...options,
      headers: { ...options.headers, ...options.body !== undefined && { 'content-type': 'application/json' }, ...token !== undefined && { authorization: `Bearer ${token}` } },
      signal: AbortSignal.timeout(10_000)
    })
  } catch {
    throw Object.assign(new Error('It does not answer. Try again.'), { isUnreachable: true })
  }
  const content = await answer.json().catch(() => ({}))
  if (!answer.ok) throw Object.assign(new Error(`${content.code ?? answer.status}: ${content.message ?? answer.statusText}`), { code: content.code })
  return content
}

const isFresh = given => given !== undefined && Date.parse(given.expiresAt) - Date.now() > renewBeforeMs

async function token () {
  if (!isFresh(login)) login = await ask('login', { method: 'POST', body: JSON.stringify({ user: sessionStorage.getItem(userKey) }) })
  return login.token
}

async function send (message, key) {
  if (!isFresh(assignment)) assignment = await ask('assign', { token: await token() })
  const { node, ticket } = assignment
  try {
    return await ask(new URL('messages', `${node.url}/`), { method: 'POST', token: ticket, body: JSON.stringify(message), headers: { 'idempotency-key': key } })
  } catch (error) {
    // The node has gone or is going: another one, with the same key, so that it is sent once.
    if (error.isUnreachable !== true && !['GP_DRAINING', 'GP_TICKET_EXPIRED', 'GP_TICKET_WRONG_NODE'].includes(error.code)) throw error
    assignment = await ask(`assign?avoid=${encodeURIComponent(node.id)}`, { token: await token() })
    return await ask(new URL('messages', `${assignment.node.url}/`), { method: 'POST', token: assignment.ticket, body: JSON.stringify(message), headers: { 'idempotency-key': key } })
  }
}

function open (user) {
  const inbox = document.createElement('gatepost-inbox')
  inbox.setAttribute('gate', gate)
  inbox.token = token
  bell.replaceChildren(inbox)
  who.textContent = `You are ${user}`
  signIn.hidden = true
  mail.hidden = false
  leave.hidden = false
  showProblem('')
}

signIn.addEventListener('submit', async event => {
  event.preventDefault()
  const user = userField.value
  sessionStorage.setItem(userKey, user)
  login = undefined
  assignment = undefined
  try {
    await token()
    open(user)
    toField.focus()
  } catch (error) {
    sessionStorage.removeItem(userKey)
    showProblem(error.message)
  }
})

mail.addEventListener('submit', async event => {
  event.preventDefault()
  const button = mail.querySelector('button')
  button.disabled = true
  sent.textContent = ''
  const to = toField.value
  const body = bodyField.value
  try {
    await send({ to: { user: to }, title: titleField.value, ...body !== '' && { body } }, crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`)
    sent.textContent = `Sent to ${to}.`
    showProblem('')
    titleField.value = ''
    bodyField.value = ''
  } catch (error) {
    showProblem(error.message)
  }
  button.disabled = false
  titleField.focus()
})

leave.addEventListener('click', () => {
  sessionStorage.removeItem(userKey)
  window.location.reload()
})

const known = sessionStorage.getItem(userKey)
if (known !== null) open(known)
