/** Requests as a browser makes them when somebody logs in: cookies are kept, redirects are shown. */
export interface CookieJar {
  /** With `form` a POST of it. */
  visit: (url: string, form?: Record<string, string>) => Promise<Response>
}

/** `headers` are sent with each request. */
export function createCookieJar (headers: Record<string, string> = {}): CookieJar {
  const cookies = new Map<string, string>()
  return {
    visit: async (url, form) => {
      const response = await fetch(url, {
        redirect: 'manual',
        headers: { ...headers, cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
        ...form !== undefined && { method: 'POST', body: new URLSearchParams(form) }
      })
      for (const line of response.headers.getSetCookie()) {
        const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
        if (value === '') cookies.delete(name)
        else cookies.set(name, value)
      }
      return response
    }
  }
}
