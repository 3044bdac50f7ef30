/** Makes a screenshot's PNG (8 bits, RGB or RGBA, not interlaced) smaller without a change of any colour: https://www.w3.org/TR/png-3/ */
import { constants, crc32, deflateSync, inflateSync } from 'node:zlib'

const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])

function chunk (type, data) {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)]
  length.writeUInt32BE(data.length)
  sum.writeUInt32BE(crc32(body))
  return Buffer.concat([length, body, sum])
}

function chunksOf (png) {
  if (!png.subarray(0, 8).equals(signature)) throw new Error('png: got something else; takes a PNG')
  const chunks = []
  for (let at = 8; at < png.length;) {
    const length = png.readUInt32BE(at)
    chunks.push({ type: png.toString('latin1', at + 4, at + 8), data: png.subarray(at + 8, at + 8 + length) })
    at += 12 + length
  }
  return chunks
}

function paeth (left, up, corner) {
  const [byLeft, byUp, byCorner] = [Math.abs(up - corner), Math.abs(left - corner), Math.abs(left + up - 2 * corner)]
  return byLeft <= byUp && byLeft <= byCorner ? left : byUp <= byCorner ? up : corner
}

/** What each of the filters 0 to 4 expects of a byte. */
const expected = [() => 0, left => left, (_left, up) => up, (left, up) => (left + up) >> 1, paeth]

/** Rows of bytes as they were before the filters. */
function unfilter (raw, rowBytes, height, pixelBytes) {
  const rows = []
  for (let y = 0; y < height; y += 1) {
    const from = y * (rowBytes + 1)
    const filter = expected[raw[from]]
    const [row, above] = [Buffer.alloc(rowBytes), rows[y - 1]]
    for (let x = 0; x < rowBytes; x += 1) {
      row[x] = raw[from + 1 + x] + filter(row[x - pixelBytes] ?? 0, above?.[x] ?? 0, x < pixelBytes ? 0 : above?.[x - pixelBytes] ?? 0)
    }
    rows.push(row)
  }
  return rows
}

/** A row with the filter that leaves the least. */
function filtered (row, above) {
  let best
  for (const [kind, filter] of expected.entries()) {
    const out = Buffer.alloc(row.length + 1)
    out[0] = kind
    let left = 0
    for (let x = 0; x < row.length; x += 1) {
      const byte = (row[x] - filter(row[x - 3] ?? 0, above?.[x] ?? 0, x < 3 ? 0 : above?.[x - 3] ?? 0)) & 0xff
      out[x + 1] = byte
      left += byte < 128 ? byte : 256 - byte
    }
    if (best === undefined || left < best.left) best = { left, out }
  }
  return best.out
}

export function shrinkPng (png) {
  const chunks = chunksOf(png)
  const header = Buffer.from(chunks[0].data)
  const [width, height, pixelBytes] = [header.readUInt32BE(0), header.readUInt32BE(4), header[9] === 6 ? 4 : 3]
  const raw = inflateSync(Buffer.concat(chunks.filter(({ type }) => type === 'IDAT').map(({ data }) => data)))
  const rows = unfilter(raw, width * pixelBytes, height, pixelBytes).map(row => pixelBytes === 3 ? row : row.filter((_, i) => i % 4 !== 3))
  // Some pictures are smallest with the best filter for each row, most of flat colours with none.
  const [plain, best] = [row => Buffer.concat([Buffer.from([0]), row]), (row, y) => filtered(row, rows[y - 1])]
    .map(by => deflateSync(Buffer.concat(rows.map(by)), { level: constants.Z_BEST_COMPRESSION, memLevel: 9 }))
  header[9] = 2
  return Buffer.concat([signature, chunk('IHDR', header), chunk('IDAT', plain.length < best.length ? plain : best), chunk('IEND', Buffer.alloc(0))])
}
