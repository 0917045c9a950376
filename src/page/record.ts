/**
 * The record of a commit in the journal: what the transaction changed, in order. Each change is an operation (u8) with its lengths and
 * bytes; `TREE` says which tree those after it belong to, and a record begins in the default tree.
 *
 *   TREE          name length u16 | name            (length 0: the default tree)
 *   PUT           key length u16 | value length u32 | key | value
 *   DELETE        key length u16 | key
 *   DELETE_RANGE  low length u16 | high length u16 | low | high      (length 0xffff: no such bound)
 */
import { CHANGE, JOURNAL_PAGE_BYTES, MAX_KEY_LENGTH } from './layout.js'
import { needsOverflow } from './leaf.js'

/** Records up to this many bytes go to the journal, sixteen pages; larger transactions write their pages instead. */
export const MAX_RECORD = 16 * JOURNAL_PAGE_BYTES
const NO_BOUND = 0xffff

/** One change, as the record has it. */
export type Change =
  | { do: 'tree'; name: Uint8Array }
  | { do: 'put'; key: Uint8Array; value: Uint8Array }
  | { do: 'delete'; key: Uint8Array }
  | { do: 'deleteRange'; low: Uint8Array | undefined; high: Uint8Array | undefined }

/** A point in a record to which it can be taken back. */
export interface RecordMark {
  length: number
  fits: boolean
  tree: string | undefined
}

/** Writes changes down as a transaction makes them, until they are too many for the journal. */
export class Recorder {
  private readonly bytes = new Uint8Array(MAX_RECORD)
  private readonly view = new DataView(this.bytes.buffer)
  private length = 0
  /** The tree that the record is in, and the one that the next change is to be in. */
  private tree: string | undefined
  private entered: string | undefined
  /** False once the record cannot hold what the transaction has done. */
  fits = true

  /** The record so far, valid until the next change. */
  get record(): Uint8Array {
    return this.bytes.subarray(0, this.length)
  }

  restart(): void {
    this.length = 0
    this.tree = undefined
    this.entered = undefined
    this.fits = true
  }

  mark(): RecordMark {
    return { length: this.length, fits: this.fits, tree: this.tree }
  }

  rollback(mark: RecordMark): void {
    this.length = mark.length
    this.fits = mark.fits
    this.tree = mark.tree
  }

  /** The transaction does something that no record tells. */
  giveUp(): void {
    this.fits = false
  }

  /** Changes from here on belong to the tree of this name, the default one for none. Perhaps there are none, and no such tree. */
  enter(name: string | undefined): void {
    this.entered = name
  }

  private nameTree(): void {
    const name = this.entered
    if (name === this.tree) return
    const bytes = name === undefined ? new Uint8Array(0) : Buffer.from(name)
    if (!this.makeRoom(3 + bytes.length)) return
    this.begin(CHANGE.TREE, bytes.length)
    this.append(bytes, bytes.length)
    this.tree = name
  }

  put(key: Uint8Array, length: number, value: Uint8Array): void {
    this.nameTree()
    if (!this.makeRoom(7 + length + value.length)) return
    this.begin(CHANGE.PUT, length)
    this.view.setUint32(this.length, value.length, true)
    this.length += 4
    this.append(key, length)
    this.bytes.set(value, this.length)
    this.length += value.length
  }

  delete(key: Uint8Array, length: number): void {
    this.nameTree()
    if (!this.makeRoom(3 + length)) return
    this.begin(CHANGE.DELETE, length)
    this.append(key, length)
  }

  deleteRange(low: Uint8Array | undefined, high: Uint8Array | undefined): void {
    this.nameTree()
    if (!this.makeRoom(5 + (low?.length ?? 0) + (high?.length ?? 0))) return
    this.begin(CHANGE.DELETE_RANGE, low?.length ?? NO_BOUND)
    this.view.setUint16(this.length, high?.length ?? NO_BOUND, true)
    this.length += 2
    if (low !== undefined) this.append(low, low.length)
    if (high !== undefined) this.append(high, high.length)
  }

  private makeRoom(bytes: number): boolean {
    if (this.length + bytes > MAX_RECORD) this.fits = false
    return this.fits
  }

  private begin(operation: number, length: number): void {
    this.bytes[this.length] = operation
    this.view.setUint16(this.length + 1, length, true)
    this.length += 3
  }

  private append(source: Uint8Array, length: number): void {
    for (let i = 0; i < length; i++) this.bytes[this.length + i] = source[i]
    this.length += length
  }
}

/** The changes of a record, in order; undefined in the place of one that no writer makes, and nothing after it. */
export function* changesOf(record: Uint8Array): Generator<Change | undefined> {
  const view = new DataView(record.buffer, record.byteOffset, record.length)
  let at = 0
  const take = (length: number): Uint8Array => record.subarray(at, (at += length))
  while (at < record.length) {
    const operation = record[at]
    const header = headerLength(operation)
    if (header === 0 || at + header > record.length) return yield undefined
    const first = view.getUint16(at + 1, true)
    const second = operation === CHANGE.PUT ? view.getUint32(at + 3, true) : operation === CHANGE.DELETE_RANGE ? view.getUint16(at + 3, true) : 0
    at += header
    const bounded = operation === CHANGE.DELETE_RANGE
    const [one, other] = [first, second].map((length) => (bounded && length === NO_BOUND ? 0 : length))
    // The bound behind a key of the greatest length is a byte longer.
    const longest = bounded ? MAX_KEY_LENGTH + 1 : MAX_KEY_LENGTH
    if (one > longest || (bounded && other > longest) || at + one + other > record.length) return yield undefined
    // A value that belongs in an extent is in no record, and making the commit again is to write nothing.
    if (operation === CHANGE.PUT && needsOverflow(one, other)) return yield undefined
    if (operation === CHANGE.TREE) yield { do: 'tree', name: take(one) }
    else if (operation === CHANGE.PUT) yield { do: 'put', key: take(one), value: take(other) }
    else if (operation === CHANGE.DELETE) yield { do: 'delete', key: take(one) }
    else yield { do: 'deleteRange', low: first === NO_BOUND ? undefined : take(one), high: second === NO_BOUND ? undefined : take(other) }
  }
}

function headerLength(operation: number): number {
  if (operation === CHANGE.PUT) return 7
  if (operation === CHANGE.DELETE_RANGE) return 5
  return operation === CHANGE.TREE || operation === CHANGE.DELETE ? 3 : 0
}
