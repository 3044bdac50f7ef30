import type { onRequestHookHandler } from 'fastify'
import { Type } from 'typebox'
import type { App } from '../../../shared/platform/http/create-app.js'
import { refusals } from '../../../shared/platform/http/error-response.js'
import { signToken } from '../../../shared/platform/identity/sign.js'
import type { TokenRules } from '../../../shared/platform/settings/settings.js'
import { UserName } from '../../../shared/contract/validate.js'
import { Time } from '../../../shared/contract/wire.js'
import { strict } from './schemas.js'

export interface LoginOptions {
  /** The key of users' tokens. */
  readonly secret: string
  /** What users' tokens must carry. */
  readonly rules: TokenRules | undefined
  readonly now: () => number
  /** See own-pages.ts. */
  readonly forOwnPages: onRequestHookHandler
}

const demoTokenTtlMs = 12 * 60 * 60_000

/** Anybody may be anybody: registered only where the demo is on. */
export function serveLogin (app: App, { secret, rules, now, forOwnPages }: LoginOptions): void {
  app.post('/gate/login', {
    onRequest: forOwnPages,
    schema: {
      tags: ['demo'],
      operationId: 'logInToDemo',
      summary: 'A token for any user name, for the demo',
      body: Type.Object({ user: UserName() }, { ...strict, examples: [{ user: 'ann' }] }),
      response: { 200: Type.Object({ token: Type.String(), user: Type.String(), expiresAt: Time }), ...refusals('GP_SCOPE') }
    }
  }, async request => {
    const { user } = request.body
    const atMs = Math.floor(now() / 1000) * 1000
    const ttlMs = Math.min(demoTokenTtlMs, rules?.maxLifeMs ?? Infinity)
    const token = signToken({ secret, sub: user, scopes: ['user'], groups: [], ttlMs, rules, now: () => atMs })
    return { token, user, expiresAt: new Date(atMs + ttlMs).toISOString() }
  })
}
