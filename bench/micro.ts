import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import benny from 'benny'
import { open } from '../src/index.js'
import { Arena } from '../src/page/arena.js'
import { pageCrc } from '../src/page/checksum.js'
import { formatPage } from '../src/page/header.js'
import { LEAF_CELL, PAGE_SIZE, TYPE } from '../src/page/layout.js'
import { insertLeafCell } from '../src/page/leaf.js'
import { searchNode, setPrefix } from '../src/page/node.js'
import { Random } from './random.js'

const ENTRIES = 100_000
const CELLS = 22

type Case = readonly [name: string, work: () => void]

/**
 * Micro suites, for finding and keeping gains: a page alone, then operations on 100,000 entries of 16 -> 128
 * bytes in a file. Each case does one operation a cycle.
 */
export async function micro(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'coppice-micro-'))
  try {
    await page()
    await store(join(folder, 'store'))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function suite(name: string, cases: readonly Case[]): Promise<void> {
  await benny.suite(name, ...cases.map(([title, work]) => benny.add(title, work)), benny.cycle(), benny.complete())
}

/** A leaf as random keys fill it: 22 cells of 16 -> 128 bytes. */
async function page(): Promise<void> {
  const arena = new Arena(new ArrayBuffer(2 * PAGE_SIZE))
  const random = new Random(9)
  const keys = Array.from({ length: CELLS }, () => random.fill(new Uint8Array(16))).sort(Buffer.compare)
  const value = random.fill(new Uint8Array(128))
  const fillPage = (base: number): void => {
    formatPage(arena, base, 5, TYPE.LEAF, 0, 0)
    setPrefix(arena, base, value, 0, 0)
    for (let i = 0; i < CELLS; i++) insertLeafCell(arena, base, i, keys[i], 16, 16, value, 0)
  }
  fillPage(0)
  let found = 0
  await suite('a page', [
    ['page search', () => {
      found += searchNode(arena, 0, 0, LEAF_CELL.REST, keys[random.below(CELLS)], 16)
    }],
    [`leaf insert, ${CELLS} to fill an empty page`, () => fillPage(PAGE_SIZE)],
    ['crc', () => {
      found += pageCrc(arena, 0)
    }],
  ])
  if (Number.isNaN(found)) throw new Error('nothing was searched')
}

async function store(path: string): Promise<void> {
  const db = open(path, { keyEncoding: 'binary' })
  const random = new Random(9)
  const keys = Array.from({ length: ENTRIES }, () => random.fill(Buffer.alloc(16)))
  const absent = Array.from({ length: ENTRIES }, () => random.fill(Buffer.alloc(16)))
  const value = Buffer.alloc(128, 1)
  db.transaction((tx) => keys.forEach((key) => tx.put(key, value)))
  const any = () => keys[random.below(ENTRIES)]
  const cursor = db.cursor()
  await suite('reads', [
    ['get', () => void db.get(any())],
    ['get, missing', () => void db.get(absent[random.below(ENTRIES)])],
    ['view', () => void db.view(any(), (bytes) => bytes.length)],
    ['has', () => void db.has(any())],
    ['count of a range', () => void db.count({ gte: any() })],
    ['at', () => void db.at(random.below(ENTRIES))],
    ['cursor: next', () => void (cursor.next() || cursor.first())],
    ['cursor: next and value', () => void ((cursor.next() || cursor.first()) && cursor.value)],
    ['cursor: seek', () => void cursor.seek(any())],
    ['iterator: 10 entries from a key', () => {
      for (const entry of db.entries({ gte: any(), limit: 10 })) void entry
    }],
    ['iterator: all entries', () => {
      for (const entry of db.entries()) void entry
    }],
    ['prefix range of about 6', () => {
      for (const entry of db.prefix(any().subarray(0, 2))) void entry
    }],
  ])
  cursor.close()
  const tx = db.begin()
  await suite('writes in a transaction', [
    ['put over', () => tx.put(any(), value)],
    ['put new, in random order', () => tx.put(random.fill(new Uint8Array(16)), value)],
  ])
  tx.rollback()
  await suite('commits', [['durable, one put', () => db.put(any(), value)], ['durable, 10 puts', () => db.transaction((own) => {
    for (let i = 0; i < 10; i++) own.put(any(), value)
  })]])
  db.close()
  const lazy = open(path, { keyEncoding: 'binary', durability: 'lazy' })
  await suite('lazy commits', [['one put', () => lazy.put(any(), value)]])
  lazy.close()
}
