/** What a browser has and Node 20 has not, for modules that are made for browsers. Imported before them. */
import { WebSocket } from 'ws'

/** Where the events of the page are dispatched. */
export const page = new EventTarget()

/** In a browser an error that nobody listens to is no exception. */
class PageWebSocket extends WebSocket {
  constructor (address: URL) {
    super(address)
    this.on('error', () => undefined)
  }
}

Object.assign(globalThis, { WebSocket: PageWebSocket, addEventListener: page.addEventListener.bind(page), removeEventListener: page.removeEventListener.bind(page) })
