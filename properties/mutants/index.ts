import { commitMutants } from './commit.js'
import { failureMutants } from './failures.js'
import { durabilityMutants } from './durability.js'
import { fileMutants } from './files.js'
import { hostileMutants } from './hostile.js'
import { journalMutants } from './journal.js'
import type { Mutant } from './mutant.js'
import { recoveryMutants } from './recovery.js'
import { reuseMutants } from './reuse.js'
import { treeMutants } from './tree.js'

export const MUTANTS: readonly Mutant[] = [...commitMutants, ...durabilityMutants, ...reuseMutants, ...recoveryMutants, ...treeMutants, ...fileMutants, ...hostileMutants, ...failureMutants, ...journalMutants]

/** The mutant that COPPICE_MUTANT names, or undefined where it names none. */
export function chosenMutant(): Mutant | undefined {
  const name = process.env.COPPICE_MUTANT
  if (name === undefined) return undefined
  const mutant = MUTANTS.find((each) => each.name === name)
  if (mutant === undefined) throw new Error(`COPPICE_MUTANT names ${name}, and there is no such mutant`)
  return mutant
}
