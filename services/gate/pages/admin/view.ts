/** A page of the dashboard. */
export interface View {
  readonly element: HTMLElement
  /** Asks Gate and shows what it says; the line for the header, where it has one. Called again and again while the page is shown. */
  readonly load?: () => Promise<string>
}

/** Where a page is: `#/user?name=ann`. */
export const address = (page: string, parameters: Readonly<Record<string, string>> = {}): string => {
  const query = new URLSearchParams(parameters).toString()
  return `#/${page}${query === '' ? '' : `?${query}`}`
}

export function readAddress (hash: string): { page: string, parameters: URLSearchParams } {
  const [page = '', query = ''] = hash.replace(/^#\/?/, '').split('?')
  return { page, parameters: new URLSearchParams(query) }
}
