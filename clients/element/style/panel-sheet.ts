import { listStyle } from './list.js'
import { panelStyle } from './panel.js'
import { partyStyle } from './party.js'
import { readingStyle } from './reading.js'
import { sheetOf } from './sheet.js'

export const panelSheet = sheetOf(panelStyle + partyStyle + listStyle + readingStyle)
