/** A new idempotency key: 128 random bits, in contexts without TLS too, where crypto.randomUUID is missing. */
export function newKey (): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map(byte => byte.toString(16).padStart(2, '0')).join('')
}

/**
 * Far above what a server takes (64 KiB), so that the server is the judge; yet a frame that would break the
 * socket, or fill the queue's memory, is refused here.
 */
export const maxMessageBytes = 128 * 1024

export const byteLength = (text: string): number => new TextEncoder().encode(text).byteLength
