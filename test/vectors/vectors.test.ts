/** Every vector is read as its expectation says, by every way of opening it. */
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { OpenOptions } from '../../src/index.js'
import { open } from '../../src/index.js'
import { makeVectors } from './make.js'
import type { ExpectedEntry } from './vector.js'
import { expectation, fromHex, vectorBytes, VECTORS } from './vector.js'

const binary = { keyEncoding: 'binary', valueEncoding: 'binary' } as const
type Options = OpenOptions<Uint8Array, Uint8Array>
const ways: [string, Options][] = [
  ['for reading', { readOnly: true }],
  ['for writing', {}],
  ['without a map', { mapper: false, poolSize: 2 * 2 ** 20 }],
]

let folder = ''
beforeAll(() => {
  if (process.env.COPPICE_MAKE_VECTORS !== undefined) makeVectors()
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'coppice-vectors-'))
})
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }))

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const plain = (entries: Iterable<[Uint8Array, Uint8Array]>): string[] => [...entries].map(([key, value]) => `${hex(key)} ${hex(value)}`)
const wanted = (entries: ExpectedEntry[]): string[] => entries.map(([key, value]) => `${hex(fromHex(key))} ${hex(fromHex(value))}`)

describe.each(VECTORS)('the vector %s', (name) => {
  it.each(ways)('opened %s has exactly the expected entries and passes check', (way, options) => {
    const expected = expectation(name)
    const file = path.join(folder, `${name} ${way}`)
    fs.writeFileSync(file, vectorBytes(name))
    const db = open<Uint8Array, Uint8Array>(file, { ...binary, ...options })
    try {
      expect(plain(db.entries())).toEqual(wanted(expected.default))
      expect(db.trees()).toEqual(Object.keys(expected.named))
      for (const [tree, entries] of Object.entries(expected.named)) expect(plain(db.tree<Uint8Array, Uint8Array>(tree, binary).entries())).toEqual(wanted(entries))
      for (const [key, value] of expected.default) expect(hex(db.get(fromHex(key)) ?? Uint8Array.of(0, 0, 0))).toBe(hex(fromHex(value)))
      const check = db.check()
      expect(check.errors).toEqual([])
      expect(check.pages).toEqual({ total: expected.pageCount, ...expected.pages })
      const stats = db.stats()
      expect(stats.transaction).toBe(expected.transaction)
      expect(stats.passedOver).toHaveLength(expected.passedOver)
      expect(stats.trees[0].depth).toBe(expected.depth)
    } finally {
      db.close()
    }
    if (options.readOnly === true) expect(fs.readFileSync(file).equals(vectorBytes(name)), 'reading changes no byte of the file').toBe(true)
  })

  it('can be written to, and read again after that', () => {
    const expected = expectation(name)
    const file = path.join(folder, `${name} written`)
    fs.writeFileSync(file, vectorBytes(name))
    const key = new Uint8Array([0x7a, 0x7a])
    const db = open<Uint8Array, Uint8Array>(file, binary)
    db.put(key, new Uint8Array([1, 2, 3]))
    db.close()
    const again = open<Uint8Array, Uint8Array>(file, { ...binary, readOnly: true })
    try {
      expect(hex(again.get(key) ?? new Uint8Array(0))).toBe('010203')
      expect(again.count()).toBe(expected.default.length + 1)
      expect(again.check().errors).toEqual([])
    } finally {
      again.close()
    }
  })
})

it('the vectors together stay small', () => {
  const total = VECTORS.reduce((sum, name) => {
    const base = new URL(name, import.meta.url)
    return sum + fs.statSync(new URL(`${base.href}.coppice.gz`)).size + fs.statSync(new URL(`${base.href}.json`)).size
  }, 0)
  expect(total).toBeLessThan(300 * 1024)
})
