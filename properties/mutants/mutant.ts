/**
 * Deliberate faults in the engine, to see that the properties notice them. The engine itself knows nothing of
 * them: a fault is an edit of its source, made while that is loaded, where COPPICE_MUTANT names it.
 */
import fs from 'node:fs'

/** A text of the source that stands there exactly once, and what takes its place. */
export interface Edit {
  file: string
  text: string
  replacement: string
}

export interface Mutant {
  name: string
  /** What it breaks and why that is dangerous, in a sentence. */
  breaks: string
  edits: readonly Edit[]
}

/** The source of a file with the fault in it; throws where the text to be replaced is not there, or not only once. */
export function mutated(mutant: Mutant, file: string, source: string): string {
  let result = source
  for (const { text, replacement } of mutant.edits.filter((edit) => edit.file === file)) {
    const found = result.split(text).length - 1
    if (found !== 1) throw new Error(`mutant ${mutant.name} replaces a text that stands ${found} times in ${file}: bring it up to date with the source`)
    result = result.replace(text, () => replacement)
  }
  return result
}

/** Every file that a mutant changes, as it is then; `root` is the folder of the project. */
export function mutatedFiles(mutant: Mutant, root: URL): Map<string, string> {
  const files = new Set(mutant.edits.map(({ file }) => file))
  return new Map([...files].map((file) => [file, mutated(mutant, file, fs.readFileSync(new URL(file, root), 'utf8'))]))
}
