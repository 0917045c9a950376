/** What is said of a path at which there is no store, or no folder. */
import fs from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { open } from '../../src/index.js'
import { temporaryFolder } from '../helpers.js'

let folder: string

beforeEach(() => {
  folder = temporaryFolder()
})

/** The code and the message of what the action throws. */
function refusal(action: () => unknown): string {
  try {
    action()
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    return `${code}: ${message}`
  }
  return 'nothing was thrown'
}

describe('a store that is not there', () => {
  it('is told as such where its folder is there, with what makes one', () => {
    const path = join(folder, 'none')
    expect(refusal(() => open(path, { readOnly: true }))).toBe(`COPPICE_NOT_FOUND: there is no store at ${path}. Correct the path, or open without readOnly to have one made.`)
    expect(refusal(() => open(path, { create: false }))).toBe(`COPPICE_NOT_FOUND: there is no store at ${path}. Correct the path, or leave out create: false to have one made.`)
  })

  it('is told with its folder where that is not there', () => {
    const path = join(folder, 'no folder', 'store')
    for (const options of [{ readOnly: true }, { create: false }]) {
      expect(refusal(() => open(path, options))).toBe(`COPPICE_NOT_FOUND: there is no store at ${path}, as the folder ${join(folder, 'no folder')} does not exist. Correct the path.`)
    }
  })
})

describe('the folder of a new store', () => {
  it('is told to be none where a file stands', () => {
    const file = join(folder, 'file')
    fs.writeFileSync(file, '')
    for (const inside of [file, join(file, 'further')]) {
      expect(refusal(() => open(join(inside, 'store')))).toBe(`COPPICE_NOT_FOUND: ${inside} is no folder. Correct the path ${join(inside, 'store')}.`)
    }
  })
})

describe('the target of compactTo', () => {
  it('is named in an error as it was given, and not the file that was to become it', () => {
    const path = join(folder, 'no folder', 'copy')
    const db = open(':memory:')
    const said = refusal(() => db.compactTo(path))
    db.close()
    expect(said).toBe(`COPPICE_NOT_FOUND: the folder ${join(folder, 'no folder')} does not exist. Create it first, or correct the path ${path}.`)
  })
})
