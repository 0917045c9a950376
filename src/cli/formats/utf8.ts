/** The marks that other programs put in front of text to say how it is encoded. */
import { BadLine } from './format.js'

const UTF8_MARK = Buffer.from([0xef, 0xbb, 0xbf])
const UTF16_MARKS = [Buffer.from([0xff, 0xfe]), Buffer.from([0xfe, 0xff])]

/** The source without a mark of UTF-8 at its beginning. @throws BadLine where the mark is one of UTF-16 */
export async function* withoutMark(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  let head: Buffer | undefined = Buffer.alloc(0)
  for await (const piece of source) {
    if (head === undefined) {
      yield piece
      continue
    }
    head = Buffer.concat([head, piece])
    if (head.length < UTF8_MARK.length) continue
    yield markCut(head)
    head = undefined
  }
  if (head !== undefined) yield markCut(head)
}

function markCut(head: Buffer): Buffer {
  if (UTF16_MARKS.some((mark) => head.subarray(0, mark.length).equals(mark))) throw new BadLine(1, 'this file is UTF-16. Save it as UTF-8.')
  return head.subarray(0, UTF8_MARK.length).equals(UTF8_MARK) ? head.subarray(UTF8_MARK.length) : head
}
