import { MAX_DEPTH, META_SLOTS, TREE_POINTER } from './layout.js'

/** The root of a tree as it stands in a meta page or in the catalog. Page 0 stands for a tree without entries. */
export interface TreePointer {
  page: number
  /** Checksum of the root page, as a signed integer. */
  crc: number
  entries: number
  /** Levels, leaves included; 0 for a tree without entries. */
  depth: number
}

export const EMPTY_TREE: TreePointer = Object.freeze({ page: 0, crc: 0, entries: 0, depth: 0 })

const TWO_32 = 2 ** 32

export function writeTreePointer(view: DataView, at: number, pointer: TreePointer): void {
  view.setUint32(at + TREE_POINTER.PAGE, pointer.page, true)
  view.setInt32(at + TREE_POINTER.CRC, pointer.crc, true)
  view.setUint32(at + TREE_POINTER.ENTRIES, pointer.entries % TWO_32, true)
  view.setUint16(at + TREE_POINTER.ENTRIES + 4, Math.floor(pointer.entries / TWO_32), true)
  view.setUint16(at + TREE_POINTER.DEPTH, pointer.depth, true)
}

export function readTreePointer(view: DataView, at: number): TreePointer {
  return {
    page: view.getUint32(at + TREE_POINTER.PAGE, true),
    crc: view.getInt32(at + TREE_POINTER.CRC, true),
    entries: view.getUint32(at + TREE_POINTER.ENTRIES, true) + view.getUint16(at + TREE_POINTER.ENTRIES + 4, true) * TWO_32,
    depth: view.getUint16(at + TREE_POINTER.DEPTH, true),
  }
}

/** What is wrong with a pointer, or undefined: either no page, no entries and no depth, or all three. */
export function validateTreePointer(pointer: TreePointer, pageCount: number): string | undefined {
  const { page, entries, depth } = pointer
  if (page === 0) return entries === 0 && depth === 0 ? undefined : 'a tree without a root has entries'
  if (page < META_SLOTS || page >= pageCount) return `the root, page ${page}, lies outside the file`
  if (depth < 1 || depth > MAX_DEPTH) return `the depth ${depth} is impossible`
  if (entries < 1) return 'a tree with a root has no entries'
  return entries >= 2 ** 48 ? 'a tree has more entries than can be' : undefined
}
