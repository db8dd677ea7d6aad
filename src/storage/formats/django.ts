import { djangoCodec, djangoCookieCodec, djangoOwnExpiry } from '../../session/codec/django/django.ts'
import { jsonSerializer } from '../../session/codec/serializer.ts'
import { djangoLayout } from '../../session/stores/database/django-layout.ts'
import { defineFormat } from '../part.ts'

// What Django reads and writes is JSON, also where sessions migrate from there into MessagePack.
const json = { serializer: jsonSerializer }

/** As Django has them, which may use them at the same time. */
export default defineFormat({
  name: 'django',
  help: "byte for byte Django's, table django_session",
  settings: [],
  table: 'django_session',
  layout: djangoLayout,
  indexes: [['expire_date']],
  keepsMetadata: false,
  shared: true,
  refusal: (serializer) =>
    serializer === 'json'
      ? undefined
      : `SESSION_SERIALIZER=${serializer} is nothing that Django reads: use json with SESSION_FORMAT=django.`,
  codec: (options) => djangoCodec({ ...options, ...json }),
  cookieCodec: (options) => djangoCookieCodec({ ...options, ...json }),
  async openFiles({ codec, ...options }) {
    const { DjangoFileStore } = await import('../../session/stores/file/django-file.ts')
    return new DjangoFileStore({ ...options, ownExpiry: djangoOwnExpiry(codec) })
  },
})
