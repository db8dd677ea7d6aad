import type { Knex } from 'knex'
import { z } from 'zod'
import { isDjangoSignIn } from '../session/codec/django/django-auth.ts'
import type { Secrets } from '../session/codec/secrets.ts'
import { ConfigError } from '../settings.ts'
import type { SharedSignIns } from './part.ts'
import { messageOf } from './records.ts'

const row = z.object({ id: z.coerce.string(), password: z.string() })

/** Sign-ins of Django's users, checked against its table as Django itself does. */
export function djangoSignIns(knex: Knex, secrets: Secrets): SharedSignIns {
  const active = () => knex('auth_user').where({ is_active: true })
  return {
    async ready() {
      try {
        await active().first('id', 'password')
      } catch (error) {
        throw new ConfigError(`DJANGO_USERS=same needs Django's table auth_user in DATABASE_URL: ${messageOf(error)}.`)
      }
    },
    async prove(userId, session) {
      const found: unknown = await active()
        .where({ id: Number(userId) })
        .first('id', 'password')
      if (found === undefined) return false
      return isDjangoSignIn({ get: (key) => session[key] }, row.parse(found), { secrets })
    },
  }
}
