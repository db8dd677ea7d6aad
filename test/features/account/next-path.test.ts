import test from 'ava'
import { localPath } from '../../../src/web/next-path.ts'
import { filled, linear, within } from '../../support/linear.ts'

test('100 KB of the worst paths to go to are parsed about as fast as 100 KB of the best', async (t) => {
  const worst = ['/', '%25', '\\', ' ', '../'].map((part) => within('/', part, ''))
  t.deepEqual(await linear(localPath, `/${filled('a')}`, worst), [])
})
