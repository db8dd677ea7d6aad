import type { Cache } from '../../src/session/caches/cache.ts'

/** Resolves when the cache answers again. */
export async function answering(cache: Cache): Promise<void> {
  const answers = () =>
    cache.ping().then(
      () => true,
      () => false,
    )
  while (!(await answers())) await new Promise((resolve) => setTimeout(resolve, 20))
}
