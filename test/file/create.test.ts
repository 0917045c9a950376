/** Names of files that are not whole yet. */
import fs from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { CoppiceError } from '../../src/errors.js'
import { temporariesOf, temporaryName, withoutTemporary } from '../../src/file/create.js'
import { temporaryFolder } from '../helpers.js'

describe('a temporary name', () => {
  it('is found beside the path by the process that made it, and nothing else is', () => {
    const path = join(temporaryFolder(), 'store')
    const made = temporaryName(path)
    const twice = temporaryName(made)
    for (const name of [made, twice, path, `${made}.bak`, temporaryName(`${path}2`), made.replace(`.${process.pid}.`, '.1.')]) fs.writeFileSync(name, '')
    expect(temporariesOf(path).sort()).toEqual([made, twice].sort())
    expect(temporariesOf(join(path, 'of no folder'))).toEqual([])
  })

  it('is not what errors name, of the store and of the system, and the error keeps what else it says', () => {
    const temporary = temporaryName('/some/store')
    const known = 'the new store'
    const damaged = withoutTemporary(new CoppiceError('COPPICE_CORRUPT', `page 7 of ${temporary} and ${temporaryName(temporary)}`, { page: 7, tree: 1 }), temporary, known)
    expect(damaged).toMatchObject({ code: 'COPPICE_CORRUPT', message: 'page 7 of the new store and the new store', page: 7, tree: 1 })
    const busy = new Error(`EBUSY: rename '${temporary}'`)
    expect(withoutTemporary(busy, temporary, known)).toMatchObject({ message: "EBUSY: rename 'the new store'", cause: busy })
    const other = new Error(basename('/some/store'))
    expect(withoutTemporary(other, temporary, known)).toBe(other)
  })
})
