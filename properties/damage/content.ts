/** What is in a store, as text of one character a byte: it compares as fast as numbers do, in the order of the bytes. */
import type { Database } from '../../src/database.js'
import type { Encoding } from '../../src/encoding/encoding.js'

/** One character a byte. */
export const latin1: Encoding<string> = {
  name: 'latin1',
  encodeInto: (text, target) => (text.length <= target.length ? Buffer.from(target.buffer, target.byteOffset, target.length).write(text, 'latin1') : text.length),
  encode: (text) => new Uint8Array(Buffer.from(text, 'latin1')),
  decode: (source, start = 0, end = source.length) => Buffer.from(source.buffer, source.byteOffset + start, end - start).toString('latin1'),
}

export const TEXT = { keyEncoding: latin1, valueEncoding: latin1 } as const

export type Text = Database<string, string>

/** The entries of each tree; undefined names the default one. */
export type Content = Map<string | undefined, Map<string, string>>

export function treeOf(db: Text, name: string | undefined) {
  return name === undefined ? db : db.tree<string, string>(name, TEXT)
}

export function contentOf(db: Text): Content {
  return new Map([undefined, ...db.trees()].map((name) => [name, new Map(treeOf(db, name).entries())]))
}

export function copyOf(content: Content): Content {
  return new Map([...content].map(([name, entries]) => [name, new Map(entries)]))
}

/** A key or value for a message. */
export function shown(text: string | undefined): string {
  if (text === undefined) return 'nothing'
  const hex = Buffer.from(text.slice(0, 16), 'latin1').toString('hex')
  return text.length <= 16 ? `<${hex}>` : `<${hex}... ${text.length} bytes>`
}
