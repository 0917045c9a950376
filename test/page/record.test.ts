/** Records of the journal: changes come back as they were made, and a hostile record ends where it begins to make no sense. */
import { describe, expect, it } from 'vitest'
import { CHANGE, MAX_KEY_LENGTH } from '../../src/page/layout.js'
import type { Change } from '../../src/page/record.js'
import { changesOf, MAX_RECORD, Recorder } from '../../src/page/record.js'
import { randomBytes, seeded } from '../helpers.js'

function record(recorder: Recorder, change: Change): void {
  if (change.do === 'tree') recorder.enter(change.name.length === 0 ? undefined : Buffer.from(change.name).toString())
  else if (change.do === 'put') recorder.put(change.key, change.key.length, change.value)
  else if (change.do === 'delete') recorder.delete(change.key, change.key.length)
  else recorder.deleteRange(change.low, change.high)
}

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text))
const read = (of: Uint8Array): (Change | undefined)[] => structuredClone([...changesOf(of)])

describe('a record', () => {
  it('has every change as it was made, with the shortest and the longest keys', () => {
    const longest = new Uint8Array(MAX_KEY_LENGTH).fill(7)
    const behind = new Uint8Array(MAX_KEY_LENGTH + 1).fill(7)
    const changes: Change[] = [
      { do: 'put', key: bytes(''), value: bytes('') },
      { do: 'put', key: longest, value: bytes('value') },
      { do: 'tree', name: bytes('größe') },
      { do: 'delete', key: bytes('') },
      { do: 'delete', key: longest },
      { do: 'deleteRange', low: undefined, high: undefined },
      { do: 'tree', name: bytes('') },
      { do: 'deleteRange', low: bytes(''), high: undefined },
      { do: 'deleteRange', low: undefined, high: bytes('') },
      { do: 'deleteRange', low: behind, high: behind },
    ]
    const recorder = new Recorder()
    for (const change of changes) record(recorder, change)
    expect(recorder.fits).toBe(true)
    expect(read(recorder.record)).toEqual(changes)
    recorder.restart()
    expect(recorder.record).toHaveLength(0)
    expect(read(recorder.record)).toEqual([])
  })

  it('takes only the bytes of the key that it is told of', () => {
    const recorder = new Recorder()
    recorder.put(bytes('abcdef'), 3, bytes('v'))
    recorder.delete(bytes('abcdef'), 2)
    expect(read(recorder.record)).toEqual([{ do: 'put', key: bytes('abc'), value: bytes('v') }, { do: 'delete', key: bytes('ab') }])
  })

  it('names a tree once for the changes in a row that belong to it, and the default one after others only', () => {
    const recorder = new Recorder()
    for (const name of [undefined, 'a', 'a', 'b', undefined, undefined, 'b']) {
      recorder.enter(name)
      recorder.delete(bytes('k'), 1)
    }
    expect(read(recorder.record).map((change) => (change?.do === 'tree' ? Buffer.from(change.name).toString() : '.')).join()).toBe('.,a,.,.,b,.,,.,.,b,.')
  })

  it('names no tree in which nothing is changed: there may be none of that name', () => {
    const recorder = new Recorder()
    recorder.enter('ghost')
    recorder.enter(undefined)
    recorder.delete(bytes('k'), 1)
    recorder.enter('ghost')
    expect(read(recorder.record).map((change) => change?.do)).toEqual(['delete'])
  })

  it('of the greatest length fits, and with one byte more does not, until the next transaction', () => {
    const recorder = new Recorder()
    recorder.put(bytes('k'), 1, new Uint8Array(MAX_RECORD - 8))
    expect(recorder.fits).toBe(true)
    expect(recorder.record).toHaveLength(MAX_RECORD)
    recorder.delete(bytes(''), 0)
    expect(recorder.fits).toBe(false)
    recorder.restart()
    for (const change of [() => recorder.put(bytes('k'), 1, new Uint8Array(MAX_RECORD - 7)), () => { recorder.enter('x'.repeat(MAX_RECORD - 2)); recorder.delete(bytes('k'), 1) }]) {
      change()
      expect(recorder.fits).toBe(false)
      recorder.delete(bytes('k'), 1)
      expect(recorder.fits, 'a small change behind a large one').toBe(false)
      recorder.restart()
      expect(recorder.fits).toBe(true)
    }
    recorder.giveUp()
    expect(recorder.fits).toBe(false)
  })

  it('goes back to a mark: its length, its tree, and whether it fitted', () => {
    const recorder = new Recorder()
    recorder.enter('a')
    recorder.delete(bytes('1'), 1)
    const mark = recorder.mark()
    const before = recorder.record.slice()
    recorder.enter('b')
    recorder.put(bytes('2'), 1, new Uint8Array(MAX_RECORD))
    expect(recorder.fits).toBe(false)
    recorder.rollback(mark)
    expect(recorder.fits).toBe(true)
    expect(recorder.record).toEqual(before)
    recorder.enter('a')
    recorder.delete(bytes('3'), 1)
    expect(read(recorder.record).map((change) => change?.do)).toEqual(['tree', 'delete', 'delete'])
    recorder.giveUp()
    const given = recorder.mark()
    recorder.rollback(given)
    expect(recorder.fits, 'what was given up before the mark').toBe(false)
  })

  it('comes back whatever the changes were', () => {
    const random = seeded(4)
    const recorder = new Recorder()
    for (let round = 0; round < 200; round++) {
      recorder.restart()
      const changes: Change[] = []
      for (let i = 0; i < random() * 12; i++) {
        const key = randomBytes(random, random() * 40)
        const other = random() < 0.3 ? undefined : randomBytes(random, random() * 40)
        changes.push(random() < 0.4 ? { do: 'put', key, value: randomBytes(random, random() * 400) } : random() < 0.5 ? { do: 'delete', key } : { do: 'deleteRange', low: other, high: key })
      }
      for (const change of changes) record(recorder, change)
      expect(read(recorder.record)).toEqual(changes)
    }
  })
})

describe('a hostile record', () => {
  /** Operation, then 16-bit numbers, then so many bytes. */
  const made = (operation: number, lengths: number[], rest: number): Uint8Array => {
    const record = new Uint8Array(1 + 2 * lengths.length + rest)
    record[0] = operation
    lengths.forEach((length, i) => new DataView(record.buffer).setUint16(1 + 2 * i, length, true))
    return record
  }

  it.each([
    ['no operation', made(0, [0], 0)],
    ['an unknown operation', made(5, [0, 0], 0)],
    ['half a header', made(CHANGE.PUT, [1, 0], 0)],
    ['a header of one byte', Uint8Array.of(CHANGE.DELETE)],
    ['a key that ends behind the record', made(CHANGE.DELETE, [5], 4)],
    ['a value that ends behind the record', made(CHANGE.PUT, [1, 3, 0], 3)],
    ['a value of 4 GiB', made(CHANGE.PUT, [1, 0xffff, 0xffff], 100)],
    ['a key that is too long', made(CHANGE.DELETE, [MAX_KEY_LENGTH + 1], MAX_KEY_LENGTH + 1)],
    ['a put of a key that is too long', made(CHANGE.PUT, [MAX_KEY_LENGTH + 1, 0, 0], MAX_KEY_LENGTH + 1)],
    ['a name that is too long', made(CHANGE.TREE, [0xffff], 0xffff)],
    ['a bound that is too long', made(CHANGE.DELETE_RANGE, [MAX_KEY_LENGTH + 2, 0], MAX_KEY_LENGTH + 2)],
    ['another bound that is too long', made(CHANGE.DELETE_RANGE, [0, MAX_KEY_LENGTH + 2], MAX_KEY_LENGTH + 2)],
    ['bounds that end behind the record', made(CHANGE.DELETE_RANGE, [3, 3], 5)],
  ])('with %s ends there', (_, record) => {
    expect(read(record)).toEqual([undefined])
    const sound = made(CHANGE.DELETE, [1], 1)
    expect(read(new Uint8Array(Buffer.concat([sound, record, sound])).subarray(0, sound.length + record.length)).map((change) => change?.do)).toEqual(['delete', undefined])
  })

  it('of random bytes is read without a look behind its end', () => {
    const random = seeded(5)
    for (let round = 0; round < 2000; round++) {
      const record = randomBytes(random, random() * 60)
      for (let i = 0; i < record.length; i += 3) record[i] %= 6
      let taken = 0
      for (const change of changesOf(record)) {
        if (change === undefined) break
        taken += change.do === 'put' ? 7 + change.key.length + change.value.length : change.do === 'deleteRange' ? 5 : 3
      }
      expect(taken).toBeLessThanOrEqual(record.length)
    }
  })
})
