/** `import type {} from '@gatepost/client/jsx/preact'`: `<gatepost-inbox>` in Preact's JSX. */
import type { HTMLAttributes } from 'preact'
import type { GatepostInbox, GatepostInboxEvents, GatepostInboxSettings } from '../dist/gatepost-inbox.js'

declare module 'preact' {
  namespace JSX {
    interface IntrinsicElements {
      'gatepost-inbox': HTMLAttributes<GatepostInbox> & GatepostInboxSettings & {
        [Name in keyof GatepostInboxEvents as `on${Capitalize<Name>}`]?: (event: GatepostInboxEvents[Name]) => void
      }
    }
  }
}
