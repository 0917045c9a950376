import { expect, it } from 'vitest'
import type { Encoding } from '../../src/index.js'
import { emptyImage, FaultyFile, fileOf, openOn } from '../../test/faulty-file.js'
import { assertSound, codeOf, memoryStore, padded, wrong } from '../../test/helpers.js'

it('at answers the value of its entry, whatever the decoding of the key writes', () => {
  let hook: (() => void) | undefined
  const decode = (bytes: Uint8Array): string => {
    const run = hook
    hook = undefined
    run?.()
    return Buffer.from(bytes).toString()
  }
  const db = memoryStore<string, string>({ keyEncoding: { encode: (key: string) => Buffer.from(key), decode }, valueEncoding: 'utf8' })
  for (let i = 0; i < 3; i++) db.put(`key ${i}`, `value ${i}`)
  hook = () => {
    for (let i = 0; i < 5; i++) db.put(`other ${i}`, 'wrong'.repeat(200))
  }
  expect(db.at(0)).toEqual(['key 0', 'value 0'])
  expect(db.stats().pending).toEqual([])
})

it('a value looked at in very many nested views stays where it is', () => {
  const { db } = openOn(new FaultyFile(fileOf(emptyImage()), false), { poolSize: 2 * 2 ** 20 })
  const value = 'v'.repeat(1500)
  db.transaction((tx) => { for (let i = 0; i < 3000; i++) tx.put(padded(i), i === 0 ? value : 'w'.repeat(1500)) })
  const look = (depth: number): boolean | undefined =>
    db.view(padded(0), (bytes) => {
      if (depth > 1) return look(depth - 1)
      for (let i = 0; i < 3000; i++) db.get(padded(i))
      return Buffer.from(bytes).toString() === value
    })
  for (const depth of [1, 255, 256, 257]) expect(look(depth), `${depth} views`).toBe(true)
})

it('views nested deeper than the pool has frames see their values, and the store goes on', () => {
  const { db } = openOn(new FaultyFile(fileOf(emptyImage()), false), { poolSize: 2 * 2 ** 20 })
  db.transaction((tx) => { for (let i = 0; i < 2000; i++) tx.put(padded(i), 'w'.repeat(1500)) })
  const look = (i: number): number | undefined => db.view(padded(i * 2), () => (i < 999 ? look(i + 1) : i))
  expect(look(0)).toBe(999)
  expect(db.get(padded(0))).toBe('w'.repeat(1500))
  assertSound(db)
})

it('an encoding of the user that answers nonsense is told so, and nothing is written', () => {
  for (const answer of [NaN, undefined, -1, 1.5, '3', null]) {
    const keyEncoding: Encoding<string> = { name: 'wrong', encode: () => new Uint8Array(1), encodeInto: () => wrong(answer), decode: () => '' }
    const db = memoryStore({ keyEncoding })
    expect(codeOf(() => db.put('key', Uint8Array.of(1))), String(answer)).toBe('COPPICE_INVALID_KEY')
    expect(codeOf(() => db.get('key')), String(answer)).toBe('COPPICE_INVALID_KEY')
    expect(db.count()).toBe(0)
    assertSound(db)
  }
  for (const answer of ['text', { length: 3 }, undefined, [1, 2], new Uint16Array(3)]) {
    const valueEncoding: Encoding<string> = { name: 'wrong', encode: () => wrong(answer), encodeInto: () => 0, decode: () => '' }
    const db = memoryStore<string, string>({ valueEncoding })
    expect(codeOf(() => db.put('key', 'value')), String(answer)).toBe('COPPICE_INVALID_VALUE')
    expect(db.count()).toBe(0)
  }
})
