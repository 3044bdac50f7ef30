import { SettingsError } from '../../shared/platform/settings/fault.js'
import { readKeptSecret } from '../../shared/platform/settings/secret-file.js'
import { secretTakes } from '../../shared/platform/settings/secret-quality.js'

/** The secret that is set, or the one that `gatepost up` keeps in the data folder. Throws SettingsError where there is neither. */
export function ownSecret ({ secret: given, dataDir }: { readonly secret: string | undefined, readonly dataDir: string }): string {
  const secret = given ?? readKeptSecret(dataDir)
  if (secret !== undefined) return secret
  throw new SettingsError([{ setting: 'GATEPOST_SECRET', origin: undefined, got: `nothing, and \`gatepost up\` has kept none in ${dataDir}`, takes: secretTakes }])
}
