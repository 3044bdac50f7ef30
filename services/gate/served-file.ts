/** A file that is read once at the start, compressed once, and sent to those who do not have it yet. */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { extname } from 'node:path'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'
import type { FastifyReply, FastifyRequest } from 'fastify'

export interface ServedFile {
  readonly type: string
  readonly etag: string
  readonly plain: Buffer
  readonly gzip: Buffer
  readonly br: Buffer
}

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.map': 'application/json',
  '.txt': 'text/plain; charset=utf-8'
}

/** A higher one costs a start more than it saves. */
const brotliQuality = 7

export async function readServed (file: URL): Promise<ServedFile> {
  const plain = await readFile(file)
  const [gz, br] = await Promise.all([
    promisify(gzip)(plain),
    promisify(brotliCompress)(plain, { params: { [constants.BROTLI_PARAM_QUALITY]: brotliQuality, [constants.BROTLI_PARAM_SIZE_HINT]: plain.length } })
  ])
  const type = types[extname(file.pathname)] ?? 'application/octet-stream'
  return { type, etag: `"${createHash('sha1').update(plain).digest('base64url')}"`, plain, gzip: gz, br }
}

export async function sendServed (request: FastifyRequest, reply: FastifyReply, file: ServedFile): Promise<FastifyReply> {
  const encoding = encodingFor(request.headers['accept-encoding'])
  void reply.headers({ 'content-type': file.type, etag: file.etag, vary: 'accept-encoding' })
  if (request.headers['if-none-match'] === file.etag) return await reply.code(304).send()
  if (encoding === undefined) return await reply.send(file.plain)
  return await reply.header('content-encoding', encoding).send(file[encoding])
}

/** The smaller one that the client takes; `q=0` refuses one. */
export function encodingFor (accepted: string | string[] | undefined): 'br' | 'gzip' | undefined {
  const names = String(accepted ?? '').toLowerCase().split(',').map(part => part.split(';').map(text => text.trim()))
  const takes = (name: string): boolean => names.some(([given, q = 'q=1']) => given === name && Number(q.slice(2)) > 0)
  return takes('br') ? 'br' : takes('gzip') ? 'gzip' : undefined
}
