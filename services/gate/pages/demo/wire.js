/** What a phone's traffic says, as facts in plain words: Socket.IO's packets (protocol 5 within Engine.IO's 4) and the answers of REST. */

/** Numbers of one stream differ in their last digits. */
const short = seq => seq < 1e6 ? String(seq) : `…${String(seq).slice(-6)}`
const join = cursors => Object.entries(cursors ?? {}).map(([stream, seq]) => `${stream} ${short(seq)}`).join(', ') || 'none yet'
const cut = (text, length) => text.length > length ? `${text.slice(0, length - 1)}…` : text
const titleOf = ({ title, body, recalled }) => recalled ? 'taken back' : `“${cut(title ?? body ?? 'data', 40)}”`

/** `{type, id?, data}` of a packet of the default namespace; undefined for what only keeps the connection. */
function parse (text) {
  const [, type, id, json] = /^4([0-4])(\d*)(.*)$/s.exec(text) ?? []
  return type === undefined ? undefined : { type, id, data: json === '' ? undefined : JSON.parse(json) }
}

/** Entries of form 2, with what is said of them here. */
function entriesOf ([stream, prev, entries]) {
  let seq = prev
  return entries.map(({ step, ...entry }) => {
    seq = (entry.prev ?? seq) + step
    return { type: 'message', boxes: ['inbox'], ...entry, ...typeof entry.from === 'string' && { from: { name: entry.from.slice(2) } }, ...stream !== null && { stream, seq } }
  })
}

function sayEntry (entry) {
  if (entry.stream === undefined) return `ephemeral ${titleOf(entry)}: no number, stored nowhere`
  const place = `${entry.stream} ${short(entry.seq)}`
  if (entry.type === 'message') return `${place}: message ${titleOf(entry)}${entry.boxes.includes('inbox') ? '' : ', my own copy'}`
  if (entry.type === 'gone') return `${place}: gone`
  const what = ['recalled', 'deleted', 'archived', 'read', 'acted', 'joined'].find(name => name in entry)
  const how = entry.readTo !== undefined ? `read up to ${join(entry.readTo)}` : what === 'acted' ? `chose “${entry.acted}”` : what === 'joined' ? `${entry.joined ? 'joined' : 'left'} ${entry.group}` : entry[what] === false ? `not ${what}` : what ?? 'changed'
  return `${place}: ${how}`
}

/** `log(direction, text, tone?)` gets each fact; `onVolatile` each message that is never stored. */
export function createWireReader ({ log, onVolatile, onNode }) {
  /** Questions whose acknowledgement has not come, by Socket.IO's number. */
  const asked = new Map()
  let catchUp

  function readEvent ([name, payload, ...rest]) {
    if (name === 'ready') {
      onNode(payload.node)
      log('in', `node ${payload.node} is ready; its heads: ${join(payload.heads)}`)
      if (catchUp !== undefined) begin(payload.heads)
    } else if (name === 'entries') {
      for (const entry of entriesOf([payload, ...rest])) take(entry)
    } else if (name === 'reassign') {
      log('in', `“${payload.reason}”: move to another node within ${payload.delayMs} ms`, 'notable')
    } else if (name === 'behind') log('in', 'too slow: fetch the rest')
  }

  function take (entry) {
    log('in', sayEntry(entry))
    if (entry.stream === undefined) onVolatile(entry)
    else count([entry])
  }

  function begin (heads) {
    catchUp.missing = new Map(Object.entries(heads).filter(([stream, seq]) => seq > (catchUp.cursors[stream] ?? 0)))
    catchUp.entries = 0
    count([])
  }

  function count (entries) {
    if (catchUp?.missing === undefined) return
    for (const { stream, seq } of entries) {
      if (!catchUp.missing.has(stream)) continue
      catchUp.entries += 1
      if (seq >= catchUp.missing.get(stream)) catchUp.missing.delete(stream)
    }
    if (catchUp.missing.size > 0) return
    log('note', catchUp.entries === 0 ? 'nothing was missed' : `caught up: ${catchUp.entries} ${catchUp.entries === 1 ? 'entry' : 'entries'} that came meanwhile`, 'notable')
    catchUp = undefined
  }

  function readPacket ({ direction, text }) {
    const packet = typeof text === 'string' ? parse(text) : undefined
    if (packet === undefined) return
    const { type, id, data } = packet
    if (type === '0' && direction === 'out') {
      asked.clear()
      catchUp = data.cursors === undefined ? undefined : { cursors: data.cursors }
      log('out', data.cursors === undefined ? 'connects; wants what is new from here on' : `connects; has seen ${join(data.cursors)}`)
    } else if (type === '2' && direction === 'in') readEvent(data)
    else if (type === '2') {
      const [name, payload] = data
      if (id !== '') asked.set(id, name)
      if (name === 'send') log('out', `sends ${titleOf(payload)} under the key ${cut(payload.idempotencyKey ?? '', 9)}`)
    } else if (type === '3' && direction === 'in') readAnswer(asked.get(id), data[0])
    else if (type === '4') log('in', `refused: ${data.data?.code ?? data.message}`, 'bad')
  }

  function readAnswer (name, answer) {
    if (answer?.error !== undefined) log('in', `refused: ${answer.error.code}`, 'bad')
    else if (name === 'send') log('in', answer.duplicate ? `was stored before as ${answer.stream} ${short(answer.seq)}: not stored twice` : `stored as ${answer.stream} ${short(answer.seq)}`, 'notable')
    else if (name === 'sync') for (const entry of (answer.bursts ?? []).flatMap(entriesOf)) take(entry)
  }

  function readHttp ({ method, url, status, text }) {
    const { pathname } = new URL(url, window.location.href)
    if (pathname.endsWith('/gate/login')) return
    if (pathname.endsWith('/gate/assign') && status === 200) log('in', `Gate assigns node ${JSON.parse(text).node.id}`)
    else log('in', `${method} ${pathname.replace(/^\/nodes\/[^/]+/, '')} → ${status}`, status < 400 ? undefined : 'bad')
  }

  return function read (traffic) {
    if (traffic.kind === 'packet') readPacket(traffic)
    else if (traffic.kind === 'answer') readHttp(traffic)
    else if (traffic.kind === 'cut') log('note', `network cut: ${traffic.sockets} ${traffic.sockets === 1 ? 'socket' : 'sockets'} closed`, 'bad')
    else log('note', 'network back', 'notable')
  }
}
