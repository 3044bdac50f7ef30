import { randomInt } from 'node:crypto'
import t from 'tap'
import { ownerRange } from '../../../shared/store/keys.js'
import { userStream } from '../../../shared/contract/names.js'
import { placeOfEntry } from '../../../shared/store/store.js'
import { openTestLmdb, startLmdbChild, tempDir } from '../../helpers/lmdb-store.js'

t.test('kill -9 - at a random moment loses nothing that was acknowledged, and leaves no hole', async t => {
  const dir = tempDir(t)
  let acknowledged = 0
  for (let round = 0; round < 20; round++) {
    const child = startLmdbChild(t, 'write', dir, `${round}`)
    const killAfter = randomInt(1, 120)
    while (child.lines.length < killAfter && !child.hasEnded) await child.nextLine()
    await child.kill()
    const last = new Map<string, number>()
    for (const line of child.lines.slice(1)) {
      const [name = '', seq = ''] = line.split(' ')
      last.set(name, Number(seq))
    }
    const store = await openTestLmdb(t, { dir })
    for (const [name, seq] of last) {
      const docs = await store.range('entries', ownerRange(userStream(name)), { limit: 100_000 })
      t.ok((docs.at(-1)?.seq ?? 0) >= seq, `round ${round}: ${name} acknowledged ${seq}, stored ${docs.at(-1)?.seq ?? 0}`)
      t.ok(docs.every((doc, at) => placeOfEntry(doc.key).prev === at && doc.text.length === (at * 37) % 9000), 'unbroken, and whole')
      t.equal(docs.length % 2, 0, 'a chain of one transaction is there or is not')
      acknowledged += seq
    }
    await store.close()
  }
  t.ok(acknowledged > 20, `${acknowledged} entries acknowledged in all`)
})
