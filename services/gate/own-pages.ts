/** A hook for what the demo gives away: not for pages of other sites, that a developer has open beside it. */
import type { onRequestHookHandler } from 'fastify'
import { GatepostError, shown } from '../../shared/contract/errors.js'
import { hostGuard, isSameOrigin } from '../../shared/platform/http/origins.js'

/** `listensOn`: Gate's host. Answers GP_SCOPE. */
export function createForOwnPages (listensOn: string, publicUrl: string | undefined): onRequestHookHandler {
  const requireOwnHost = hostGuard(listensOn, publicUrl)
  return ({ headers }, _reply, done) => {
    requireOwnHost(headers)
    if (isSameOrigin(headers)) done()
    else done(new GatepostError('GP_SCOPE', `origin: got ${shown(headers.origin ?? headers['sec-fetch-site'])}; takes a request of this Gate's own pages, or of no page`))
  }
}
