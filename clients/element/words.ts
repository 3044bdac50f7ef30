/** The texts that are shown: those of the language, where it is shipped, under those that the site gives. */
import { loaderOf } from './languages.js'
import { defaultTexts, type Texts } from './texts.js'

export interface Words {
  readonly texts: Texts
  /** A canonical language tag; undefined = the browser's own language. */
  readonly locale: string | undefined
  give (texts: Partial<Texts>): void
  setLanguage (lang: string): void
}

export function createWords (onChange: () => void): Words {
  let locale: string | undefined
  let given: Partial<Texts> = {}
  let language: Texts = defaultTexts
  let texts: Texts = defaultTexts

  function join (): void {
    const next: Texts = { ...language, ...given }
    // A template hands over an equal object at each rendering: what is read, and where, stays as it is.
    if ((Object.keys(next) as Array<keyof Texts>).every(key => next[key] === texts[key])) return
    texts = next
    onChange()
  }

  async function load (tag: string, loader: () => Promise<Texts>): Promise<void> {
    try {
      const loaded = await loader()
      if (tag !== locale) return
      language = loaded
      join()
    } catch (error) {
      console.warn(`<gatepost-inbox>: lang: the texts of "${tag}" could not be loaded`, error)
    }
  }

  return {
    get texts () { return texts },
    get locale () { return locale },
    give (next) {
      given = next
      join()
    },
    setLanguage (lang) {
      locale = canonical(lang)
      language = defaultTexts
      texts = { ...language, ...given }
      // The forms of times are other ones at once.
      onChange()
      const loader = loaderOf(locale)
      if (locale !== undefined && loader !== undefined) void load(locale, loader)
    }
  }
}

function canonical (lang: string): string | undefined {
  try { return Intl.getCanonicalLocales(lang)[0] } catch {
    // Not a language tag: the browser's own language.
    return undefined
  }
}
