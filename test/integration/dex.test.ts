/** Behind a real Dex, set up as docs/guides/dex.md says: its tokens, those of another client, groups, and rotations of its key. */
import t from 'tap'
import { hasDex, dexMissing, startDex } from '../helpers/dex.js'
import { assertGuideHolds, rotations } from '../helpers/identity-provider.js'

// A rotation comes every 30 s, so any moment costs the same.
const moments = rotations('1,12,24')
t.setTimeout(300_000 + moments.length * 60_000)

t.test('dex - logins, another client, groups, rotations', { skip: !hasDex && dexMissing }, async t => {
  await assertGuideHolds(t, 'dex.md', await startDex(t), moments)
})
