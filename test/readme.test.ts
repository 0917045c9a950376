/**
 * The README holds to the code: its examples have the right types, run, and print what they say they print
 * (`// => text`, one line of output after the other, or several in a comment with ` | ` between them), and its
 * table of error codes is the union `ErrorCode`, no more and no less.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { format } from 'node:util'
import ts from 'typescript'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import * as coppice from '../src/index.js'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const readme = readFileSync(join(ROOT, 'README.md'), 'utf8')

interface Example {
  heading: string
  code: string
}

const examples: Example[] = [...readme.matchAll(/^```ts\n(.*?)^```$/gms)].map((match) => {
  const headings = [...readme.slice(0, match.index).matchAll(/^#+ (.*)$/gm)]
  return { heading: headings.at(-1)![1], code: match[1] }
})

/** What an example says it prints, line by line. */
function expectedOutput(code: string): string[] {
  return [...code.matchAll(/\/\/ => (.*)$/gm)].flatMap(([, text]) => text.split(' | '))
}

type Body = (require: (name: string) => unknown, exports: object, console: { log: (...values: unknown[]) => void }) => Promise<void>

async function outputOf(code: string): Promise<string[]> {
  const { outputText } = ts.transpileModule(code, {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.CommonJS },
  })
  const AsyncFunction = (async () => undefined).constructor as new (...parts: string[]) => Body
  const load = createRequire(import.meta.url)
  const lines: string[] = []
  await new AsyncFunction('require', 'exports', 'console', outputText)(
    (name) => (name === 'coppice' ? coppice : load(name)),
    {},
    { log: (...values) => lines.push(...format(...values).split('\n')) },
  )
  return lines
}

describe('the examples of the README', () => {
  const home = process.cwd()
  const folder = mkdtempSync(join(tmpdir(), 'coppice-readme-'))

  beforeAll(() => process.chdir(folder))

  afterAll(() => {
    process.chdir(home)
    rmSync(folder, { recursive: true })
  })

  it('are there', () => {
    expect(examples.length).toBeGreaterThan(5)
  })

  for (const { heading, code } of examples) {
    it(`prints what it says: ${heading}`, async () => {
      const place = mkdtempSync(join(folder, 'example-'))
      process.chdir(place)
      expect(await outputOf(code)).toEqual(expectedOutput(code))
    })
  }

  it('have the right types', () => {
    expect(typeErrors(examples)).toEqual([])
  })
})

/** Compiles the examples as if they stood in a folder at the top. */
function typeErrors(all: Example[]): string[] {
  const project = join(ROOT, 'tsconfig.json')
  const { config } = ts.readConfigFile(project, (path) => ts.sys.readFile(path))
  // With the project's name the types of Node are looked for beside it, and not where this process stands.
  const { options } = ts.parseJsonConfigFileContent({ ...config, include: [], files: [] }, ts.sys, ROOT, undefined, project)
  const files = new Map(all.map(({ code }, i) => [join(ROOT, `readme-example-${i}.ts`), code]))
  const host = ts.createCompilerHost(options)
  const { fileExists, readFile, getSourceFile } = host
  host.fileExists = (path) => files.has(path) || fileExists(path)
  host.readFile = (path) => files.get(path) ?? readFile(path)
  host.getSourceFile = (path, version) => {
    const code = files.get(path)
    return code === undefined ? getSourceFile(path, version) : ts.createSourceFile(path, code, version)
  }
  const program = ts.createProgram([...files.keys()], { ...options, noEmit: true, noUnusedLocals: false }, host)
  return [...files.keys()].flatMap((path, i) =>
    ts.getPreEmitDiagnostics(program, program.getSourceFile(path)).map(({ messageText }) => `${all[i].heading}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`),
  )
}

describe('the table of error codes', () => {
  const rows = [...readme.matchAll(/^\| `(COPPICE_\w+)` \| (.+) \| (.+) \|$/gm)]
  const listed = rows.map(([, code]) => code)

  it('lists every code there is, once, and none that there is not, in the order of the source', () => {
    const source = readFileSync(join(ROOT, 'src/errors.ts'), 'utf8')
    const union = /export type ErrorCode =(.*?)\n\n/s.exec(source)![1]
    const codes = [...union.matchAll(/\| '(COPPICE_\w+)'/g)].map(([, code]) => code)
    expect(codes.length).toBeGreaterThan(20)
    expect(listed).toEqual(codes)
  })

  it('says when each comes and what to do', () => {
    for (const [, code, when, remedy] of rows) expect(Math.min(when.length, remedy.length), code).toBeGreaterThan(10)
  })
})

describe('the links of the README', () => {
  it('within it lead somewhere', () => {
    const anchors = [...readme.matchAll(/^#+ (.*)$/gm)].map(([, heading]) => heading.toLowerCase().replace(/[^\w -]/g, '').replaceAll(' ', '-'))
    const links = [...readme.matchAll(/\]\(#([^)]+)\)/g)].map(([, anchor]) => anchor)
    expect(links.filter((link) => !anchors.includes(link))).toEqual([])
  })

  it('in its map of the source name what is there', () => {
    const named = [...readme.matchAll(/`(src\/[\w./-]*)`/g)].map(([, path]) => path)
    expect(named.length).toBeGreaterThan(5)
    expect(named.filter((path) => !ts.sys.fileExists(join(ROOT, path)) && !ts.sys.directoryExists(join(ROOT, path)))).toEqual([])
  })

  it('name scripts that package.json has', () => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: Record<string, string> }
    const named = [...readme.matchAll(/npm run ([\w-]+)/g)].map(([, script]) => script)
    expect(named.filter((script) => !(script in scripts))).toEqual([])
  })
})
