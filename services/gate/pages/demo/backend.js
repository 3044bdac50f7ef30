/** The kinds of messages that the demo's backend sends, each as the request that it is, and the same as a line of shell. */
const shop = { name: 'Corner Shop', picture: new URL('pages/demo/shop.svg', window.location.href).href }
const group = 'demo-club'
const renewAfterMs = 50 * 60_000

const post = body => ({ method: 'POST', path: 'messages', body })

/**
 * `requests(context)` gives what is sent, in order; the last one's answer is shown. `context`: `{to, users, number, last}`, where
 * `last` is the last message that was sent to a user, as `{id, to}`. A kind without requests has nothing to work on yet.
 */
export const kinds = [
  {
    id: 'order',
    label: 'Order update',
    hint: 'with a link, two actions and a sender',
    requests: ({ to, number }) => [post({
      to: { user: to },
      title: `Order ${number} arrives today`,
      body: 'Between 14:00 and 15:00. Nobody at home?',
      category: 'orders',
      url: `/orders/${number}`,
      actions: [{ id: 'neighbour', label: 'Leave it next door' }, { id: 'tomorrow', label: 'Tomorrow' }],
      sender: shop
    })]
  },
  {
    id: 'announcement',
    label: 'Announcement',
    hint: 'to everybody',
    requests: () => [post({ to: { all: true }, title: 'New opening hours', body: 'We are open until ten in the evening.', category: 'news', ttl: 86_400, sender: shop })]
  },
  {
    id: 'group',
    label: 'Group',
    hint: 'makes both members, then sends',
    requests: ({ users }) => [
      ...users.map(user => ({ method: 'PUT', path: `groups/${group}/members/${encodeURIComponent(user)}` })),
      post({ to: { group }, title: 'Club evening on Friday', body: 'Bring a friend.', category: 'club', sender: shop })
    ]
  },
  {
    id: 'ephemeral',
    label: 'Ephemeral',
    hint: 'stored nowhere, for who is on',
    requests: ({ to }) => [post({ to: { user: to }, title: 'Your courier is three streets away', volatile: true, sender: shop })]
  },
  {
    id: 'recall',
    label: 'Take it back',
    hint: 'the last message to one user',
    requests: ({ last }) => last === undefined ? [] : [{ method: 'POST', path: `messages/${encodeURIComponent(last.id)}/recall`, body: { to: last.to } }]
  }
]

const quoted = text => `'${text.replaceAll("'", "'\\''")}'`
const addressOf = path => new URL(path, window.location.href).href

/** Runs as it is, in a shell on this machine: the demo gives its token to programs too. */
export const curlOf = requests => requests.map(({ method, path, body }) => [
  `curl -X ${method} ${addressOf(path)}`,
  `  -H "authorization: Bearer $(curl -s -X POST ${addressOf('demo/token')})"`,
  ...body === undefined ? [] : ["  -H 'content-type: application/json'", `  -d ${quoted(JSON.stringify(body))}`]
].join(' \\\n')).join('\n')

export function createBackend () {
  let token
  let tokenAt = 0

  async function authorization () {
    if (Date.now() - tokenAt > renewAfterMs) {
      const answer = await fetch('demo/token', { method: 'POST' })
      if (!answer.ok) throw new Error(`demo/token: ${answer.status}`)
      token = await answer.text()
      tokenAt = Date.now()
    }
    return `Bearer ${token}`
  }

  /** `{status, body}` of the last request; one that was refused ends it. */
  return async function run (requests) {
    let last
    for (const { method, path, body } of requests) {
      const headers = { authorization: await authorization(), ...body !== undefined && { 'content-type': 'application/json' } }
      const answer = await fetch(path, { method, headers, ...body !== undefined && { body: JSON.stringify(body) }, signal: AbortSignal.timeout(10_000) })
      last = { status: answer.status, body: await answer.json().catch(() => ({})) }
      if (!answer.ok) return last
    }
    return last
  }
}
