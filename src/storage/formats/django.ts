import { z } from 'zod'
import { djangoCodec, djangoCookieCodec, djangoCustomExpiry } from '../../session/codec/django/django.ts'
import { jsonSerializer } from '../../session/codec/serializer.ts'
import { djangoLayout } from '../../session/stores/database/django-layout.ts'
import { defineSettings, setting } from '../../settings.ts'
import { djangoSignIns } from '../django-sign-ins.ts'
import { defineFormat } from '../part.ts'

const settings = defineSettings({
  DJANGO_USERS: setting(
    z.enum(['separate', 'same']).default('separate'),
    'Whom Django has signed in: separate (somebody else, who is anonymous here) or same (the account with that id, if its\n' +
      'table auth_user, in DATABASE_URL, still confirms it); see docs/django.md',
  ),
})

// Django uses JSON, also if sessions migrate from there to MessagePack.
const json = { serializer: jsonSerializer }

/** Django's format; a Django application may use the same sessions at the same time. */
export default defineFormat({
  name: 'django',
  help: "byte for byte Django's, table django_session",
  settings: [settings],
  table: 'django_session',
  layout: djangoLayout,
  indexes: [['expire_date']],
  keepsMetadata: false,
  shared: true,
  validate: (serializer) =>
    serializer === 'json'
      ? undefined
      : `SESSION_SERIALIZER=${serializer} cannot be read by Django: use json with SESSION_FORMAT=django.`,
  signIns: (config, knex) =>
    settings.of(config).DJANGO_USERS === 'same' ? djangoSignIns(knex, config.secrets) : undefined,
  codec: (options) => djangoCodec({ ...options, ...json }),
  cookieCodec: (options) => djangoCookieCodec({ ...options, ...json }),
  async openFiles({ codec, ...options }) {
    const { DjangoFileStore } = await import('../../session/stores/file/django-file.ts')
    return new DjangoFileStore({ ...options, customExpiry: djangoCustomExpiry(codec) })
  },
})
