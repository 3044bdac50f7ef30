/** Who may use a route: a hook that runs before the body is read. */
import type { FastifyRequest, onRequestHookHandler } from 'fastify'
import { GatepostError } from '../../shared/errors.js'
import { bearerToken, type Scope } from '../../shared/identity/claims.js'
import type { Revocations } from '../../shared/identity/revocations.js'
import type { Identity, TokenVerifier } from '../../shared/identity/verify.js'
import type { App } from '../../shared/http/create-app.js'

const decoration = 'identity'

/** Call it once, before the routes. */
export const prepareAccess = (app: App): void => { app.decorateRequest(decoration) }

/** Who asks, behind `access(...)`. */
export const identityOf = (request: FastifyRequest): Identity => request.getDecorator<Identity>(decoration)

export type Access = (...scopes: Scope[]) => onRequestHookHandler

/** `access('producer', 'admin')`: a token with one of these scopes. GP_TOKEN_*, GP_SCOPE. */
export function createAccess ({ verify }: Pick<TokenVerifier, 'verify'>, checkRevoked: Revocations['check']): Access {
  return (...scopes) => (request, _reply, done) => {
    const admit = (identity: Identity): void => {
      if (!scopes.some(scope => identity.scopes.has(scope))) {
        done(new GatepostError('GP_SCOPE', `scope: got ${[...identity.scopes].join(' ') || 'none'}; takes ${scopes.join(' or ')}`))
        return
      }
      try {
        checkRevoked(identity.scopes, identity.sub, identity.issuedAt)
      } catch (error) {
        done(error as Error)
        return
      }
      request.setDecorator(decoration, identity)
      done()
    }
    let identity: Identity | Promise<Identity>
    try {
      identity = verify(bearerToken(request.headers.authorization))
    } catch (error) {
      done(error as Error)
      return
    }
    // Waiting for nothing costs a turn of the loop: most tokens are known at once.
    if (identity instanceof Promise) identity.then(admit, done)
    else admit(identity)
  }
}
