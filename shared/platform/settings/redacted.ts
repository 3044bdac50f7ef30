import { withoutCredentials } from './fault.js'

const secretFields = new Set(['secret', 'publicKey'])

/** Settings as a log may show them: lengths for secrets, how many are accepted, addresses without passwords, nothing for what is unset. */
export function redacted (settings: object): Record<string, unknown> {
  const shown: Record<string, unknown> = {}
  for (const [field, value] of Object.entries(settings)) {
    if (value === undefined) continue
    if (field === 'acceptSecrets') shown[field] = (value as readonly string[]).length
    else if (secretFields.has(field) && typeof value === 'string') shown[`${field}Bytes`] = Buffer.byteLength(value)
    else if (typeof value === 'string' && value.includes('://')) shown[field] = withoutCredentials(value)
    else if (typeof value === 'object' && value !== null && !Array.isArray(value)) shown[field] = redacted(value as object)
    else shown[field] = value
  }
  return shown
}

/** Every text in the settings that a log must never contain. */
export function secretsOf ({ secret, acceptSecrets = [], auth }: { secret?: string | undefined, acceptSecrets?: readonly string[], auth?: { kind: string, secret?: string } | undefined }): string[] {
  return [secret, ...acceptSecrets, auth?.secret].filter(one => one !== undefined)
}
