/** What the tests use of npm oidc-provider, which has no types of its own. */
declare module 'oidc-provider' {
  import type { IncomingMessage, ServerResponse } from 'node:http'
  export default class Provider {
    constructor (issuer: string, configuration: object)
    callback (): (request: IncomingMessage, response: ServerResponse) => void
  }
}
