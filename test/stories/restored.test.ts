import { restoredBackups } from './restored.ts'
import { LOCAL } from './set-ups.ts'
import { storiesOn } from './support.ts'

// What is in the memory of a process has no backup.
restoredBackups(storiesOn(LOCAL.filter(({ name }) => name !== 'cache')))
