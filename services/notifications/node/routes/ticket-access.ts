/** Who may use a node's routes: the user whose ticket is sent, within what the user may cause in a minute. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { bearerToken } from '../../../../shared/contract/claims.js'
import type { UserId } from '../../../../shared/contract/names.js'
import type { Profile } from '../../../../shared/contract/profile.js'
import type { App } from '../../../../shared/platform/http/create-app.js'
import type { Purpose } from '../../mailbox/user-budget.js'
import type { Entrance } from '../entrance.js'

type Hook = (request: FastifyRequest, reply: FastifyReply, done: (error?: Error) => void) => void

export interface TicketAccess {
  /** Sets `request.user` and `request.profile`. */
  readonly authenticate: Hook
  /** For a route that writes, and for one that reads: authenticated, and charged. */
  readonly works: { readonly onRequest: Hook, readonly preHandler: Hook }
  readonly reads: { readonly onRequest: Hook, readonly preHandler: Hook }
}

export function createTicketAccess (app: App, { verifyTicket, joinByTicket, budget }: Pick<Entrance, 'verifyTicket' | 'joinByTicket' | 'budget'>): TicketAccess {
  app.decorateRequest('user', '' as UserId)
  app.decorateRequest('profile', undefined)
  // With a callback: a promise for each request costs more than what there is to wait for, nearly always nothing.
  const authenticate: Hook = (request, _reply, done) => {
    const ticket = verifyTicket(bearerToken(request.headers.authorization))
    request.user = ticket.user as UserId
    request.profile = ticket.profile
    const joining = joinByTicket(ticket)
    if (joining === undefined) done()
    else joining.then(() => { done() }, done)
  }
  /** After the request was found right: what is refused for its form is not counted. */
  const priced = (purpose: Purpose): Hook => (request, _reply, done) => {
    const charging = budget.charge(request.user, purpose)
    if (charging === undefined) done()
    else charging.then(() => { done() }, done)
  }
  return {
    authenticate,
    works: { onRequest: authenticate, preHandler: priced('work') },
    reads: { onRequest: authenticate, preHandler: priced('reading') }
  }
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Whose ticket the request carries. */
    user: UserId
    /** How that user's token says that the user is shown. */
    profile: Profile | undefined
  }
}
