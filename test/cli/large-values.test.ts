/** Values that are larger than a line, or a string, can be. */
import { describe, expect, it } from 'vitest'
import { dump } from '../../src/cli/commands/dump.js'
import { list } from '../../src/cli/commands/list.js'
import { put } from '../../src/cli/commands/put.js'
import { MAX_TEXT_BYTES } from '../../src/cli/formats/format.js'
import { openStore, withStore } from '../../src/cli/store.js'
import { fakeTerminal, runCommand } from './fake-terminal.js'
import { eachInAFolder, path } from './run.js'

eachInAFolder()

describe('a value that is too long for a line', () => {
  it('is named with its key, and what stands before it is written all the same', async () => {
    const db = openStore(path, 'create')
    db.put(Buffer.from('a'), Buffer.from('1'))
    db.put(Buffer.from('b\n'), Buffer.alloc(MAX_TEXT_BYTES + 1))
    db.close()
    const says = expect.stringContaining('the value of the key b\\x0a has 67108865 bytes') as string
    expect(await runCommand(list, [path])).toMatchObject({ code: 3, output: 'a\t1\n', talk: says })
    expect(await runCommand(dump, [path])).toMatchObject({ code: 3, output: '{"key":"a","value":"1"}\n', talk: says })
    expect(await runCommand(list, [path, '--keys'])).toMatchObject({ code: 0, output: 'a\nb\\x0a\n' })
  })
})

describe('hex digits on standard input', () => {
  function digits(...pieces: readonly Buffer[]) {
    return { ...fakeTerminal(), stdin: pieces as unknown as NodeJS.ReadStream }
  }

  it('make a value piece by piece, however the pieces are cut, and more of them than one string holds', async () => {
    const blank = Buffer.alloc(2 ** 20, ' ')
    const blanks = Array.from({ length: 512 }, () => blank)
    expect(await runCommand(put, [path, '00', '--hex'], digits(Buffer.from('c'), ...blanks, Buffer.from('afe\n')))).toMatchObject({ code: 0 })
    expect(await withStore(path, 'read', (db) => Buffer.from(db.get(Buffer.of(0))!).toString('hex'))).toBe('cafe')
  })

  it('are refused where one is missing', async () => {
    expect(await runCommand(put, [path, '00', '--hex'], digits(Buffer.from('caf')))).toMatchObject({ code: 2, talk: expect.stringContaining('odd number') as string })
  })
})
