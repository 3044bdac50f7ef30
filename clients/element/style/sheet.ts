/** Constructed sheets pass a strict Content-Security-Policy. One for all components of the page. */
import { themeStyle } from './theme.js'

export function sheetOf (css: string): () => CSSStyleSheet {
  let sheet: CSSStyleSheet | undefined
  return () => {
    if (sheet === undefined) {
      sheet = new CSSStyleSheet()
      sheet.replaceSync(css)
    }
    return sheet
  }
}

/** Themes, and the bell. */
export const bellSheet = sheetOf(themeStyle)
