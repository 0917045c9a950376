/** Errors have Level's codes where Level has one, with the engine's own as their cause. */
import fs from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { CoppiceLevel, LevelError } from '../../src/adapters/level.js'
import { open } from '../../src/index.js'
import { closing, temporaryFolder, wrong } from '../helpers.js'
import { codesOf, levelAt, levelDatabase } from './databases.js'

const NOT_OPEN = 'LEVEL_DATABASE_NOT_OPEN'

describe('opening', () => {
  it('makes the file and the folders above it, unless createIfMissing is false', async () => {
    const path = join(temporaryFolder(), 'a/b/store')
    expect(await codesOf(() => levelAt(path, { createIfMissing: false }).open())).toEqual([NOT_OPEN, 'LEVEL_IO_ERROR'])
    expect(await codesOf(() => levelAt(path, { readOnly: true }).open())).toEqual([NOT_OPEN, 'LEVEL_IO_ERROR'])
    expect(fs.existsSync(dirname(path))).toBe(false)
    const db = levelAt(path)
    await db.put('a', '1')
    expect(db.location).toBe(path)
    expect(fs.existsSync(path)).toBe(true)
  })

  it('with errorIfExists leaves what exists as it is, and open to others', async () => {
    const path = join(temporaryFolder(), 'store')
    const db = levelAt(path, { errorIfExists: true })
    await db.put('a', '1')
    await db.close()
    const bytes = fs.readFileSync(path)
    expect(await codesOf(() => db.open())).toEqual([NOT_OPEN, 'LEVEL_IO_ERROR'])
    expect(fs.readFileSync(path).equals(bytes)).toBe(true)
    expect(await levelAt(path).get('a')).toBe('1')
  })

  it('fails with LEVEL_LOCKED while somebody else has it open, and succeeds later', async () => {
    const path = join(temporaryFolder(), 'store')
    const one = levelAt(path)
    await one.open()
    // It begins to open by itself as soon as it is made.
    const two = levelAt(path)
    expect(await codesOf(() => two.open())).toEqual([NOT_OPEN, 'LEVEL_LOCKED', 'COPPICE_LOCKED'])
    await one.close()
    await two.open()
    expect(await codesOf(async () => closing(open(path)))).toEqual(['COPPICE_LOCKED'])
  })

  it('with readOnly is shared, and refuses writes', async () => {
    const path = join(temporaryFolder(), 'store')
    const writer = levelAt(path)
    await writer.put('a', '1')
    await writer.close()
    const [one, two] = [levelAt(path, { readOnly: true }), levelAt(path, { readOnly: true })]
    expect(await Promise.all([one.get('a'), two.get('a')])).toEqual(['1', '1'])
    for (const write of [() => one.put('b', '2'), () => one.del('a'), () => one.batch([{ type: 'del', key: 'a' }]), () => one.clear()]) {
      expect(await codesOf(write)).toEqual(['LEVEL_READONLY', 'COPPICE_READ_ONLY'])
    }
    expect(await codesOf(() => levelAt(path).open())).toEqual([NOT_OPEN, 'LEVEL_LOCKED', 'COPPICE_LOCKED'])
  })

  it('says what stands in the way, in codes of coppice where Level has none', async () => {
    const folder = temporaryFolder()
    fs.writeFileSync(join(folder, 'text'), 'no database '.repeat(2000))
    expect(await codesOf(() => levelAt(folder).open())).toEqual([NOT_OPEN, 'LEVEL_IO_ERROR', 'COPPICE_IS_DIRECTORY', 'EISDIR'])
    expect(await codesOf(() => levelAt(join(folder, 'text')).open())).toEqual([NOT_OPEN, 'COPPICE_NOT_A_DATABASE'])
    expect(await codesOf(() => levelAt(join(folder, 'text', 'store')).open())).toEqual([NOT_OPEN, 'LEVEL_IO_ERROR', 'EEXIST'])
    expect(await codesOf(() => levelAt(join(folder, 'store'), { durability: wrong('never') }).open())).toEqual([NOT_OPEN, 'COPPICE_INVALID_OPTION'])
    expect(await codesOf(() => levelAt(join(folder, 'store')).open({ poolSize: 1 }))).toEqual([NOT_OPEN, 'COPPICE_INVALID_OPTION'])
  })

  it('passes over the options that tune other databases', async () => {
    const db = levelDatabase({ cacheSize: 2 ** 20, compression: false, durability: 'async', syncInterval: 10, poolSize: 2 ** 21, mapper: false, lock: false } as object)
    await db.put('a', '1')
    expect(db.getSync('a')).toBe('1')
  })

  it('takes a path and nothing else', () => {
    expect(() => new CoppiceLevel('')).toThrow(TypeError)
    expect(() => new CoppiceLevel(wrong(undefined))).toThrow("must be a file's path")
  })
})

describe('an operation', () => {
  it('on keys and values that cannot be stored fails alone', async () => {
    const db = levelDatabase()
    const long = 'k'.repeat(2049)
    const good = db.put('a', '1')
    expect(await codesOf(() => db.put(long, ''))).toEqual(['LEVEL_INVALID_KEY', 'COPPICE_KEY_TOO_LARGE'])
    await good
    expect(await codesOf(() => db.get(long))).toEqual(['LEVEL_INVALID_KEY', 'COPPICE_KEY_TOO_LARGE'])
    expect(await codesOf(() => db.iterator({ gte: long }).all())).toEqual(['LEVEL_INVALID_KEY', 'COPPICE_KEY_TOO_LARGE'])
    expect(await codesOf(() => db.batch([{ type: 'put', key: 'b', value: '2' }, { type: 'del', key: long }]))).toEqual(['LEVEL_INVALID_KEY', 'COPPICE_KEY_TOO_LARGE'])
    expect(await codesOf(() => db.put('c', wrong(() => 1), { valueEncoding: 'json' }))).toEqual(['LEVEL_INVALID_VALUE', 'COPPICE_INVALID_VALUE', 'TypeError'])
    expect(await db.iterator().all()).toEqual([['a', '1']])
  })

  it('on a damaged page fails with LEVEL_CORRUPTION', async () => {
    const db = levelDatabase()
    await db.batch(Array.from({ length: 200 }, (_, i) => ({ type: 'put', key: String(i), value: `secret ${i} `.repeat(20) })))
    await db.close()
    const bytes = fs.readFileSync(db.location)
    for (let at = bytes.indexOf('secret'); at !== -1; at = bytes.indexOf('secret', at + 4096)) bytes[at]++
    fs.writeFileSync(db.location, bytes)
    await db.open()
    expect(await codesOf(() => db.get('100'))).toEqual(['LEVEL_CORRUPTION', 'COPPICE_CORRUPT'])
    expect(() => db.getSync('100')).toThrow(LevelError)
    expect(await codesOf(() => db.values().all())).toEqual(['LEVEL_CORRUPTION', 'COPPICE_CORRUPT'])
  })

  it('that the disk does not take fails with LEVEL_IO_ERROR, and so does closing, once', async () => {
    const db = levelDatabase()
    await db.put('a', '1')
    const spy = vi.spyOn(fs, 'fdatasync').mockImplementation((_, done) => done(Object.assign(new Error('EIO: broken'), { code: 'EIO', syscall: 'fdatasync' })))
    onTestFinished(() => spy.mockRestore())
    const codes = await codesOf(() => db.put('b', '2'))
    expect(codes.slice(0, 2)).toEqual(['LEVEL_IO_ERROR', 'COPPICE_SYNC_FAILED'])
    expect((await codesOf(() => db.put('c', '3')))[0]).toBe('LEVEL_IO_ERROR')
    expect(db.getSync('a')).toBe('1')
    expect((await codesOf(() => db.close())).slice(0, 3)).toEqual(['LEVEL_DATABASE_NOT_CLOSED', 'LEVEL_IO_ERROR', 'COPPICE_SYNC_FAILED'])
    spy.mockRestore()
    await db.close()
    await db.open()
    expect(await db.get('a')).toBe('1')
  })

  it('on a closed database fails with LEVEL_DATABASE_NOT_OPEN', async () => {
    const db = levelDatabase()
    await db.close()
    for (const use of [() => db.get('a'), () => db.put('a', '1'), () => db.clear(), async () => db.getSync('a'), async () => db.snapshot(), async () => db.batch()]) {
      expect(await codesOf(use)).toEqual([NOT_OPEN])
    }
  })

  it('finds nothing and says undefined', async () => {
    const db = levelDatabase()
    expect(await db.get('none')).toBeUndefined()
    expect(db.getSync('none')).toBeUndefined()
    expect(await db.getMany(['none'])).toEqual([undefined])
    await db.del('none')
  })
})
