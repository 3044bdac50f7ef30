/** The languages that are shipped. Each is a file of its own, loaded when a page is in that language. */
import type { Texts } from './texts.js'

const loaders: Readonly<Record<string, () => Promise<Texts>>> = {
  ar: async () => (await import('./texts/ar.js')).ar,
  de: async () => (await import('./texts/de.js')).de,
  es: async () => (await import('./texts/es.js')).es,
  ja: async () => (await import('./texts/ja.js')).ja,
  zh: async () => (await import('./texts/zh.js')).zh
}

/** Of a language tag, such as `de-AT`; undefined for English and for what is not shipped, such as traditional Chinese. */
export function loaderOf (locale: string | undefined): (() => Promise<Texts>) | undefined {
  if (locale === undefined) return undefined
  const { language, script, region } = new Intl.Locale(locale).maximize()
  if (language === 'zh' && (script === 'Hant' || region === 'TW' || region === 'HK')) return undefined
  return loaders[language]
}
