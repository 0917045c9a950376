/** Under a deliberate fault all that counts is that a property notices: nobody reads how it shrinks, or what fails next. */
import fc from 'fast-check'
import { afterEach, beforeEach } from 'vitest'
import { chosenMutant } from './index.js'

if (chosenMutant() !== undefined) {
  let noticed = false
  fc.configureGlobal({ ...fc.readConfigureGlobal(), endOnFailure: true })
  beforeEach(({ skip }) => skip(noticed, 'the fault was noticed already'))
  afterEach(({ task }) => void (noticed ||= task.result?.state === 'fail'))
}
