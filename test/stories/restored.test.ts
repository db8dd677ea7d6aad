import { LOCAL } from '../storage/set-ups.ts'
import { restoredBackups } from './restored.ts'
import { storiesOn } from './support.ts'

// What is in the memory of a process has no backup.
restoredBackups(storiesOn(LOCAL.filter(({ name }) => name !== 'cache')))
