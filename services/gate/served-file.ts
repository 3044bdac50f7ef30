/** A file that is read once at the start, compressed once, when it is first asked for, and sent to those who do not have it yet. */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { extname } from 'node:path'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'
import type { FastifyReply, FastifyRequest } from 'fastify'

type Encoding = 'br' | 'gzip'

export interface ServedFile {
  readonly type: string
  readonly etag: string
  readonly plain: Buffer
  readonly encoded: (encoding: Encoding) => Promise<Buffer>
}

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.map': 'application/json',
  '.txt': 'text/plain; charset=utf-8'
}

/** A higher one costs more than it saves. */
const brotliQuality = 7

export async function readServed (file: URL): Promise<ServedFile> {
  const plain = await readFile(file)
  const compress: Record<Encoding, () => Promise<Buffer>> = {
    gzip: async () => await promisify(gzip)(plain),
    br: async () => await promisify(brotliCompress)(plain, { params: { [constants.BROTLI_PARAM_QUALITY]: brotliQuality, [constants.BROTLI_PARAM_SIZE_HINT]: plain.length } })
  }
  const made: Partial<Record<Encoding, Promise<Buffer>>> = {}
  const type = types[extname(file.pathname)] ?? 'application/octet-stream'
  return { type, etag: `"${createHash('sha1').update(plain).digest('base64url')}"`, plain, encoded: async encoding => await (made[encoding] ??= compress[encoding]()) }
}

export async function sendServed (request: FastifyRequest, reply: FastifyReply, file: ServedFile): Promise<FastifyReply> {
  const encoding = encodingFor(request.headers['accept-encoding'])
  void reply.headers({ 'content-type': file.type, etag: file.etag, vary: 'accept-encoding' })
  if (request.headers['if-none-match'] === file.etag) return await reply.code(304).send()
  if (encoding === undefined) return await reply.send(file.plain)
  return await reply.header('content-encoding', encoding).send(await file.encoded(encoding))
}

/** The smaller one that the client takes; `q=0` refuses one. */
export function encodingFor (accepted: string | string[] | undefined): Encoding | undefined {
  const names = String(accepted ?? '').toLowerCase().split(',').map(part => part.split(';').map(text => text.trim()))
  const takes = (name: string): boolean => names.some(([given, q = 'q=1']) => given === name && Number(q.slice(2)) > 0)
  return takes('br') ? 'br' : takes('gzip') ? 'gzip' : undefined
}
