import { describe, expect, it } from 'vitest'
import { Readers } from '../../src/pager/readers.js'

describe('readers', () => {
  it('find the oldest held commit that saw a page born at B and freed at F: B <= S < F', () => {
    const readers = new Readers()
    for (const held of [9, 4, 6]) readers.add(held)
    for (let birth = 0; birth < 12; birth++) {
      for (let freed = birth; freed < 12; freed++) {
        const seeing = [4, 6, 9].find((held) => birth <= held && held < freed)
        expect(readers.seeing(birth, freed), `${birth} to ${freed}`).toBe(seeing)
      }
    }
  })

  it('keep a commit until the last of its holders is gone', () => {
    const readers = new Readers()
    readers.add(3)
    readers.add(3)
    readers.add(5)
    expect(readers.count(3)).toBe(2)
    expect(readers.holdsOthers(3)).toBe(true)
    expect(readers.remove(3)).toBe(false)
    expect(readers.seeing(3, 4)).toBe(3)
    expect(readers.remove(3)).toBe(true)
    expect(readers.seeing(3, 4)).toBeUndefined()
    expect(readers.holdsOthers(5)).toBe(false)
    expect(readers.holdsOthers(3)).toBe(true)
    expect(readers.remove(5)).toBe(true)
    expect(readers.holdsOthers(3)).toBe(false)
  })

  it('take no notice of one who leaves without having come', () => {
    const readers = new Readers()
    expect(readers.remove(7)).toBe(false)
    expect(readers.count(7)).toBe(0)
  })
})
