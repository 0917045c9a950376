/** The test vectors: small database files, each with what a reader has to find in it. */
import fs from 'node:fs'
import { fileURLToPath } from 'node:url'
import zlib from 'node:zlib'

/** Bytes as hexadecimal digits, or as parts: digits, how often these come one after the other, digits, how often, and so on. */
export type Hex = string | (string | number)[]

export type ExpectedEntry = [key: Hex, value: Hex]

export interface Expectation {
  description: string
  transaction: number
  pageCount: number
  pages: { reached: number; freeLog: number; journal: number; free: number }
  /** How many meta slots and commits a reader passes over on its way to the right one. */
  passedOver: number
  depth: number
  default: ExpectedEntry[]
  named: Record<string, ExpectedEntry[]>
}

const folder = fileURLToPath(new URL('.', import.meta.url))

export const VECTORS = [
  'empty', 'one-leaf', 'prefix-and-heads', 'branch', 'long-keys', 'overflow', 'named-trees', 'free-log', 'unfinished', 'journal',
] as const
export type VectorName = (typeof VECTORS)[number]

export function vectorBytes(name: string): Uint8Array {
  return zlib.gunzipSync(fs.readFileSync(`${folder}${name}.coppice.gz`))
}

export function expectation(name: string): Expectation {
  return JSON.parse(fs.readFileSync(`${folder}${name}.json`, 'utf8')) as Expectation
}

export function writeVector(name: string, bytes: Uint8Array, expected: Expectation): void {
  fs.writeFileSync(`${folder}${name}.coppice.gz`, zlib.gzipSync(bytes, { level: 9 }))
  const { default: entries, named, ...figures } = expected
  const trees = Object.entries(named).map(([tree, content]) => `    ${JSON.stringify(tree)}: ${listing(content, '    ')}`)
  const head = JSON.stringify(figures, null, 2).slice(0, -2)
  fs.writeFileSync(`${folder}${name}.json`, `${head},\n  "default": ${listing(entries, '  ')},\n  "named": {${trees.length === 0 ? '' : `\n${trees.join(',\n')}\n  `}}\n}\n`)
}

/** One entry a line. */
function listing(entries: ExpectedEntry[], indent: string): string {
  if (entries.length === 0) return '[]'
  return `[\n${entries.map((entry) => `${indent}  ${JSON.stringify(entry)}`).join(',\n')}\n${indent}]`
}

export function fromHex(hex: Hex): Uint8Array {
  let digits = ''
  if (typeof hex === 'string') digits = hex
  else for (let i = 0; i < hex.length; i += 2) digits += String(hex[i]).repeat(Number(hex[i + 1]))
  return new Uint8Array(Buffer.from(digits, 'hex'))
}
