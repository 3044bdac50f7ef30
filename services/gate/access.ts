/** Who may use a route: a hook that runs before the body is read. */
import type { FastifyRequest, onRequestHookHandler } from 'fastify'
import { isAudited, type Audit } from '../../shared/platform/audit.js'
import { GatepostError } from '../../shared/contract/errors.js'
import { bearerToken, type Scope } from '../../shared/contract/claims.js'
import type { Revocations } from '../../shared/contract/revocations.js'
import type { Identity, TokenVerifier } from '../../shared/platform/identity/verify.js'
import type { App } from '../../shared/platform/http/create-app.js'

const decoration = 'identity'

/** Call it once, before the routes. */
export const prepareAccess = (app: App): void => { app.decorateRequest(decoration) }

/** Who asks; undefined where nobody was let in. */
export const identityIfAny = (request: FastifyRequest): Identity | undefined => request.getDecorator<Identity | undefined>(decoration)

/** Who asks, behind `access(...)`. */
export const identityOf = (request: FastifyRequest): Identity => request.getDecorator<Identity>(decoration)

export type Access = (...scopes: Scope[]) => onRequestHookHandler

export interface AccessOptions {
  readonly verify: TokenVerifier['verify']
  readonly checkRevoked: Revocations['check']
  readonly audit: Pick<Audit, 'refused'>
}

/** `access('producer', 'admin')`: a token with one of these scopes. GP_TOKEN_*, GP_SCOPE. */
export function createAccess ({ verify, checkRevoked, audit }: AccessOptions): Access {
  return (...scopes) => (request, _reply, done) => {
    const refuse = (error: unknown, identity?: Identity): void => {
      if (error instanceof GatepostError && isAudited(error.code)) {
        audit.refused({
          actor: identity?.sub,
          scope: identity === undefined ? undefined : [...identity.scopes].join(' '),
          action: 'token.use',
          target: `${request.method} ${request.routeOptions.url ?? 'unknown'}`,
          result: error.code
        })
      }
      done(error as Error)
    }
    const admit = (identity: Identity): void => {
      try {
        if (!scopes.some(scope => identity.scopes.has(scope))) throw new GatepostError('GP_SCOPE', `scope: got ${[...identity.scopes].join(' ') || 'none'}; takes ${scopes.join(' or ')}`)
        checkRevoked(identity.scopes, identity.sub, identity.issuedAt)
      } catch (error) {
        refuse(error, identity)
        return
      }
      request.setDecorator(decoration, identity)
      done()
    }
    let identity: Identity | Promise<Identity>
    try {
      identity = verify(bearerToken(request.headers.authorization))
    } catch (error) {
      refuse(error)
      return
    }
    // Waiting for nothing costs a turn of the loop: most tokens are known at once.
    if (identity instanceof Promise) identity.then(admit, refuse)
    else admit(identity)
  }
}
