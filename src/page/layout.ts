/**
 * Every number of the file format, once. `format-spec.md` holds the same tables in words, and a test
 * compares the two. Offsets are bytes from the start of the structure, lengths are bytes, all integers
 * little-endian.
 */

export const FORMAT_VERSION = 1
export const PAGE_SIZE = 4096
export const PAGE_SHIFT = 12

/** Page numbers are below this: 4 TiB of pages. */
export const MAX_PAGES = 2 ** 30
export const MAX_KEY_LENGTH = 2048
export const MAX_VALUE_LENGTH = 2 ** 30
/** A tree deeper than this cannot come from 2^48 entries; it is refused as damage. */
export const MAX_DEPTH = 32

/** Pages 0, 1 and 2 are meta slots. */
export const META_SLOTS = 3

/** Page header, the first 32 bytes of every page but overflow pages, which are raw bytes. */
export const HEADER = {
  CRC: 0,
  PAGE: 4,
  BIRTH: 8,
  TYPE: 16,
  LEVEL: 17,
  COUNT: 18,
  PREFIX_LENGTH: 20,
  CELL_TOP: 22,
  FRAGMENTED: 24,
  FLAGS: 26,
  TREE: 28,
  SIZE: 32,
} as const

/** Values of the page header's type. */
export const TYPE = { LEAF: 1, BRANCH: 2, META: 3, FREE_LOG: 4, JOURNAL: 5 } as const

/** Slot of a leaf or a branch: one for each cell, in key order, from byte 32 of the page. */
export const SLOT = { HEAD: 0, OFFSET: 4, SUFFIX_LENGTH: 6, SIZE: 8 } as const

/** Leaf cell; the rest of the suffix and the value follow the header. */
export const LEAF_CELL = { LENGTH: 0, FLAGS: 2, REST: 4 } as const

/** Flags of a leaf cell. Compression and expiry are reserved: version 1 neither writes nor reads them. */
export const LEAF_FLAG = { OVERFLOW: 1, COMPRESSED: 2, EXPIRY: 4 } as const

/** Branch cell; the rest of the separator's suffix follows the header. */
export const BRANCH_CELL = { CHILD: 0, CRC: 4, ENTRIES: 8, FLAGS: 14, REST: 16 } as const

/** Flags of a branch cell. UNSEALED stands in memory only, on a pointer whose crc is not yet known. */
export const BRANCH_FLAG = { OVERFLOW_BELOW: 1, UNSEALED: 0x8000 } as const

/** Reference to an overflow extent, in place of the value of a leaf cell. */
export const OVERFLOW_REF = { PAGE: 0, CRC: 4, LENGTH: 8, BIRTH: 12, SIZE: 20 } as const

/** Pointer to the root of a tree, in the meta page and in the catalog. */
export const TREE_POINTER = { PAGE: 0, CRC: 4, ENTRIES: 8, DEPTH: 14, SIZE: 16 } as const

/** A value in the catalog: a tree pointer, the tree's id, flags. */
export const CATALOG_RECORD = { POINTER: 0, TREE: 16, FLAGS: 20, SIZE: 24 } as const

/** Meta page, after the page header, whose birth is the transaction id of the commit. */
export const META = {
  MAGIC: 32,
  VERSION: 40,
  PAGE_SIZE: 44,
  REQUIRED: 48,
  COMPATIBLE: 52,
  DATABASE: 56,
  DURABLE: 72,
  PAGE_COUNT: 80,
  NEXT_TREE: 84,
  DEFAULT_TREE: 88,
  CATALOG: 104,
  LOG_PAGE: 120,
  LOG_CRC: 124,
  LOG_LENGTH: 128,
  LOG_RUNS: 132,
  TIMESTAMP: 136,
  JOURNAL_PAGE: 144,
  JOURNAL_PAGES: 148,
  JOURNAL_REGION: 150,
  JOURNAL_SALT: 152,
  DELTA: 156,
} as const

/** "coppice" and a line feed. */
export const MAGIC = Uint8Array.of(0x63, 0x6f, 0x70, 0x70, 0x69, 0x63, 0x65, 0x0a)

/** Free log page: where the chain goes on, then runs. */
export const FREE_LOG = { PREVIOUS_PAGE: 32, PREVIOUS_CRC: 36, RUNS: 40 } as const

/** Journal page, after the page header, whose birth is the transaction id of the commit: which checkpoint it follows, its place, and a part of the record. */
export const JOURNAL = { BASE: 32, DURABLE: 40, POSITION: 48, PART: 52, LENGTH: 56, SALT: 60, DATA: 64 } as const

/** A change in a record of the journal; lengths and bytes follow the operation. */
export const CHANGE = { TREE: 1, PUT: 2, DELETE: 3, DELETE_RANGE: 4 } as const

/** A run of pages in a free delta; the highest bit of the length says whether they became free or taken. */
export const RUN = { START: 0, LENGTH: 4, SIZE: 8, FREED: 0x80000000 } as const

/** Runs that fit in a meta page, and in a page of the free log. */
export const META_RUNS = Math.floor((PAGE_SIZE - META.DELTA) / RUN.SIZE)
export const LOG_PAGE_RUNS = (PAGE_SIZE - FREE_LOG.RUNS) / RUN.SIZE
/** Regions for journals: recovery may need those of as many checkpoints as there are meta slots. */
export const JOURNAL_REGIONS = META_SLOTS
/** Pages of a region at most: opening reads all of one. */
export const MAX_JOURNAL_PAGES = 256
/** Bytes of a record that fit in a page of the journal. */
export const JOURNAL_PAGE_BYTES = PAGE_SIZE - JOURNAL.DATA

/** Ids of the two trees that every file has. */
export const CATALOG_TREE = 0
export const DEFAULT_TREE = 1

/** A cell with its value inside is at most this long, so that two fit in a page. */
export const MAX_INLINE_CELL = ((PAGE_SIZE - HEADER.SIZE) >>> 1) - SLOT.SIZE
