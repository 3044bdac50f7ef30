import type { FastifyRequest } from 'fastify'

/** A route's `preValidation` where no body at all is as good as `{}`. The OpenAPI document knows such a route by it (document-api.ts). */
export const bodyMayBeMissing = async (request: FastifyRequest): Promise<void> => { if (request.body === undefined) request.body = {} }
