import type { Access } from '../../support/routes.ts'

export const access: Access = {
  'GET /guarantees': 'everyone',
  'POST /guarantees/engine/state': 'everyone',
  'POST /guarantees/engine/begin': 'everyone',
  'POST /guarantees/engine/add': 'everyone',
  'POST /guarantees/engine/sign-in': 'everyone',
  'POST /guarantees/engine/sign-out': 'everyone',
  'POST /guarantees/engine/end': 'everyone',
}
