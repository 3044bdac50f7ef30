import type { DoctorSettings } from '../../../shared/platform/settings/settings.js'

export type Command = 'up' | 'gate' | 'node'

/** Which command these settings are for: without NATS only `up` runs, and a Gate needs no MongoDB. */
export function commandOf ({ natsUrl, mongodbUrl }: Pick<DoctorSettings, 'natsUrl' | 'mongodbUrl'>): Command {
  if (natsUrl === undefined) return 'up'
  return mongodbUrl === undefined ? 'gate' : 'node'
}
