import test from 'ava'
import { startProcess, TYPESCRIPT } from './support/processes.ts'

// Not optimized, as the first thousand requests of every process. A function that is written where it is assigned to a
// property is made in the old generation then, where it keeps all that its request refers to.
const FLAGS = ['--expose-gc', '--no-opt', TYPESCRIPT, '--input-type=module', '--eval']

const PROGRAM = `
  import { Session } from 'node:inspector/promises'
  import { startApp } from './test/support/app.ts'
  const app = await startApp()
  const visitor = app.browser()
  await visitor.get('/')
  const inspector = new Session()
  inspector.connect()
  const bytesOf = ({ callFrame, selfSize, children }) =>
    children.reduce((sum, child) => sum + bytesOf(child), callFrame.functionName === 'OpenedSession' ? selfSize : 0)
  const sample = async (includeObjectsCollectedByMinorGC) => {
    const which = { includeObjectsCollectedByMajorGC: true, includeObjectsCollectedByMinorGC }
    await inspector.post('HeapProfiler.startSampling', { samplingInterval: 512, ...which })
    for (let n = 0; n < 100; n++) await visitor.get('/')
    // Twice, because an object is promoted by the second one that it survives.
    for (const _ of [1, 2]) gc({ type: 'minor' })
    return bytesOf((await inspector.post('HeapProfiler.stopSampling')).profile.head)
  }
  // In this order, because the first requests compile and fill caches.
  console.log('allocated', await sample(true), 'survived', await sample(false))
  await app.close()
`

test('what a request allocates does not survive it', async (t) => {
  const { printed, ended } = startProcess([...FLAGS, PROGRAM])
  const [text, allocated, survived] = await printed(/allocated (\d+) survived (\d+)/)
  t.log(text)
  t.true(Number(allocated) > 0, 'a function of this name allocates')
  t.true(Number(survived) < Number(allocated) / 4)
  t.is(await ended(), 0)
})
