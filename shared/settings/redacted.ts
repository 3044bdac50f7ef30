import { withoutCredentials } from './fault.js'

const secretFields = new Set(['secret', 'publicKey'])

/** Settings as a log may show them: lengths for secrets, addresses without passwords, nothing for what is unset. */
export function redacted (settings: object): Record<string, unknown> {
  const shown: Record<string, unknown> = {}
  for (const [field, value] of Object.entries(settings)) {
    if (value === undefined) continue
    if (secretFields.has(field) && typeof value === 'string') shown[`${field}Bytes`] = Buffer.byteLength(value)
    else if (typeof value === 'string' && value.includes('://')) shown[field] = withoutCredentials(value)
    else if (typeof value === 'object' && value !== null && !Array.isArray(value)) shown[field] = redacted(value as object)
    else shown[field] = value
  }
  return shown
}

/** Every text in the settings that a log must never contain. */
export function secretsOf (settings: { secret?: string | undefined, auth?: { kind: string, secret?: string } | undefined }): string[] {
  return [settings.secret, settings.auth?.secret].filter(secret => secret !== undefined)
}
