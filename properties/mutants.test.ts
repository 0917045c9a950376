/** The deliberate faults fit the source as it is, so that none of them is one that changes nothing. */
import ts from 'typescript'
import { expect, it } from 'vitest'
import { MUTANTS } from './mutants/index.js'
import { mutated, mutatedFiles } from './mutants/mutant.js'

const ROOT = new URL('../', import.meta.url)

it('mutants have names of their own', () => {
  expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length)
})

it('mutants replace texts that stand in the source exactly once, and leave what can be parsed', () => {
  const wrong: string[] = []
  const sources = new Map<string, string>()
  for (const mutant of MUTANTS) {
    try {
      for (const [file, source] of mutatedFiles(mutant, ROOT)) sources.set(`${mutant.name}/${file}`, source)
    } catch (error) {
      wrong.push((error as Error).message)
    }
  }
  expect([...wrong, ...syntaxErrors(sources)]).toEqual([])
})

/** All files are parsed, by name and text, and nothing more. */
function syntaxErrors(sources: ReadonlyMap<string, string>): string[] {
  const options = { noLib: true, noResolve: true }
  const host = ts.createCompilerHost(options)
  host.getSourceFile = (name, version) => ts.createSourceFile(name, sources.get(name) ?? '', version)
  const diagnostics = ts.createProgram([...sources.keys()], options, host).getSyntacticDiagnostics()
  return diagnostics.map(({ file, messageText }) => `${file?.fileName}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`)
}

it('a mutant whose text has gone, or stands there twice, is refused', () => {
  const mutant = { name: 'stale', breaks: '', edits: [{ file: 'a.ts', text: 'one', replacement: 'two' }] }
  expect(mutated(mutant, 'a.ts', 'one, three')).toBe('two, three')
  expect(() => mutated(mutant, 'a.ts', 'three')).toThrow('stands 0 times')
  expect(() => mutated(mutant, 'a.ts', 'one, one')).toThrow('stands 2 times')
})
