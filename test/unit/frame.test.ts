/** Frames as a WebSocket's receiver reads them. */
import type { Writable } from 'node:stream'
import t from 'tap'
import * as ws from 'ws'
import { wholeForm } from '../../services/notifications/log/entry-form.js'
import { allStream } from '../../shared/contract/names.js'
import { entriesFrame, eventFrame } from '../../services/notifications/realtime/transport/frame.js'

/** Its types leave it out. */
const { Receiver } = ws as unknown as { Receiver: new (options: { isServer: boolean, maxPayload: number }) => Writable }

/** What a client's side of a WebSocket makes of these bytes. */
async function received (bytes: Buffer): Promise<string[]> {
  const texts: string[] = []
  const receiver = new Receiver({ isServer: false, maxPayload: 0 })
  receiver.on('message', (data: Buffer, isBinary: boolean) => { texts.push(isBinary ? 'binary' : data.toString()) })
  await new Promise<void>((resolve, reject) => {
    receiver.on('error', reject)
    receiver.end(bytes, resolve)
  })
  return texts
}

t.test('frame - each size and script arrives as it was, and two behind each other', async t => {
  const overhead = '42["e",""]'.length
  const lengths = [0, 1, 125 - overhead, 126 - overhead, 20_000, 21_840, 21_850, 65_535 - overhead, 65_536 - overhead, 300_000]
  for (const length of lengths) {
    for (const letter of ['a', '\u00e9', '\u7ad9', '\u{1f4ec}']) {
      const json = JSON.stringify(letter.repeat(length))
      const frame = eventFrame('e', json)
      const bytes = frame.options.wsPreEncodedFrame[0]
      t.equal(frame.bytes, bytes.length)
      const texts = await received(Buffer.concat([bytes, bytes]))
      t.ok(texts.length === 2 && texts.every(text => text === `42["e",${json}]`), `${length} x ${letter}`)
    }
  }
})

t.test('frame - a later frame leaves an earlier one alone', async t => {
  const first = entriesFrame(wholeForm, { stream: allStream, prev: 0, wires: ['{"n":1}'] })
  const second = entriesFrame(wholeForm, { stream: allStream, prev: 1, wires: ['{"n":2}', '{"n":3}'] })
  t.same(await received(first.options.wsPreEncodedFrame[0]), ['42["entries",[{"n":1}]]'])
  t.same(await received(second.options.wsPreEncodedFrame[0]), ['42["entries",[{"n":2},{"n":3}]]'])
})
