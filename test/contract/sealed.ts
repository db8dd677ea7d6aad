import { sealedCodec } from '../../src/session/codec/sealed/sealed.ts'

export const SECRETS = ['a secret of the tests: 6f1f0c2b9d8e4a7c'] as const

export const sealed = sealedCodec({ secrets: SECRETS, namespace: 'sid' })
