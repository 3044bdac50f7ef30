/** What may be said of several writes when one of them fails. */
import t from 'tap'
import { GatepostError, outcomeUnknown } from '../../../shared/contract/errors.js'
import { afterWriting, allWritten } from '../../../services/notifications/log/half-done.js'
import { until } from '../../helpers/until.js'

const refused = new GatepostError('GP_STORE_UNAVAILABLE', 'nothing was stored')
const fail = async (error: Error): Promise<never> => { throw error }

t.test('half done - what follows a stored write never says that nothing was stored', async t => {
  t.equal(await afterWriting(async () => 1), 1)
  for (const code of ['GP_STORE_UNAVAILABLE', 'GP_OVERLOADED', 'GP_DISPATCH_UNAVAILABLE'] as const) {
    await t.rejects(afterWriting(async () => await fail(new GatepostError(code, 'no'))), { code: 'GP_OUTCOME_UNKNOWN', statusCode: 504, retryAfterSeconds: undefined })
  }
  await t.rejects(afterWriting(async () => await fail(new GatepostError('GP_NOT_FOUND', 'gone'))), { code: 'GP_NOT_FOUND' })
  await t.rejects(afterWriting(async () => await fail(new TypeError('a fault'))), { name: 'TypeError' })
})

t.test('half done - of writes side by side a refusal stands only where none is stored, or may be', async t => {
  await allWritten([])
  await allWritten([Promise.resolve(), Promise.resolve()])
  await t.rejects(allWritten([fail(refused), fail(refused)]), { code: 'GP_STORE_UNAVAILABLE' })
  await t.rejects(allWritten([fail(refused), Promise.resolve()]), { code: 'GP_OUTCOME_UNKNOWN' })
  await t.rejects(allWritten([fail(refused), fail(outcomeUnknown('lost'))]), { code: 'GP_OUTCOME_UNKNOWN' })
  await t.rejects(allWritten([fail(new GatepostError('GP_NOT_SENDER', 'no')), Promise.resolve()]), { code: 'GP_NOT_SENDER' })
  // One that is slow may be stored yet.
  let store = (): void => {}
  let said: string | undefined
  const saying = allWritten([fail(refused), new Promise<void>(resolve => { store = resolve })]).catch((error: GatepostError) => { said = error.code })
  await new Promise(resolve => setImmediate(resolve))
  t.equal(said, undefined)
  store()
  await until('said', () => said)
  await saying
  t.equal(said, 'GP_OUTCOME_UNKNOWN')
})
