/** `import type {} from '@gatepost/client/jsx/solid'`: `<gatepost-inbox>` in Solid's JSX. Listeners: `on:gatepost-message`. */
import type { GatepostInbox, GatepostInboxEvents, GatepostInboxSettings } from '../dist/gatepost-inbox.js'

declare module 'solid-js' {
  namespace JSX {
    interface IntrinsicElements {
      'gatepost-inbox': JSX.HTMLAttributes<GatepostInbox> & GatepostInboxSettings & {
        [Name in keyof GatepostInboxSettings as `prop:${Name}`]?: GatepostInboxSettings[Name]
      } & {
        [Name in keyof GatepostInboxEvents as `on:${Name}`]?: (event: GatepostInboxEvents[Name]) => void
      }
    }
  }
}
