/** Signing in with a link: it is exchanged for a token, once. */
import { randomBytes } from 'node:crypto'
import { Type } from 'typebox'
import { isAudited, type Audit } from '../../../shared/platform/audit.js'
import { GatepostError } from '../../../shared/contract/errors.js'
import type { Revocations } from '../../../shared/contract/revocations.js'
import { Time } from '../../../shared/contract/wire.js'
import type { App } from '../../../shared/platform/http/create-app.js'
import { refusals } from '../../../shared/platform/http/error-response.js'
import { createLinkVerifier } from '../../../shared/platform/identity/link.js'
import { signToken } from '../../../shared/platform/identity/sign.js'
import { nodesInTurn, type Rings } from '../assignment.js'
import { maxNodesAsked, type RequestWithFailover } from '../request-with-failover.js'
import { strict } from './schemas.js'

export interface SignInOptions {
  /** Signs the token. */
  readonly secret: string
  /** These made links too. */
  readonly acceptSecrets: readonly string[]
  readonly audit: Audit
  readonly checkRevoked: Revocations['check']
  readonly requestWithFailover: RequestWithFailover
  readonly rings: () => Rings
  /** Ms since 1970. */
  readonly now: () => number
}

/** Any node can tell; the same one is asked first. */
const place = 'links'

export function serveSignIn (app: App, { secret, acceptSecrets, audit, checkRevoked, requestWithFailover, rings, now }: SignInOptions): void {
  const verify = createLinkVerifier({ secrets: [secret, ...acceptSecrets], now })

  async function signIn (text: string, heard: (sub: string) => void): Promise<{ token: string, user: string, expiresAt: string }> {
    const { id, sub, issuedAt, expiresAt, sessionMs } = verify(text)
    heard(sub)
    checkRevoked(['admin'], sub, issuedAt)
    const { answer: { isFirst } } = await requestWithFailover(nodesInTurn(rings(), place, maxNodesAsked), 'use-link', { id, by: randomBytes(16).toString('base64url'), until: expiresAt })
    if (!isFirst) throw new GatepostError('GP_TOKEN_EXPIRED', 'link: was used before, and signs in once; takes a new one: gatepost admin-link')
    const atMs = Math.floor(now() / 1000) * 1000
    return { token: signToken({ secret, sub, scopes: ['admin'], groups: [], ttlMs: sessionMs, now: () => atMs }), user: sub, expiresAt: new Date(atMs + sessionMs).toISOString() }
  }

  app.post('/gate/admin/sign-in', {
    schema: {
      tags: ['dashboard'],
      operationId: 'signInWithLink',
      summary: 'An admin\'s token for a link of `gatepost admin-link`, once',
      body: Type.Object({ link: Type.String({ description: 'what stands behind `#link=`' }) }, { ...strict, description: '{link}', examples: [{ link: 'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJqdGkiOiJ...' }] }),
      response: {
        200: Type.Object({ token: Type.String(), user: Type.String(), expiresAt: Time }),
        ...refusals('GP_VALIDATION', 'GP_TOKEN_INVALID', 'GP_TOKEN_EXPIRED', 'GP_TOKEN_REVOKED', 'GP_NO_NODE', 'GP_STORE_UNAVAILABLE', 'GP_DISPATCH_UNAVAILABLE', 'GP_OUTCOME_UNKNOWN')
      }
    }
  }, async request => {
    const entry = { scope: 'admin', action: 'admin.sign-in', target: 'link' } as const
    let actor: string | undefined
    try {
      const answer = await signIn(request.body.link, sub => { actor = sub })
      audit.record({ ...entry, actor, result: 'done' })
      return answer
    } catch (error) {
      // A link that is used twice may have been stolen.
      if (error instanceof GatepostError && (isAudited(error.code) || error.code === 'GP_TOKEN_EXPIRED')) audit.refused({ ...entry, actor, result: error.code })
      throw error
    }
  })
}
