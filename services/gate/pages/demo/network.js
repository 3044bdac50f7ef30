/**
 * One phone's network: all that its window can reach others by. It is put in place before the client library is loaded, which then works with
 * it unaware. Cut, it does what a browser does that loses its network: sockets close, requests fail, `offline` is told.
 */
const listeners = new Set()
const sockets = new Set()
const requests = new Set()
let isUp = true

const tell = traffic => { for (const listener of listeners) listener(traffic) }
const noNetwork = () => new DOMException('This phone has no network', 'NetworkError')
/** Long-polling puts several packets into one body. */
const packetsOf = body => typeof body === 'string' ? body.split('\x1e') : []

export const network = {
  get isUp () { return isUp },
  /** `{kind: 'packet', direction, text}`, `{kind: 'answer', method, url, status, body}`, `{kind: 'cut', sockets}` and `{kind: 'back'}`. */
  onTraffic (listener) { listeners.add(listener) },
  cut () {
    if (!isUp) return
    isUp = false
    tell({ kind: 'cut', sockets: sockets.size })
    for (const socket of sockets) socket.close()
    for (const request of requests) request.abort()
    window.dispatchEvent(new Event('offline'))
  },
  restore () {
    if (isUp) return
    isUp = true
    tell({ kind: 'back' })
    window.dispatchEvent(new Event('online'))
  }
}

const { WebSocket: RealSocket, XMLHttpRequest: RealRequest, fetch: realFetch } = window

window.WebSocket = class extends RealSocket {
  constructor (...args) {
    if (!isUp) throw noNetwork()
    super(...args)
    sockets.add(this)
    this.addEventListener('close', () => { sockets.delete(this) })
    this.addEventListener('message', ({ data }) => { tell({ kind: 'packet', direction: 'in', text: data }) })
  }

  send (data) {
    tell({ kind: 'packet', direction: 'out', text: data })
    super.send(data)
  }
}

// The way that is left where WebSockets do not work.
window.XMLHttpRequest = class extends RealRequest {
  send (body) {
    if (!isUp) throw noNetwork()
    requests.add(this)
    this.addEventListener('loadend', () => { requests.delete(this) })
    this.addEventListener('load', () => { for (const text of packetsOf(this.responseText)) tell({ kind: 'packet', direction: 'in', text }) })
    for (const text of packetsOf(body)) tell({ kind: 'packet', direction: 'out', text })
    super.send(body)
  }
}

window.fetch = async (url, options = {}) => {
  if (!isUp) throw new TypeError('Failed to fetch')
  const cut = new AbortController()
  requests.add(cut)
  try {
    const answer = await realFetch(url, { ...options, signal: AbortSignal.any([cut.signal, ...options.signal ? [options.signal] : []]) })
    const text = await answer.text()
    tell({ kind: 'answer', method: options.method ?? 'GET', url: String(url), status: answer.status, text })
    return new Response(text === '' ? null : text, answer)
  } catch (error) {
    throw cut.signal.aborted ? new TypeError('Failed to fetch') : error
  } finally { requests.delete(cut) }
}

Object.defineProperty(navigator, 'onLine', { get: () => isUp })
// A phone is a device of its own: it does not share the connection of this browser's other tabs.
window.BroadcastChannel = undefined
