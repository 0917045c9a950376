/** Values as JSON text in UTF-8. Meant for values: as keys they would sort by their text, 10 before 9. */

import { describe } from './bytes.js'
import type { Encoding } from './encoding.js'
import { utf8 } from './utf8.js'

/**
 * Whatever `JSON.stringify` can write. What it leaves out or changes comes back so: NaN as null, a Date as
 * a string, a Map as {}. Refused is what has no JSON at all: undefined, functions, symbols, bigints, cycles.
 */
export const json: Encoding<unknown> = {
  name: 'json',

  encodeInto(value, target) {
    return utf8.encodeInto(stringify(value), target)
  },

  encode(value) {
    return utf8.encode(stringify(value))
  },

  decode(source, start = 0, end = source.length) {
    const text = utf8.decode(source, start, end)
    try {
      return JSON.parse(text) as unknown
    } catch (cause) {
      throw new TypeError(`the ${end - start} bytes are not JSON. Read them with the encoding that they were written with.`, { cause })
    }
  },
}

function stringify(value: unknown): string {
  let text: string | undefined
  try {
    text = JSON.stringify(value) as string | undefined
  } catch (cause) {
    throw new TypeError(`JSON cannot hold this value (${cause instanceof Error ? cause.message : 'its toJSON threw'}). Change it, or choose another encoding.`, { cause })
  }
  if (text === undefined) throw new TypeError(`JSON has no form for ${describe(value)}. Use null, or delete the key.`)
  return text
}
