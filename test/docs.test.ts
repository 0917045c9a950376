/**
 * The reference in docs/api is what the doc comments make today, everything that users have is in it, and each method names what
 * it throws: at least every code that can be seen in its own source.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** What the tests use of typedoc's description of the reference. */
interface Part {
  text: string
}

interface Signature {
  comment?: { summary: Part[]; blockTags?: { tag: string; content: Part[] }[] }
}

interface Reflection extends Signature {
  name: string
  children?: Reflection[]
  signatures?: Signature[]
  getSignature?: Signature
  type?: { types?: { value?: string }[] }
}

let folder: string
let modules: Reflection[]

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'coppice-docs-'))
  const json = join(folder, 'reference.json')
  const command = ['node_modules/typedoc/bin/typedoc', '--out', join(folder, 'api'), '--json', json]
  const run = spawnSync(process.execPath, command, { cwd: ROOT, encoding: 'utf8' })
  // A warning ends typedoc with an error: something has no doc comment, or a link leads nowhere.
  expect(run.status, run.stdout + run.stderr).toBe(0)
  modules = (JSON.parse(readFileSync(json, 'utf8')) as { children: Reflection[] }).children
}, 120_000)

afterAll(() => rmSync(folder, { recursive: true, force: true }))

function filesIn(path: string): Record<string, string> {
  const names = readdirSync(path, { recursive: true, encoding: 'utf8' }).filter((name) => statSync(join(path, name)).isFile())
  return Object.fromEntries(names.sort().map((name) => [name, readFileSync(join(path, name), 'utf8')]))
}

describe('the reference in docs/api', () => {
  it('is what the doc comments make; after a change of them run npm run docs', () => {
    expect(filesIn(join(ROOT, 'docs/api'))).toEqual(filesIn(join(folder, 'api')))
  })

  it('has a module for each that the package exports', () => {
    const { name, exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { name: string; exports: Record<string, unknown> }
    const exported = Object.keys(exports).filter((path) => !path.endsWith('.json')).map((path) => join(name, path))
    expect(modules.map((module) => module.name).sort()).toEqual(exported.sort())
  })

  it('names no place of the machine it was made on, and no member that is not for users', () => {
    for (const [name, text] of Object.entries(filesIn(join(folder, 'api')))) {
      expect(text, name).not.toContain(ROOT)
      expect(text, name).not.toMatch(/Defined in|Inherited from|\n#+ _/)
    }
  })
})

/** Types whose methods users write, or which stand for another package. */
const NOT_OURS = ['CustomEncoding', 'MmapIo']

const NEVER_THROW = [
  'Database.path', 'Database.readOnly', 'Database.isOpen', 'Transaction.readOnly', 'Transaction.active', 'Cursor.close', 'Cursor.[dispose]',
  'EntryIterator.return', 'EntryIterator.[iterator]', 'KeyIterator.return', 'KeyIterator.[iterator]', 'ValueIterator.return',
  'ValueIterator.[iterator]', 'CoppiceLevel.location',
]

/** What stands in the source and is not thrown: a cursor encodes keys later, `for` gives no range, and at a folder `compactTo` has thrown before. */
const NOT_THROWN: Record<string, string[]> = {
  'Keyspace.cursor': ['COPPICE_INVALID_KEY', 'COPPICE_KEY_TOO_LARGE'],
  'Keyspace.[iterator]': ['COPPICE_INVALID_KEY', 'COPPICE_KEY_TOO_LARGE', 'COPPICE_INVALID_OPTION'],
  'Database.compactTo': ['COPPICE_IS_DIRECTORY'],
}

const GROUP = /what every (read|write) throws/g

/** The functions and methods of the reference, with what each of their signatures says of errors. */
function callables(): Map<string, string[]> {
  const all = new Map<string, string[]>()
  const note = (name: string, { signatures, getSignature }: Reflection): void => {
    const found = [...(signatures ?? []), ...(getSignature === undefined ? [] : [getSignature])]
    if (found.length > 0) all.set(name, found.map(throwsOf))
  }
  for (const reflection of modules.flatMap((module) => module.children ?? [])) {
    if (NOT_OURS.includes(reflection.name)) continue
    note(reflection.name, reflection)
    for (const member of reflection.children ?? []) note(`${reflection.name}.${member.name}`, member)
  }
  return all
}

function throwsOf({ comment }: Signature): string {
  return (comment?.blockTags ?? []).filter(({ tag }) => tag === '@throws').map(({ content }) => textOf(content)).join(' ')
}

function textOf(parts: Part[]): string {
  return parts.map(({ text }) => text).join('')
}

function named(name: string): Reflection {
  return modules.flatMap((module) => module.children ?? []).find((reflection) => reflection.name === name)!
}

function codesIn(text: string): string[] {
  return text.match(/COPPICE_[A-Z_]+/g) ?? []
}

/** The codes that every read throws, and those that every write throws, as the page of CoppiceError tells. */
function groups(): Record<string, string[]> {
  const paragraphs = textOf(named('CoppiceError').comment!.summary).split('\n\n')
  const codes = (start: string) => codesIn(paragraphs.find((paragraph) => paragraph.startsWith(start))!)
  const read = codes('**Every read**')
  return { read, write: [...read, ...codes('**Every write**')] }
}

describe('the doc comments', () => {
  it('name in @throws what each method throws, by code or by group', () => {
    const silent = [...callables()].filter(([, throws]) => throws.some((text) => !/COPPICE_[A-Z]|what every (read|write) throws|TypeError/.test(text)))
    expect(silent.map(([name]) => name).sort()).toEqual([...NEVER_THROW].sort())
  })

  it('name every code that can be seen in the source of a method', () => {
    const known = groups()
    const missing: string[] = []
    for (const [name, throws] of callables()) {
      const text = throws.join(' ')
      const told = new Set([...codesIn(text), ...[...text.matchAll(GROUP)].flatMap(([, group]) => known[group]), ...(NOT_THROWN[name] ?? [])])
      for (const code of codesOf(name)) if (!told.has(code)) missing.push(`${name}: ${code}`)
    }
    expect(missing).toEqual([])
  })

  it('name no code that there is none of, and each code somewhere', () => {
    const codes = named('ErrorCode').type!.types!.map(({ value }) => value!)
    const told = [...[...callables().values()].flat(), ...Object.values(groups()).map(String)].flatMap(codesIn)
    expect([...new Set(told)].sort()).toEqual([...codes].sort())
  })
})

// What the source of a method throws.

interface Body {
  codes: Set<string>
  calls: Set<string>
}

const bodies = new Map<string, Body>()

/** Notes the functions of a file under their names, and the methods of its classes under `Class.method`. */
function readSource(path: string): void {
  const tree = ts.createSourceFile(path, readFileSync(join(ROOT, path), 'utf8'), ts.ScriptTarget.Latest, true)
  for (const statement of tree.statements) {
    if (ts.isFunctionDeclaration(statement)) bodies.set(statement.name!.text, bodyOf(statement, undefined))
    if (!ts.isClassDeclaration(statement)) continue
    const owner = statement.name!.text
    for (const member of statement.members) {
      if (member.name !== undefined) bodies.set(`${owner}.${member.name.getText().replace(/^\[Symbol\.(.*)\]$/, '[$1]')}`, bodyOf(member, owner))
    }
  }
}

function bodyOf(node: ts.Node, owner: string | undefined): Body {
  const body: Body = { codes: new Set(), calls: new Set() }
  const see = (part: ts.Node): void => {
    if (ts.isNewExpression(part) && part.expression.getText() === 'CoppiceError') for (const code of codesIn(part.arguments![0].getText())) body.codes.add(code)
    if (ts.isCallExpression(part)) {
      const callee = part.expression.getText()
      body.calls.add(callee.startsWith('this.') && owner !== undefined ? callee.replace(/^this/, owner) : callee)
    }
    ts.forEachChild(part, see)
  }
  see(node)
  return body
}

/** The codes thrown by a function or method, and by those of the public layer that it calls by name or as `this.name`. */
function codesOf(name: string, seen = new Set<string>()): Set<string> {
  const body = bodies.get(name)
  if (body === undefined || seen.has(name)) return new Set()
  seen.add(name)
  return new Set([...body.codes, ...[...body.calls].flatMap((call) => [...codesOf(call, seen)])])
}

const PUBLIC_LAYER = ['errors', 'options', 'range', 'views', 'transaction', 'cursor', 'iterators', 'keyspace', 'care/compact', 'database', 'adapters/mmap-io']
for (const name of PUBLIC_LAYER) readSource(`src/${name}.ts`)
