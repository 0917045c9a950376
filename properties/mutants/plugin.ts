import { fileURLToPath } from 'node:url'
import type { Plugin } from 'vitest/config'
import { chosenMutant } from './index.js'
import { mutatedFiles } from './mutant.js'

/** Makes vitest load the source with the fault that COPPICE_MUTANT names. */
export function mutantPlugin(): Plugin {
  const root = new URL('../../', import.meta.url)
  const mutant = chosenMutant()
  const files = mutant === undefined ? [] : [...mutatedFiles(mutant, root)]
  // Vite's paths have slashes on every system.
  const sources = new Map(files.map(([file, source]) => [fileURLToPath(new URL(file, root)).replaceAll('\\', '/'), source]))
  return { name: 'coppice-mutant', enforce: 'pre', load: (id) => sources.get(id) }
}
