import { randomBytes } from 'node:crypto'
import { rollingMove } from '../support/rolling-moves.ts'
import { serviceUrl } from '../support/services.ts'

const CACHE_URL = serviceUrl('redis')

if (CACHE_URL !== undefined) {
  const settings = () => ({ CACHE_URL, CACHE_KEY_PREFIX: `rolling-${randomBytes(4).toString('hex')}` })
  rollingMove({ from: 'db,sealed', to: 'cache,sealed', settings: settings() })
  rollingMove({ from: 'db,django', to: 'cached_db,sealed', settings: settings() })
}
