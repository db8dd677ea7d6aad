import { djangoCodec } from '../../src/session/codec/django/django.ts'
import { layout } from '../storage/formats/django.ts'
import { databaseContract } from './databases.ts'

databaseContract('PostgreSQL', layout, { oldKeyEnds: true }, (now) =>
  djangoCodec({ secrets: ['a secret of the tests: 6f1f0c2b9d8e4a7c'], now }),
)
