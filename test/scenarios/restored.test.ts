import { LOCAL } from '../storage/set-ups.ts'
import { restoredBackups } from './restored.ts'
import { scenariosOn } from './support.ts'

// What is in the memory of a process has no backup.
restoredBackups(scenariosOn(LOCAL.filter(({ name }) => name !== 'cache')))
