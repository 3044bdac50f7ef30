/** The fields that have a value: an optional field is absent, never undefined (exactOptionalPropertyTypes). */
export function omitUndefined<T extends object> (fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as { [K in keyof T]?: Exclude<T[K], undefined> }
}
