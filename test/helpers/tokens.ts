/** JWTs as a site's own backend would make them, with nothing but node:crypto. */
import { createHmac, sign as signWithKey, type KeyObject } from 'node:crypto'

export type Claims = Record<string, unknown>

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

export function signHs256 (claims: Claims, secret: string, header: Claims = { alg: 'HS256', typ: 'JWT' }): string {
  const text = `${encode(header)}.${encode(claims)}`
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`
}

export function signAsymmetric (claims: Claims, alg: 'RS256' | 'ES256' | 'EdDSA', key: KeyObject, header: Claims = {}): string {
  const text = `${encode({ alg, typ: 'JWT', ...header })}.${encode(claims)}`
  const digest = alg === 'EdDSA' ? null : 'sha256'
  return `${text}.${signWithKey(digest, Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
}

export function unsigned (claims: Claims): string {
  return `${encode({ alg: 'none', typ: 'JWT' })}.${encode(claims)}.`
}

export function claimsOf (token: string): Claims {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Claims
}

/** The same token with other claims, signed again with the same kind of header. */
export function resign (token: string, change: Claims, secret: string): string {
  const header = JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()) as Claims
  return signHs256({ ...claimsOf(token), ...change }, secret, header)
}

/** Same length, same claims, another signature. */
export function tampered (token: string): string {
  const at = token.lastIndexOf('.') + 3
  return token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1)
}

export const nowSeconds = (): number => Math.floor(Date.now() / 1000)
