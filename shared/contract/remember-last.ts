/** Makes something of a value, and remembers it for the last value: for values that often come several times in a row. */
export function rememberLast<In, Out> (make: (of: In) => Out): (of: In) => Out {
  let last: { readonly of: In, readonly made: Out } | undefined
  return of => {
    if (last === undefined || of !== last.of) last = { of, made: make(of) }
    return last.made
  }
}
