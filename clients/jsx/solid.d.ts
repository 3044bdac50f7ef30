/** `import type {} from '@gatepost/client/jsx/solid'`: `<gatepost-inbox>` in Solid's JSX. Listeners: `on:gatepost-message`. */
import type { JSX as Solid } from 'solid-js/jsx-runtime'
import type { GatepostInbox, GatepostInboxEvents, GatepostInboxSettings } from '../dist/gatepost-inbox.js'

declare module 'solid-js/jsx-runtime' {
  namespace JSX {
    interface IntrinsicElements {
      'gatepost-inbox': Solid.HTMLAttributes<GatepostInbox> & GatepostInboxSettings & {
        [Name in keyof GatepostInboxSettings as `prop:${Name}`]?: GatepostInboxSettings[Name]
      } & {
        [Name in keyof GatepostInboxEvents as `on:${Name}`]?: (event: GatepostInboxEvents[Name]) => void
      }
    }
  }
}
