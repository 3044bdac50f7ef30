/** The one message of the comparison: what both sides carry, in bytes as good as equal. */
export const secret = 'a secret of at least 32 bytes, for comparisons'
export const body = 'some text that is the body of a mail '.repeat(4)
export const userName = (i: number): string => `user-${i}`

export interface Draft { readonly to: object, readonly title: string, readonly body: string, readonly data: { readonly n: number, readonly atMs: number } }
export const draft = (to: object, n: number, atMs = 0): Draft => ({ to, title: `m${n}`, body, data: { n, atMs } })

export const bareBytes = 200
/** What a user of bare Socket.IO would emit instead: JSON of 200 bytes, with no more than its readers need. */
export function barePayload (n: number, atMs: number): object {
  const payload = { n, atMs, text: '' }
  return { ...payload, text: 'x'.repeat(Math.max(0, bareBytes - JSON.stringify(payload).length)) }
}

/** As a reader of Gatepost gets it; a bare Socket.IO server emits the same. */
export const entryLike = ({ to, title, body, data }: Draft, stream: string): object => ({
  type: 'message', id: '0123456789a0123456789abcdefu', stream, seq: 373494926147584, prev: 373494926143488, from: { producer: 'shop', name: null, picture: null }, to, title, body, data,
  category: 'general', createdAt: new Date().toISOString(), expiresAt: new Date().toISOString(), boxes: ['inbox'], url: null, actions: null, read: false, archived: false, recalled: false, acted: null
})

/** The stored text of a message to an inbox: what an entry shows, from `from` to `boxes`, without braces. */
export const storedText = ({ to, title, body, data }: Draft, createdAtMs: number, expiresAtMs: number): string => JSON.stringify({
  from: { producer: 'shop' }, to, title, body, data, category: 'general', createdAt: new Date(createdAtMs).toISOString(), expiresAt: new Date(expiresAtMs).toISOString(), boxes: ['inbox']
}).slice(1, -1)

/** Ms of a clock that all processes of this machine share. */
export const sharedNowMs = (): number => Number(process.hrtime.bigint()) / 1e6
