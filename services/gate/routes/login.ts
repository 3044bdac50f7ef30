import { Type } from 'typebox'
import type { App } from '../../../shared/http/create-app.js'
import { refusals } from '../../../shared/http/error-response.js'
import { signToken } from '../../../shared/identity/sign.js'
import { Name } from '../../../shared/validate.js'
import { strict, Time } from './schemas.js'

export interface LoginOptions {
  /** The key of users' tokens. */
  readonly secret: string
  readonly now: () => number
}

const demoTokenTtlMs = 12 * 60 * 60_000

/** Anybody may be anybody: registered only where demo is on. */
export function serveLogin (app: App, { secret, now }: LoginOptions): void {
  app.post('/gate/login', {
    schema: {
      tags: ['demo'],
      summary: 'A token for any user name, for the demo',
      body: Type.Object({ user: Name('a user') }, strict),
      response: { 200: Type.Object({ token: Type.String(), user: Type.String(), expiresAt: Time }), ...refusals() }
    }
  }, async request => {
    const { user } = request.body
    const token = signToken({ secret, sub: user, scopes: ['user'], groups: [], ttlMs: demoTokenTtlMs, now })
    return { token, user, expiresAt: new Date(now() + demoTokenTtlMs).toISOString() }
  })
}
