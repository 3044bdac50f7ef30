import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Audit } from '../../shared/platform/audit.js'
import { identityIfAny } from './access.js'

/** A route's hook that writes who did this, and how it ended: `...audited(audit, 'group.join', ({ group, user }) => ...)`. */
export function audited<P> (audit: Audit, action: string, targetOf: (params: P) => string): { onResponse: (request: FastifyRequest, reply: FastifyReply, done: () => void) => void } {
  return {
    onResponse: (request, reply, done) => {
      const identity = identityIfAny(request)
      // Whoever was not let in is written by access.ts.
      if (identity !== undefined) {
        audit.record({
          actor: identity.sub,
          scope: [...identity.scopes].join(' '),
          action,
          target: targetOf(request.params as P),
          result: reply.statusCode < 400 ? 'done' : `status ${reply.statusCode}`
        })
      }
      done()
    }
  }
}
