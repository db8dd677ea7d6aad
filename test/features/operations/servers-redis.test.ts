import test from 'ava'
import { serviceUrl } from '../../support/services.ts'
import { appFor, scrape } from './steps.ts'

const redis = serviceUrl('redis')

if (redis !== undefined) {
  test('memory, keys and slow log of Redis are in the metrics', async (t) => {
    const app = await appFor(t, { SESSION_ENGINE: 'cached_db', CACHE_URL: redis })
    const { series, value } = await scrape(app)
    const figures = new Set(
      series.flatMap(({ name, labels }) => (name === 'holdfast_cache_server' ? [labels['figure']] : [])),
    )
    t.true(figures.size > 5, [...figures].join(' '))
    t.true(
      [...figures].some((figure) => /memory/i.test(figure ?? '')),
      [...figures].join(' '),
    )
    t.true(
      [...figures].some((figure) => /slow/i.test(figure ?? '')),
      [...figures].join(' '),
    )
    t.is(value('holdfast_cache_up'), 1)
    t.notRegex(series.map(({ labels }) => Object.values(labels).join(' ')).join('\n'), /127\.0\.0\.1|localhost/)
  })
}
