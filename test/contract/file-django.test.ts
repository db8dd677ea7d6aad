import { djangoCodec } from '../../src/session/codec/django/django.ts'
import { DjangoFileStore } from '../../src/session/stores/file/django-file.ts'
import { fileContract } from './files.ts'

fileContract(
  'django',
  { oldKeyEnds: true },
  (now) => djangoCodec({ secrets: ['a secret of the tests: 6f1f0c2b9d8e4a7c'], now }),
  (folder, now) => new DjangoFileStore({ folder, cookieName: 'sid', cookieAge: 1_209_600, now }),
)
