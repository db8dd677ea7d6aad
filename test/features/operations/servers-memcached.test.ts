import test from 'ava'
import { serviceUrl } from '../../support/services.ts'
import { appFor, scrape } from './steps.ts'

const memcached = serviceUrl('memcached')

if (memcached !== undefined) {
  test('stats, items and slabs of Memcached are in the metrics', async (t) => {
    const app = await appFor(t, { SESSION_ENGINE: 'cached_db', CACHE_URL: memcached })
    const { series, value } = await scrape(app)
    const figures = new Set(
      series.flatMap(({ name, labels }) => (name === 'holdfast_cache_server' ? [labels['figure']] : [])),
    )
    t.true(figures.size > 5, [...figures].join(' '))
    for (const figure of ['up', 'items', 'evictions', 'hits']) t.true(figures.has(figure), figure)
    t.is(value('holdfast_cache_up'), 1)
    t.notRegex(series.map(({ labels }) => Object.values(labels).join(' ')).join('\n'), /127\.0\.0\.1|localhost/)
  })
}
