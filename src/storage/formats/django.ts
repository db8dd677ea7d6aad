import { djangoCodec, djangoCookieCodec, djangoCustomExpiry } from '../../session/codec/django/django.ts'
import { jsonSerializer } from '../../session/codec/serializer.ts'
import { djangoLayout } from '../../session/stores/database/django-layout.ts'
import { defineFormat } from '../part.ts'

// Django uses JSON, also if sessions migrate from there to MessagePack.
const json = { serializer: jsonSerializer }

/** Django's format; a Django application may use the same sessions at the same time. */
export default defineFormat({
  name: 'django',
  help: "byte for byte Django's, table django_session",
  settings: [],
  table: 'django_session',
  layout: djangoLayout,
  indexes: [['expire_date']],
  keepsMetadata: false,
  shared: true,
  validate: (serializer) =>
    serializer === 'json'
      ? undefined
      : `SESSION_SERIALIZER=${serializer} cannot be read by Django: use json with SESSION_FORMAT=django.`,
  codec: (options) => djangoCodec({ ...options, ...json }),
  cookieCodec: (options) => djangoCookieCodec({ ...options, ...json }),
  async openFiles({ codec, ...options }) {
    const { DjangoFileStore } = await import('../../session/stores/file/django-file.ts')
    return new DjangoFileStore({ ...options, customExpiry: djangoCustomExpiry(codec) })
  },
})
