/**
 * The portable dump of LMDB and Berkeley DB: a header of `name=value` lines, then a line for each key and for each value
 * behind it, all of them with a space in front, in hex digits or in print. Several databases follow each other.
 */
import { toText } from '../text.js'
import type { Entry, Found, Writer, WriteOptions } from './format.js'
import { BadLine } from './format.js'
import { bufferOf, fromHex, hexOf } from './hex.js'
import { linesOf } from './lines.js'
import { withoutMark } from './utf8.js'

const SPACE = 0x20
const BACKSLASH = 0x5c
const DATA_END = Buffer.from('DATA=END')

/** Longer than a line of a header is, with the longest name of a tree in escapes. */
const MAX_HEADER_LINE = 2 ** 14

export async function* readMdbDump(source: AsyncIterable<Uint8Array>): AsyncGenerator<Found, void, undefined> {
  const parser = new Parser()
  let next = 1
  for await (const { first, lines } of linesOf(withoutMark(source))) {
    try {
      for (let i = 0; i < lines.length; i++) yield* parser.take(lines[i], first + i)
    } catch (error) {
      // What stands before a bad line is good, and a load in batches keeps it.
      yield* parser.flush()
      throw error
    }
    yield* parser.flush()
    next = first + lines.length
  }
  parser.end(next)
}

/** Takes a dump line by line. */
class Parser {
  private header: Map<string, string> | undefined
  private inData = false
  private started = false
  private decode: (bytes: Buffer) => Buffer | undefined = fromHex
  /** A key whose value has not come yet. */
  private key: Buffer | undefined
  private lastKey: Buffer | undefined
  private entries: Entry[] = []

  /** The file ends. */
  end(line: number): void {
    if (this.inData || this.header !== undefined) throw new BadLine(line, 'the dump ends here without DATA=END: a part of it is missing.')
    if (!this.started) throw new BadLine(1, 'there is no dump in this file. It begins with VERSION=3.')
  }

  /** What has become complete with this line, entries excepted, which `flush` gives. */
  *take(line: Buffer, number: number): Generator<Found, void, undefined> {
    if (this.inData) {
      if (line.equals(DATA_END)) yield* this.endData(number)
      else this.takeData(line, number)
      return
    }
    if (line.length > MAX_HEADER_LINE) throw badHeader(number)
    const text = line.toString('utf8')
    if (text.trim() === '' && this.header === undefined) return
    if (text !== 'HEADER=END') {
      this.takeHeader(text, number)
      return
    }
    yield { tree: this.beginData(number), line: number }
  }

  *flush(): Generator<Found, void, undefined> {
    if (this.entries.length > 0) yield { entries: this.entries }
    this.entries = []
  }

  private takeHeader(text: string, line: number): void {
    const equals = text.indexOf('=')
    if (equals === -1) throw badHeader(line)
    const name = text.slice(0, equals)
    if (this.header === undefined && name !== 'VERSION') throw new BadLine(line, 'a dump begins with VERSION=3.')
    this.header ??= new Map()
    this.header.set(name, text.slice(equals + 1))
    assertKnown(name, text.slice(equals + 1), line)
  }

  /** Answers the name of the tree. */
  private beginData(line: number): string | undefined {
    if (this.header === undefined) throw new BadLine(line, 'a dump begins with VERSION=3.')
    const name = this.header.get('database')
    this.decode = this.header.get('format') === 'print' ? fromPrint : fromHex
    this.header = undefined
    this.inData = true
    this.started = true
    return name === undefined ? undefined : treeOf(name, line)
  }

  private takeData(line: Buffer, number: number): void {
    if (line[0] !== SPACE) throw new BadLine(number, 'a line with a key or a value begins with a space, and DATA=END ends them.')
    const bytes = this.decode(line.subarray(1))
    if (bytes === undefined) throw new BadLine(number, this.decode === fromHex ? 'hex digits are wanted, two for each byte.' : 'a backslash is followed by neither two hex digits nor a second one.')
    if (this.key === undefined) {
      // Databases that sort duplicates hold several values under one key.
      if (this.lastKey?.equals(bytes) === true) throw new BadLine(number, 'this key has a value already, and a tree holds one for each. Dumps of databases with duplicate keys cannot be loaded.')
      this.key = bytes
      return
    }
    this.entries.push({ key: this.key, value: bytes, line: number })
    this.lastKey = this.key
    this.key = undefined
  }

  private *endData(line: number): Generator<Found, void, undefined> {
    if (this.key !== undefined) throw new BadLine(line, 'the last key has no value: a part of the dump is missing.')
    yield* this.flush()
    this.inData = false
    this.lastKey = undefined
  }
}

function badHeader(line: number): BadLine {
  return new BadLine(line, 'a line of a dump\'s header is name=value, and HEADER=END ends it.')
}

function assertKnown(name: string, value: string, line: number): void {
  if (name === 'VERSION' && value !== '3') throw new BadLine(line, `this is version ${value} of the format, and only 3 is known.`)
  if (name === 'format' && value !== 'bytevalue' && value !== 'print') throw new BadLine(line, `there is no format "${value}". It is bytevalue or print.`)
  if (name === 'type' && value !== 'btree' && value !== 'hash') throw new BadLine(line, `a database of type ${value} has numbers in place of keys. Only btree and hash can be loaded.`)
}

function treeOf(name: string, line: number): string {
  const bytes = fromPrint(Buffer.from(name)) ?? Buffer.from(name)
  const tree = bytes.toString('utf8')
  if (tree !== '' && Buffer.from(tree).equals(bytes)) return tree
  throw new BadLine(line, `the database's name "${toText(bytes)}" is no name of a tree, which is UTF-8 and not empty.`)
}

/** Printable characters as themselves, others as `\` and two hex digits. */
function fromPrint(line: Buffer): Buffer | undefined {
  if (!line.includes(BACKSLASH)) return line
  const bytes = Buffer.allocUnsafe(line.length)
  let length = 0
  for (let at = 0; at < line.length; length++) {
    if (line[at] !== BACKSLASH) {
      bytes[length] = line[at++]
    } else if (line[at + 1] === BACKSLASH) {
      bytes[length] = BACKSLASH
      at += 2
    } else if (bytes.write(line.toString('latin1', at + 1, at + 3), length, 'hex') === 1) {
      at += 3
    } else {
      return undefined
    }
  }
  return bytes.subarray(0, length)
}

export function mdbDumpWriter({ print, mapSize }: Pick<WriteOptions, 'print' | 'mapSize'>): Writer {
  const pieces = print ? printOf : hexOf
  return {
    begin(tree) {
      const database = tree === undefined ? '' : `database=${headerName(tree)}\n`
      // LMDB's own loader reserves a single megabyte where nothing is said.
      return `VERSION=3\nformat=${print ? 'print' : 'bytevalue'}\n${database}type=btree\nmapsize=${mapSize}\nHEADER=END\n`
    },
    *entry(key, value) {
      for (const bytes of [key, value]) {
        yield ' '
        yield* pieces(bytes)
        yield '\n'
      }
    },
    end: () => 'DATA=END\n',
  }
}

/** Control characters would end the line, and a backslash begins an escape. */
function headerName(tree: string): string {
  return tree.replace(/[\\\p{Cc}]/gu, (character) => [...Buffer.from(character)].map(escapeByte).join(''))
}

function escapeByte(byte: number): string {
  return `\\${byte.toString(16).padStart(2, '0')}`
}

/** Bytes printed in one go. */
const PIECE = 2 ** 16

function* printOf(bytes: Uint8Array): Generator<string, void, undefined> {
  const all = bufferOf(bytes)
  for (let from = 0; from < all.length; from += PIECE) {
    const text = all.toString('latin1', from, Math.min(from + PIECE, all.length))
    yield text.replace(/[^ -[\]-~]/g, (character) => escapeByte(character.charCodeAt(0)))
  }
}
