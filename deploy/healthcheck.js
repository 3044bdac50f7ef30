// Asks the process in this container: `node deploy/healthcheck.js livez` (or readyz). Exit code 0 = yes, 1 = no.
const path = process.argv[2] ?? 'livez'
const port = process.env.GATEPOST_METRICS_PORT ?? process.env.GATEPOST_PORT ?? '8080'
try {
  const answer = await fetch(`http://127.0.0.1:${port}/${path}`, { signal: AbortSignal.timeout(2_000) })
  console.log(answer.status, await answer.text())
  process.exitCode = answer.ok ? 0 : 1
} catch (error) {
  console.error(`${path} did not answer on port ${port}:`, error instanceof Error ? error.message : error)
  process.exitCode = 1
}
