import test from 'ava'
import { engines } from '../../src/storage/index.ts'
import { isPossible } from '../storage/present.ts'
import { noCrossTalk } from './cross-talk.ts'

for (const { name } of engines) {
  const env = { SESSION_ENGINE: name, ...(/cache/.test(name) ? { CACHE_URL: 'memory:' } : {}) }
  if (isPossible(env)) {
    test.serial(`${name}: overlapping requests, many of them cut off, get no page of somebody else`, async (t) => {
      await noCrossTalk(t, env)
    })
  }
}
