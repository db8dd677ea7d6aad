import { runInFull } from '../support/storm.ts'

await runInFull('contract', 'redis')
