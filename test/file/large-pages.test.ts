import fs from 'node:fs'
import { expect, it } from 'vitest'
import { native } from '../../src/file/native.js'

const MAPS = '/proc/self/smaps'
const LARGE = 16 * 2 ** 20

/** Ranges of memory for which large pages have been asked, as the system has them. */
function advised(): number {
  return fs.readFileSync(MAPS, 'latin1').split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m).filter((range) => /^VmFlags:.* hg\b/m.test(range)).length
}

it('large pages are asked for where the system has them, and the memory stays as it is', ({ skip }) => {
  skip(native() === undefined || !fs.existsSync('/sys/kernel/mm/transparent_hugepage') || !fs.existsSync(MAPS), 'this system has no large pages that can be asked for')
  const memory = new SharedArrayBuffer(LARGE)
  const bytes = new Uint8Array(memory)
  bytes[0] = 1
  bytes[LARGE - 1] = 2
  const before = advised()
  native()?.preferLargePages(memory)
  expect(advised()).toBe(before + 1)
  expect([bytes[0], bytes[LARGE - 1], bytes.indexOf(2)]).toEqual([1, 2, LARGE - 1])
})

it('memory that is shorter than a large page is left alone', ({ skip }) => {
  skip(native() === undefined, 'koffi cannot be loaded here')
  const memory = new SharedArrayBuffer(4096)
  native()?.preferLargePages(memory)
  expect(new Uint8Array(memory).every((byte) => byte === 0)).toBe(true)
})
