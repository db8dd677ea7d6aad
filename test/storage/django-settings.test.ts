import test from 'ava'
import django from '../../src/storage/formats/django.ts'
import { engines } from '../../src/storage/index.ts'
import { refused } from '../support/settings.ts'

const { name: SESSION_FORMAT } = django

test('Django’s format only works with engines and serializers that Django has', (t) => {
  for (const { name, shareable } of engines) {
    if (shareable) continue
    const sentence = new RegExp(`^SESSION_FORMAT=django works with the engines .*, not with ${name}\\.$`)
    refused(t, [[{ NODE_ENV: 'test', SESSION_ENGINE: name, SESSION_FORMAT }, sentence]])
  }
  refused(t, [[{ SESSION_FORMAT, SESSION_SERIALIZER: 'msgpack' }, /^SESSION_SERIALIZER=msgpack cannot be read/]])
})
