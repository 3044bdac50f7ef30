/** Behind a real Spring Authorization Server, set up as docs/guides/spring-authorization-server.md says: its tokens, those of another client, groups, and rotations of its key. */
import t from 'tap'
import { hasSpring, springMissing, startSpring } from '../helpers/spring-authorization-server.js'
import { assertGuideHolds, rotations } from '../helpers/identity-provider.js'

const moments = rotations('1,4,8')
t.setTimeout(300_000 + moments.length * 60_000)

t.test('spring-authorization-server - logins, another client, groups, rotations', { skip: !hasSpring && springMissing }, async t => {
  await assertGuideHolds(t, 'spring-authorization-server.md', await startSpring(t), moments)
})
