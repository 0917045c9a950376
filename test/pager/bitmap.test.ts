import { describe, expect, it } from 'vitest'
import { Bitmap } from '../../src/pager/bitmap.js'
import { IntList } from '../../src/pager/int-list.js'
import { randomFrom } from '../faulty-file.js'

describe('a bitmap', () => {
  it('is the set of what was added and not removed, and counts it', () => {
    for (let seed = 0; seed < 20; seed++) {
      const random = randomFrom(seed)
      const bitmap = new Bitmap()
      const model = new Set<number>()
      for (let step = 0; step < 400; step++) {
        const page = Math.floor(random() * (step % 2 === 0 ? 70 : 5000))
        if (random() < 0.6) {
          expect(bitmap.add(page), `seed ${seed}`).toBe(!model.has(page))
          model.add(page)
        } else expect(bitmap.remove(page), `seed ${seed}`).toBe(model.delete(page))
        expect(bitmap.size).toBe(model.size)
      }
      const members: number[] = []
      for (let page = bitmap.next(0); page !== -1; page = bitmap.next(page + 1)) members.push(page)
      expect(members, `seed ${seed}`).toEqual([...model].sort((a, b) => a - b))
      for (let from = 0; from < 5200; from += 7) {
        let absent = from
        while (model.has(absent)) absent++
        expect(bitmap.nextAbsent(from), `seed ${seed}`).toBe(absent)
        expect(bitmap.has(from)).toBe(model.has(from))
      }
    }
  })

  it('answers for pages far beyond what it holds', () => {
    const bitmap = new Bitmap()
    expect(bitmap.has(2 ** 30)).toBe(false)
    expect(bitmap.remove(2 ** 30)).toBe(false)
    expect(bitmap.next(2 ** 30)).toBe(-1)
    expect(bitmap.nextAbsent(2 ** 30)).toBe(2 ** 30)
    bitmap.add(31)
    expect(bitmap.next(32)).toBe(-1)
    for (let page = 0; page < 64 * 32; page++) bitmap.add(page)
    expect(bitmap.nextAbsent(5)).toBe(64 * 32)
  })

  it('is empty after clear', () => {
    const bitmap = new Bitmap()
    bitmap.add(5000)
    bitmap.clear()
    expect(bitmap.size).toBe(0)
    expect(bitmap.next(0)).toBe(-1)
  })
})

describe('a list of integers', () => {
  const listed = (list: IntList): number[] => Array.from({ length: list.length }, (_, i) => list.at(i))

  it('grows, takes others in place, and gives back from its end', () => {
    const list = new IntList()
    const values = Array.from({ length: 100 }, (_, i) => (i * 37) % 100)
    for (const value of values) list.push(value)
    expect(listed(list)).toEqual(values)
    list.set(1, 1000)
    expect(list.at(1)).toBe(1000)
    expect(list.pop()).toBe(values[99])
    list.truncate(3)
    expect(listed(list)).toEqual([0, 1000, 74])
  })

  it('is brought into order from any number of items that are in order on', () => {
    const values = Array.from({ length: 60 }, (_, i) => (i * 37) % 50)
    for (let from = 0; from <= values.length; from++) {
      const list = new IntList()
      for (const value of values.slice(0, from).sort((a, b) => a - b)) list.push(value)
      for (const value of values.slice(from)) list.push(value)
      list.sortFrom(from)
      expect(listed(list)).toEqual(values.toSorted((a, b) => a - b))
    }
  })
})
