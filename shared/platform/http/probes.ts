/** `/livez`, `/readyz`, `/metrics`: the same on Gate and on every node. */
import { Type } from 'typebox'
import type { Metrics } from '../metrics.js'
import type { App } from './create-app.js'

/** True, or what is missing in a few words; `ok`: nothing is, and this should be known. */
export type Check = true | string | { readonly ok: string }

export interface ProbeOptions {
  readonly metrics: Pick<Metrics, 'text' | 'contentType'>
  /** By what is needed. Ready when nothing is missing. */
  readonly checks: () => Record<string, Check> | Promise<Record<string, Check>>
}

/** Nothing is missing. */
export const isReady = (checks: Readonly<Record<string, Check>>): boolean => Object.values(checks).every(check => typeof check !== 'string')

const Readiness = Type.Object({
  status: Type.Union([Type.Literal('ready'), Type.Literal('not ready')]),
  checks: Type.Record(Type.String(), Type.String(), { description: '"ok", "ok: " and what should be known, or what is missing' })
})

export function serveProbes (app: App, { metrics, checks }: ProbeOptions): void {
  app.get('/livez', {
    schema: { tags: ['operations'], operationId: 'getLiveness', summary: 'Is the process alive?', response: { 200: Type.Object({ status: Type.Literal('alive') }) } }
  }, async () => ({ status: 'alive' as const }))

  app.get('/readyz', {
    schema: { tags: ['operations'], operationId: 'getReadiness', summary: 'Can it serve, and if not, what is missing?', response: { 200: Readiness, 503: Readiness } }
  }, async (_request, reply) => {
    const found = await checks()
    const serves = isReady(found)
    void reply.code(serves ? 200 : 503)
    if (!serves) void reply.header('retry-after', '1')
    return {
      status: serves ? 'ready' as const : 'not ready' as const,
      checks: Object.fromEntries(Object.entries(found).map(([name, check]) => [name, check === true ? 'ok' : typeof check === 'string' ? check : `ok: ${check.ok}`]))
    }
  })

  app.get('/metrics', {
    schema: { tags: ['operations'], operationId: 'getMetrics', summary: 'Metrics for Prometheus', produces: ['text/plain'] }
  }, async (_request, reply) => {
    void reply.header('content-type', metrics.contentType)
    return await metrics.text()
  })
}
