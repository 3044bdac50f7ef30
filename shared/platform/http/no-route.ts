/** What is answered where no route is: which methods the path has, or whose it is. */
import type { FastifyInstance } from 'fastify'
import { GatepostError, oneLine } from '../../contract/errors.js'
import { RefusedRequest } from './error-response.js'

export interface Routes {
  /** The methods of the routes with this path; none where there is no such path. */
  methodsOf: (path: string) => string[]
}

/** Call it before the first route. */
export function watchRoutes (app: Pick<FastifyInstance, 'addHook'>): Routes {
  /** By the path as the route writes it: `/things/:id`. */
  const routes = new Map<string, { readonly pattern: readonly string[], readonly methods: Set<string> }>()
  app.addHook('onRoute', ({ url, method }) => {
    // A preflight's is no route of anybody's, and `*` matches everything.
    if (url.includes('*')) return
    const route = routes.get(url) ?? { pattern: url.split('/'), methods: new Set() }
    for (const one of [method].flat()) route.methods.add(one)
    routes.set(url, route)
  })
  return {
    methodsOf: path => {
      const segments = path.split('/', maxSegments + 1)
      const methods = [...routes.values()].filter(({ pattern }) => isMatch(pattern, segments)).flatMap(route => [...route.methods])
      return [...new Set(methods)].sort()
    }
  }
}

/** No route has more. */
const maxSegments = 20

const isMatch = (pattern: readonly string[], segments: readonly string[]): boolean =>
  pattern.length === segments.length && pattern.every((part, i) => part.startsWith(':') ? segments[i] !== '' : part === segments[i])

/** `where` says whose the path is, if it is another service's. */
export function noRoute ({ method, path, allowed, where }: { method: string, path: string, allowed: readonly string[], where: string | undefined }): Error {
  if (allowed.length > 0) return new RefusedRequest(405, 'method', method, `${allowed.join(', ')} at ${oneLine(path)}`)
  return new GatepostError('GP_NOT_FOUND', `no route ${oneLine(method)} ${oneLine(path)}${where === undefined ? '' : `: ${where}`}`)
}
