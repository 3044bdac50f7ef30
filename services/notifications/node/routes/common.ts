/** What the routes of a node share in their schemas and answers. */
import type { FastifyReply } from 'fastify'
import { needsBearer } from '../../../../shared/platform/http/document-api.js'

export const strict = { additionalProperties: false } as const
export const common = { tags: ['messages'], security: needsBearer }

export const perUser = ['GP_TOKEN_MISSING', 'GP_TOKEN_REVOKED', 'GP_TICKET_EXPIRED', 'GP_TICKET_WRONG_NODE', 'GP_RATE_LIMIT', 'GP_STORE_UNAVAILABLE', 'GP_OVERLOADED'] as const
export const perWriter = [...perUser, 'GP_OUTCOME_UNKNOWN'] as const

/** The text is JSON already. */
export const asJson = (reply: FastifyReply, text: string): FastifyReply => reply.header('content-type', 'application/json; charset=utf-8').send(text)
