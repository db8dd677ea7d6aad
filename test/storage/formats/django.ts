import { djangoLayout } from '../../../src/session/stores/database/django-layout.ts'
import type { TestLayout } from '../layouts.ts'
import type { EngineSetUps } from '../set-ups.ts'

const SESSION_FORMAT = 'django'

export const layout: TestLayout = {
  name: 'django',
  layout: djangoLayout,
  table: 'django_session',
  columns: ['session_data', 'expire_date'],
  keepsMetadata: false,
}

export default {
  local: [
    { name: 'db, django', env: { SESSION_ENGINE: 'db', SESSION_FORMAT } },
    { name: 'file, django', env: { SESSION_ENGINE: 'file', SESSION_FORMAT } },
    { name: 'signed_cookies, django', env: { SESSION_ENGINE: 'signed_cookies', SESSION_FORMAT } },
  ],
  layout,
} satisfies EngineSetUps
