/** Opening: what is refused, with which error, and that nothing has been changed then. */
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import type { Database } from '../../src/database.js'
import type { OpenOptions } from '../../src/index.js'
import { open } from '../../src/index.js'
import { META, META_SLOTS, PAGE_SIZE } from '../../src/page/layout.js'
import { pageCrc } from '../../src/page/checksum.js'
import { setCrc } from '../../src/page/header.js'
import { failureOf, temporaryFolder } from '../file/layers.js'
import { arenaOver, newestMeta } from '../damage/fixture.js'

type Db = Database<string, string>

let folder: string
let path: string

beforeEach(() => {
  folder = temporaryFolder()
  path = join(folder, 'store.coppice')
})

function openText(at = path, options: OpenOptions<string, string> = {}): Db {
  return open<string, string>(at, { valueEncoding: 'utf8', ...options })
}

/** A store with a few commits, closed. */
function makeStore(): void {
  const db = openText()
  for (let i = 0; i < 4; i++) db.put(`key ${i}`, `value ${i}`.repeat(300))
  db.transaction((tx) => { for (let i = 0; i < 400; i++) tx.put(`many ${i}`, `value ${i}`) })
  db.close()
}

/** Every name in the folder with a digest of what it holds. */
function listing(): Record<string, string> {
  const names = fs.readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => fs.statSync(join(folder, name)).isFile())
  return Object.fromEntries(names.map((name) => [name, createHash('sha256').update(fs.readFileSync(join(folder, name))).digest('hex')]))
}

/** Opening fails with this code, for readers and writers, and leaves everything as it was. */
function expectRefused(code: string, at = path, options: OpenOptions<string, string>[] = [{}, { readOnly: true }, { mapper: false }]): string {
  const before = listing()
  let message = ''
  for (const one of options) {
    const failure = failureOf(() => openText(at, one).close())
    expect(failure?.code, JSON.stringify(one)).toBe(code)
    message = failure?.message ?? ''
    expect(listing(), JSON.stringify(one)).toEqual(before)
  }
  return message
}

/** Changes the meta pages of the store and makes their checksums right again. */
function patchMeta(slots: number[], change: (view: DataView) => void): void {
  const image = new Uint8Array(fs.readFileSync(path))
  for (const slot of slots) {
    change(new DataView(image.buffer, slot * PAGE_SIZE, PAGE_SIZE))
    setCrc(arenaOver(image), slot * PAGE_SIZE, pageCrc(arenaOver(image), slot * PAGE_SIZE))
  }
  fs.writeFileSync(path, image)
}

function newestSlot(): number {
  return newestMeta(new Uint8Array(fs.readFileSync(path))).slot
}

describe('opening a path', () => {
  it('makes the store where there is none, once, and leaves nothing else in the folder', () => {
    openText().close()
    expect(fs.readdirSync(folder)).toEqual(['store.coppice'])
    const db = openText()
    expect(db.check()).toMatchObject({ ok: true, entries: 0 })
    expect(db.stats().passedOver).toEqual([])
    db.close()
  })

  it('in a missing folder is COPPICE_NOT_FOUND', () => {
    const message = expectRefused('COPPICE_NOT_FOUND', join(folder, 'none', 'store'), [{}, { mapper: false }])
    expect(message).toContain('none')
    expectRefused('COPPICE_NOT_FOUND', join(folder, 'none', 'store'), [{ readOnly: true }, { create: false }])
  })

  it('below a file is COPPICE_NOT_FOUND', () => {
    fs.writeFileSync(join(folder, 'file'), 'text')
    expectRefused('COPPICE_NOT_FOUND', join(folder, 'file', 'store'))
  })

  it('of a folder is COPPICE_IS_DIRECTORY', () => {
    expectRefused('COPPICE_IS_DIRECTORY', folder)
  })

  it('of a store that is not there is COPPICE_NOT_FOUND where none is to be made', () => {
    expectRefused('COPPICE_NOT_FOUND', path, [{ create: false }, { readOnly: true }, { readOnly: true, create: true }])
    expect(fs.readdirSync(folder)).toEqual([])
  })

  it('that is none is COPPICE_INVALID_OPTION', () => {
    for (const wrong of ['', 'a\0b', 7, undefined, null]) {
      expect(failureOf(() => open(wrong as string))?.code, String(wrong)).toBe('COPPICE_INVALID_OPTION')
    }
  })

  it('of memory makes a new store each time, and no file', () => {
    const one = open(':memory:')
    const other = open(':memory:')
    one.put('key', Uint8Array.of(1))
    expect(other.has('key')).toBe(false)
    expect(one.path).toBe(':memory:')
    expect(one.check()).toMatchObject({ ok: true, entries: 1 })
    one.close()
    other.close()
    expect(fs.existsSync(':memory:')).toBe(false)
  })

  it('with readOnly reads everything, refuses to write, and changes nothing', () => {
    makeStore()
    const before = listing()
    const db = openText(path, { readOnly: true })
    expect(db.readOnly).toBe(true)
    expect(db.get('many 7')).toBe('value 7')
    expect(db.check()).toMatchObject({ ok: true, entries: 404 })
    expect(db.stats().trees[0].entries).toBe(404)
    for (const write of [() => db.put('a', 'b'), () => db.begin(), () => db.sync(), () => db.delete('none')]) {
      expect(failureOf(write)?.code).toBe('COPPICE_READ_ONLY')
    }
    db.close()
    expect(listing()).toEqual(before)
  })
})

describe('a file that is not a store', () => {
  const files: [name: string, content: Uint8Array][] = [
    ['an empty file', new Uint8Array(0)],
    ['a short text', Buffer.from('hello\n')],
    ['a long text', Buffer.from('All work and no play. '.repeat(2000))],
    ['zeros', new Uint8Array(5 * PAGE_SIZE)],
    ['a store of SQLite', Buffer.concat([Buffer.from('SQLite format 3\0'), Buffer.alloc(8176)])],
    ['noise', createHash('sha512').update('noise').digest()],
  ]

  it.each(files)('%s is COPPICE_NOT_A_DATABASE', (name, content) => {
    fs.writeFileSync(path, content)
    expect(expectRefused('COPPICE_NOT_A_DATABASE')).toContain(path)
    expect(name).not.toBe('')
  })

  it('says of an empty file that it is empty', () => {
    fs.writeFileSync(path, '')
    expect(expectRefused('COPPICE_NOT_A_DATABASE')).toContain('empty')
  })
})

describe('a store of a newer version', () => {
  it('is COPPICE_VERSION, also where only its newest meta page is', () => {
    for (const onlyNewest of [false, true]) {
      fs.rmSync(path, { force: true })
      makeStore()
      patchMeta(onlyNewest ? [newestSlot()] : [0, 1, 2], (view) => view.setUint32(META.VERSION, 2, true))
      expect(expectRefused('COPPICE_VERSION')).toContain('version 2')
    }
  })

  it('with a required feature that is unknown is COPPICE_VERSION', () => {
    makeStore()
    patchMeta([newestSlot()], (view) => view.setUint32(META.REQUIRED, 4, true))
    expect(expectRefused('COPPICE_VERSION')).toContain('0x4')
  })

  it('with a compatible feature that is unknown opens', () => {
    makeStore()
    patchMeta([0, 1, 2], (view) => view.setUint32(META.COMPATIBLE, 0xffff, true))
    const db = openText()
    expect(db.get('many 7')).toBe('value 7')
    expect(db.stats().passedOver).toEqual([])
    db.put('key', 'value')
    db.close()
    expect(openAndCount()).toBe(405)
  })
})

function openAndCount(): number {
  const db = openText()
  try {
    return db.count()
  } finally {
    db.close()
  }
}

describe('a damaged meta slot', () => {
  it('is passed over, whichever of the three it is; stats say so, and the next commits make it good', () => {
    for (let slot = 0; slot < META_SLOTS; slot++) {
      fs.rmSync(path, { force: true })
      makeStore()
      const image = fs.readFileSync(path)
      image[slot * PAGE_SIZE + 100] ^= 4
      fs.writeFileSync(path, image)
      const db = openText()
      expect(db.stats().passedOver, `slot ${slot}`).toEqual([expect.stringContaining(`meta slot ${slot}`)])
      expect(db.get('many 7'), `slot ${slot}`).toBe('value 7')
      expect(db.check(), `slot ${slot}`).toMatchObject({ ok: true, errors: [] })
      for (let i = 0; i < 3; i++) db.put(`more ${i}`, 'value')
      db.close()
      const again = openText()
      expect(again.stats().passedOver, `slot ${slot}`).toEqual([])
      expect(again.count()).toBe(407)
      again.close()
    }
  })

  it('beside two others is COPPICE_CORRUPT', () => {
    makeStore()
    const image = fs.readFileSync(path)
    for (let slot = 0; slot < META_SLOTS; slot++) image[slot * PAGE_SIZE + 100] ^= 4
    fs.writeFileSync(path, image)
    expect(expectRefused('COPPICE_CORRUPT')).toContain('all three meta pages')
  })

  it('and a second one leave the third to be used', () => {
    makeStore()
    const keep = newestSlot()
    const image = fs.readFileSync(path)
    for (let slot = 0; slot < META_SLOTS; slot++) if (slot !== keep) image.fill(0xff, slot * PAGE_SIZE, (slot + 1) * PAGE_SIZE)
    fs.writeFileSync(path, image)
    const db = openText()
    expect(db.stats().passedOver.length).toBe(2)
    expect(db.count()).toBe(404)
    db.close()
  })
})

describe('a store cut short', () => {
  it('is an error wherever it was cut, or all of it is still there; it is not changed', () => {
    makeStore()
    const whole = fs.readFileSync(path)
    const used = newestMeta(new Uint8Array(whole)).meta.pageCount * PAGE_SIZE
    expect(used).toBeLessThanOrEqual(whole.length)
    const lengths = [0, 1, 31, 32, 40, 100, 4095]
    const step = 7 * PAGE_SIZE
    for (const at of [PAGE_SIZE, 2 * PAGE_SIZE, 3 * PAGE_SIZE, used]) lengths.push(at - 1, at, at + 1)
    for (let length = 4 * PAGE_SIZE; length < whole.length; length += step) lengths.push(length, length + 2047)
    for (const length of lengths.filter((one) => one <= whole.length)) {
      fs.writeFileSync(path, whole.subarray(0, length))
      const code = failureOf(() => {
        const db = openText(path, length % 2 === 0 ? {} : { mapper: false })
        try {
          expect(db.check()).toMatchObject({ ok: true, entries: 404 })
        } finally {
          db.close()
        }
      })?.code
      if (length < PAGE_SIZE) expect(code, `${length} bytes`).toBe('COPPICE_NOT_A_DATABASE')
      else expect(code, `${length} bytes`).toBe(length < used ? 'COPPICE_CORRUPT' : undefined)
      if (code !== undefined) expect(Buffer.compare(fs.readFileSync(path), whole.subarray(0, length)), `${length} bytes`).toBe(0)
      expect(fs.readdirSync(folder)).toEqual(['store.coppice'])
    }
  })
})
