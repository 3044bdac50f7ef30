/** What ends a migration for good: the text says what to do. Exit code 1. */
export class MigrateError extends Error {
  constructor (message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'MigrateError'
  }
}
