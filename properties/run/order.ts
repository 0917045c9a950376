/** Begins with the files that take longest in the long run, so that two workers end at about the same time. */
import { BaseSequencer } from 'vitest/node'
import type { TestSpecification } from 'vitest/node'

/** From the longest on; what is not here takes less. */
const LONGEST = [
  'damage', 'crash-sampled', 'model/unmapped', 'model', 'processes/disk-full', 'crash-exhaustive', 'snapshots', 'faults', 'processes', 'tree', 'calls-faults', 'calls-crash',
]

export class LongestFirst extends BaseSequencer {
  override sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return Promise.resolve([...files].sort((a, b) => rankOf(a) - rankOf(b)))
  }
}

function rankOf({ moduleId }: TestSpecification): number {
  const rank = LONGEST.findIndex((name) => moduleId.replaceAll('\\', '/').endsWith(`/properties/${name}.test.ts`))
  return rank < 0 ? LONGEST.length : rank
}
