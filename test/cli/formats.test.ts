/** The formats of load and dump: what is written is read again, what others write is read, and what is wrong is named. */
import fc from 'fast-check'
import { stringify } from 'csv-stringify/sync'
import { describe, expect, it } from 'vitest'
import type { Entry, FormatName, Found, ReadOptions, WriteOptions } from '../../src/cli/formats/format.js'
import { BadLine, FileError, formatOf, FORMATS } from '../../src/cli/formats/format.js'
import { READERS, WRITERS } from '../../src/cli/formats/index.js'
import { linesOf } from '../../src/cli/formats/lines.js'
import { UsageError } from '../../src/cli/command.js'

type Pair = [key: string, value: string]

const PLAIN: ReadOptions = { hex: false, header: true, literal: false }
const WRITE: WriteOptions = { hex: false, literal: false, print: false, mapSize: 2 ** 30 }

async function* pieces(bytes: Uint8Array, length = bytes.length): AsyncGenerator<Uint8Array> {
  for (let from = 0; from < bytes.length; from += length) yield bytes.slice(from, from + length)
}

async function foundIn(format: FormatName, text: string | Uint8Array, options: Partial<ReadOptions> = {}, length?: number): Promise<Found[]> {
  const found: Found[] = []
  for await (const piece of READERS[format](pieces(Buffer.from(text as string), length), { ...PLAIN, ...options })) found.push(piece)
  return found
}

async function entriesIn(...parameters: Parameters<typeof foundIn>): Promise<Entry[]> {
  return (await foundIn(...parameters)).flatMap((piece) => ('entries' in piece ? piece.entries : []))
}

async function pairsIn(...parameters: Parameters<typeof foundIn>): Promise<Pair[]> {
  return (await entriesIn(...parameters)).map(({ key, value }) => [String(Buffer.from(key)), String(Buffer.from(value))])
}

function written(format: FormatName, entries: readonly (readonly [Uint8Array, Uint8Array])[], options: Partial<WriteOptions> = {}, tree?: string): string {
  const writer = WRITERS[format]({ ...WRITE, ...options })
  return [writer.begin(tree), ...entries.flatMap(([key, value]) => [...writer.entry(key, value)]), writer.end()].join('')
}

async function badLine(format: FormatName, text: string | Uint8Array, options: Partial<ReadOptions> = {}): Promise<[line: number, message: string]> {
  const error: unknown = await foundIn(format, text, options).then(() => undefined, (failure: unknown) => failure)
  if (!(error instanceof BadLine)) throw new Error(`no bad line: ${String(error)}`)
  return [error.line, error.message]
}

const bytes = (text: string) => Buffer.from(text, 'latin1')

/** Bytes of every kind, and those that mean something to one of the formats more often. */
const anyBytes = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc.string({ unit: 'binary', maxLength: 12 }).map((text) => new Uint8Array(Buffer.from(text))),
  fc
    .array(fc.constantFrom('\\', '\\x', 'x0a', '\n', '\r', '\t', ' ', ',', '"', '""', '{', 'DATA=END', 'key', '\ufeff', '\u2028', 'é', '\u{1f600}', '\0'), { maxLength: 6 })
    .map((parts) => new Uint8Array(Buffer.from(parts.join('')))),
)

describe('every format', () => {
  const ways: [format: FormatName, write: Partial<WriteOptions>, read: Partial<ReadOptions>][] = [
    ['ndjson', {}, {}],
    ['ndjson', { hex: true }, { hex: true }],
    ['csv', {}, {}],
    ['csv', { hex: true }, { hex: true }],
    ['tsv', {}, {}],
    ['tsv', { hex: true }, { hex: true }],
    ['mdb_dump', {}, {}],
    ['mdb_dump', { print: true }, {}],
  ]

  it.each(ways)('gives back the same bytes, however the file comes in pieces: %s %o', async (format, write, read) => {
    const entries = fc.uniqueArray(fc.tuple(anyBytes, anyBytes), { maxLength: 8, selector: ([key]) => Buffer.from(key).toString('hex') })
    const property = fc.asyncProperty(entries, fc.integer({ min: 1, max: 50 }), async (pairs, length) => {
      const again = await entriesIn(format, written(format, pairs, write), read, length)
      expect(again.map(({ key, value }) => [new Uint8Array(key), new Uint8Array(value)])).toEqual(pairs)
    })
    await fc.assert(property, { seed: 20261121, numRuns: 60 })
  })

  it.each(FORMATS)('takes values of many pieces: %s', async (format) => {
    const binary = new Uint8Array(200_001).map((_, i) => i * 7)
    const text = Buffer.from('é\u{1f600}x'.repeat(30_000))
    const [first, second] = await entriesIn(format, written(format, [[bytes('a'), binary], [bytes('b'), text]]), {}, 65_536)
    expect(Buffer.compare(first.value, binary) + Buffer.compare(second.value, text)).toBe(0)
  })

  it.each(['ndjson', 'csv', 'tsv'] as const)('of one line for an entry refuses a value that no string holds, and says which format takes it: %s', (format) => {
    const huge = new Uint8Array(2 ** 26 + 1)
    expect(() => written(format, [[bytes('a'), huge]])).toThrow(FileError)
    expect(() => written(format, [[bytes('a'), huge]])).toThrow(/the key a has 67108865 bytes.*mdb_dump/)
  })

  it.each(['ndjson', 'csv', 'tsv'] as const)('that is text passes over a mark of UTF-8, however it comes, and refuses UTF-16 by name: %s', async (format) => {
    const text = written(format, [[bytes('a'), Buffer.from('\ufeffé')]])
    for (const length of [1, 2, 3, 100]) expect(await pairsIn(format, `\ufeff${text}`, {}, length)).toEqual([['a', '\ufeffé']])
    const utf16 = Buffer.from(`\ufeff${text}`, 'utf16le')
    for (const some of [utf16, Buffer.from(utf16).swap16()]) expect(await badLine(format, some)).toEqual([1, 'this file is UTF-16. Save it as UTF-8.'])
    expect(await pairsIn(format, '')).toEqual([])
  })

  it.each(FORMATS)('hands on what stands before a bad line: %s', async (format) => {
    const texts: Record<FormatName, string> = {
      ndjson: '{"key":"a","value":"1"}\n{"key":"b","value":"2"}\noops\n',
      csv: 'a,1\nb,2\noops\n',
      tsv: 'a\t1\nb\t2\noops\n',
      mdb_dump: 'VERSION=3\nformat=print\nHEADER=END\n a\n 1\n b\n 2\noops\n',
    }
    const keys: string[] = []
    const reading = async () => {
      for await (const piece of READERS[format](pieces(bytes(texts[format])), PLAIN)) {
        if ('entries' in piece) keys.push(...piece.entries.map(({ key }) => String(Buffer.from(key))))
      }
    }
    await expect(reading()).rejects.toThrow(BadLine)
    expect(keys).toEqual(['a', 'b'])
  })

  it('is known by its name or by the extension of a file', () => {
    expect([formatOf(undefined, 'a.JSONL'), formatOf(undefined, 'b.x/c.tsv'), formatOf('csv', 'd.ndjson'), formatOf(undefined, undefined)]).toEqual(['ndjson', 'tsv', 'csv', 'ndjson'])
    expect(() => formatOf('xml', undefined)).toThrow(UsageError)
    expect(() => formatOf(undefined, 'data')).toThrow(/--format/)
  })
})

describe('ndjson', () => {
  it('writes text as text, other bytes as base64, and reads hex objects as well', async () => {
    expect(written('ndjson', [[bytes('a'), bytes('\xff')]])).toBe('{"key":"a","value64":"/w=="}\n')
    expect(await entriesIn('ndjson', '{"key":{"hex":"00FF"},"value64":"/w"}')).toMatchObject([{ key: bytes('\0\xff'), value: bytes('\xff') }])
  })

  it('passes over empty lines, a byte order mark and carriage returns, and wants no line feed at the end', async () => {
    expect(await pairsIn('ndjson', '\ufeff{"key":"a","value":"1"}\r\n\r\n  \n{"value":"2","key":"b"}')).toEqual([['a', '1'], ['b', '2']])
  })

  const bad: [what: string, line: string | Uint8Array, says: RegExp][] = [
    ['is no JSON', '{"key":"a"', /not JSON/],
    ['is no object', '["a","b"]', /no object/],
    ['has no value', '{"key":"a"}', /either "value" or "value64"/],
    ['has a key twice', '{"key":"a","key64":"YQ==","value":""}', /either "key" or "key64"/],
    ['has a number', '{"key":"a","value":1}', /"value" is to be a string/],
    ['has a field that would be lost', '{"key":"a","value":"","ttl":"1"}', /no field "ttl"/],
    ['has base64 that is none', '{"key64":"a*==","value":""}', /"key64" is not base64/],
    ['has hex that is none', '{"key":{"hex":"0g"},"value":""}', /"key" is not hex/],
    ['has half of a pair of surrogates', '{"key":"\\ud800","value":""}', /surrogate/],
    ['is not UTF-8', bytes('{"key":"\xff","value":""}'), /not UTF-8/],
  ]
  it.each(bad)('names a line that %s', async (_, line, says) => {
    const [number, message] = await badLine('ndjson', Buffer.concat([bytes('{"key":"a","value":""}\n\n'), Buffer.from(line as string)]))
    expect(number).toBe(3)
    expect(message).toMatch(says)
  })
})

describe('csv and tsv', () => {
  it('have a header or none, in whatever case', async () => {
    expect(await pairsIn('csv', 'Key,Value\na,1\n')).toEqual([['a', '1']])
    expect(await pairsIn('csv', 'a,1\nkey,value\n')).toEqual([['a', '1'], ['key', 'value']])
    expect(await pairsIn('tsv', 'key\tvalue\na\t1', { header: false })).toEqual([['key', 'value'], ['a', '1']])
  })

  it('of other programs are read: quotes, line breaks in fields, carriage returns, a byte order mark', async () => {
    const pairs: Pair[] = [['a "b"', 'c,d\ne'], ['', ''], [' x ', 'é\r']]
    expect(await pairsIn('csv', stringify(pairs, { quoted: true, record_delimiter: '\r\n', bom: true }))).toEqual(pairs)
  })

  it('are refused where the columns are named in the other order, unless that line is an entry', async () => {
    expect(await badLine('csv', 'Value,KEY\n1,a\n')).toEqual([1, 'the columns are value, key; key, value is wanted. --no-header takes this line as an entry.'])
    expect(await pairsIn('tsv', 'value\tkey\n', { header: false })).toEqual([['value', 'key']])
    expect(await pairsIn('csv', 'a,1\nvalue,key\n')).toEqual([['a', '1'], ['value', 'key']])
  })

  it('take backslashes as they stand where fields are literal, and say so where they are not', async () => {
    expect(await pairsIn('csv', 'C:\\new,\\\\x', { literal: true })).toEqual([['C:\\new', '\\\\x']])
    expect(await badLine('csv', 'a,1\nC:\\new,1')).toEqual([2, expect.stringContaining('--literal')])
  })

  it('are written literally for programs that know no escapes, where that can be done', async () => {
    const pairs = [[bytes('a\\'), Buffer.from('\ufeffé "q"\n')]] as const
    const text = written('csv', pairs, { literal: true })
    expect(text).toBe('key,value\na\\,"\ufeffé ""q""\n"\n')
    expect(await entriesIn('csv', text, { literal: true })).toMatchObject([{ key: pairs[0][0], value: pairs[0][1] }])
    expect(() => written('csv', [[bytes('\xff'), bytes('')]], { literal: true })).toThrow(/\\xff are not UTF-8/)
    expect(() => written('tsv', [[bytes('a\tb'), bytes('')]], { literal: true })).toThrow(/hold a tab/)
  })

  it('keep quotes as they are in tsv, which has none', async () => {
    expect(await pairsIn('tsv', '5" disk\t"\n')).toEqual([['5" disk', '"']])
  })

  const bad: [format: FormatName, what: string, text: string, line: number, says: RegExp][] = [
    ['csv', 'three columns', 'a,1\n\nb,2,3\n', 3, /here are 3.*quotes/],
    ['tsv', 'one column', 'a\t1\nb 2\n', 2, /here is 1\. Is another separator used\?/],
    ['csv', 'one column', 'a;1\n', 1, /here is 1\. Is another separator used\?/],
    ['csv', 'a quote that is not closed', 'a,1\nb,"2\nc,3\n', 2, /none closes it/],
    ['csv', 'a quote within a field', 'a,1\nb,2"3\n', 2, /within a field/],
    ['csv', 'something behind a quote', 'a,"1"2\n', 1, /behind a closing quote/],
  ]
  it.each(bad)('in %s, name the line of %s', async (format, _, text, line, says) => {
    const [number, message] = await badLine(format, text)
    expect(message).toMatch(says)
    expect(number).toBe(line)
  })

  it('want hex digits in pairs', async () => {
    expect(await badLine('csv', 'key,value\n00,f', { hex: true })).toEqual([2, expect.stringContaining('not hex')])
  })
})

describe('mdb_dump', () => {
  const lmdb = `VERSION=3
format=print
database=people
type=btree
mapsize=1048576
maxreaders=126
db_pagesize=4096
HEADER=END
 a b
 \\00\\5cx
 c
 é\\\\
DATA=END
VERSION=3
format=bytevalue
type=btree
HEADER=END
 61
 C3a9
DATA=END
`

  it('of LMDB and of Berkeley DB is read, in print and in hex, with the databases of its header as trees', async () => {
    expect(await foundIn('mdb_dump', lmdb, {}, 1000)).toEqual([
      { tree: 'people', line: 8 },
      { entries: [{ key: bytes('a b'), value: bytes('\0\\x'), line: 10 }, { key: bytes('c'), value: Buffer.from('é\\'), line: 12 }] },
      { tree: undefined, line: 17 },
      { entries: [{ key: bytes('a'), value: Buffer.from('é'), line: 19 }] },
    ])
  })

  it('is read behind a byte order mark, which editors put there', async () => {
    expect(await foundIn('mdb_dump', Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from('VERSION=3\nHEADER=END\nDATA=END\n')]))).toEqual([{ tree: undefined, line: 2 }])
    await expect(foundIn('mdb_dump', Buffer.from('\xff\xfeV\0', 'latin1'))).rejects.toThrow('this file is UTF-16')
  })

  it('writes what they write', () => {
    expect(written('mdb_dump', [[bytes('a\\\n'), bytes('\xff~ ')]], { print: true }, 'p')).toBe(
      'VERSION=3\nformat=print\ndatabase=p\ntype=btree\nmapsize=1073741824\nHEADER=END\n a\\5c\\0a\n \\ff~ \nDATA=END\n',
    )
    expect(written('mdb_dump', [[bytes('a'), bytes('')]])).toContain('format=bytevalue\ntype=btree\nmapsize=1073741824\nHEADER=END\n 61\n \nDATA=END\n')
  })

  it('gives back the names of trees, whatever is in them', async () => {
    for (const name of ['a=b', 'back\\slash', 'line\nbreak\r', ' ', 'é\u{1f600}\u0085', '\\41']) {
      expect(await foundIn('mdb_dump', written('mdb_dump', [], {}, name))).toEqual([{ tree: name, line: 6 }])
    }
  })

  const head = 'VERSION=3\nformat=print\nHEADER=END\n'
  const bad: [what: string, text: string, line: number, says: RegExp][] = [
    ['an empty file', '', 1, /no dump/],
    ['another file', 'key,value\n', 1, /header/],
    ['a header that begins otherwise', 'format=print\n', 1, /begins with VERSION=3/],
    ['another version', 'VERSION=2\n', 1, /version 2/],
    ['another format', 'VERSION=3\nformat=xml\n', 2, /"xml"/],
    ['a database of numbers', 'VERSION=3\ntype=recno\n', 2, /recno/],
    ['a name that is none', 'VERSION=3\ndatabase=\\ff\nHEADER=END\n', 3, /no name of a tree/],
    ['a header without an end', `VERSION=3\n${'x'.repeat(100_000)}=1\n`, 2, /header is name=value/],
    ['a header cut off', 'VERSION=3\n', 2, /without DATA=END/],
    ['data cut off', `${head} a\n 1\n`, 6, /without DATA=END/],
    ['a key without a value', `${head} a\nDATA=END\n`, 5, /no value/],
    ['data without a space', `${head}a\n`, 4, /begins with a space/],
    ['an escape that is none', `${head} \\g0\n`, 4, /two hex digits/],
    ['an escape cut off', `${head} \\0\n`, 4, /two hex digits/],
    ['half a byte', 'VERSION=3\nHEADER=END\n 6\n', 3, /two for each byte/],
    ['a key twice', `${head} a\n 1\n a\n 2\n`, 6, /duplicate keys/],
  ]
  it.each(bad)('names the line of %s', async (_, text, line, says) => {
    const [number, message] = await badLine('mdb_dump', text)
    expect(message).toMatch(says)
    expect(number).toBe(line)
  })
})

describe('lines', () => {
  it('are the same however the bytes come, and know their numbers', async () => {
    const text = 'one\r\n\nthree\r\rx\nfour'
    for (let length = 1; length <= text.length; length++) {
      const lines: [number, string][] = []
      for await (const { first, lines: some } of linesOf(pieces(bytes(text), length))) some.forEach((line, i) => lines.push([first + i, String(line)]))
      expect(lines).toEqual([[1, 'one'], [2, ''], [3, 'three\r\rx'], [4, 'four']])
    }
  })
})
