import test from 'ava'
import { withoutLinesOf, withoutMentions } from '../../../scripts/maintainer/trim/blocks.ts'

const cut = (text: string, ...gone: string[]) =>
  withoutMentions(
    text,
    (part) => gone.includes(part),
    (words) => words.includes('GONE'),
  )

test('a document that names nothing of what is gone stays as it is', (t) => {
  const text =
    '# A\n\nOne.\nTwo.\n\n- a\n- b\n\n| x | y |\n|---|---|\n| 1 | 2 |\n\n```ts\nconst a = 1\n\n\nconst b = 2\n```\n'
  t.is(cut(text), text)
})

test('paragraphs, list items and rows that name it go as a whole', (t) => {
  t.is(cut('One.\n\nTwo. `GONE`.\nThree.\n\nFour.\n'), 'One.\n\nFour.\n')
  t.is(cut('- a\n- b\n  GONE\n- c\n'), '- a\n- c\n')
  t.is(cut('| x |\n|---|\n| 1 |\n| GONE |\n'), '| x |\n|---|\n| 1 |\n')
  t.is(cut('One.\n\n| GONE |\n|---|\n| 1 |\n'), 'One.\n')
})

test('of commands a line goes, of a program all', (t) => {
  t.is(cut('One.\n\n```sh\nnpm GONE\nnpm start\n```\n'), 'One.\n\n```sh\nnpm start\n```\n')
  t.is(cut('One.\n\n```sh\nnpm GONE\n```\n'), 'One.\n')
  t.is(cut('One.\n\n```ts\nGONE()\n\nstart()\n```\n'), 'One.\n')
})

test('a heading goes with the last that was under it, and its chapter with what was under that', (t) => {
  t.is(cut('# A\n\n## B\n\n### C\n\nGONE\n\n## D\n\nOne.\n'), '# A\n\n## D\n\nOne.\n')
  t.is(cut('# A\n\n## B\n\n### C\n\nOne.\n\n### D\n\nGONE\n'), '# A\n\n## B\n\n### C\n\nOne.\n')
})

test('a chapter about parts stays while one of them is there', (t) => {
  const text = '# A\n\n<!-- only with b, c -->\n## B\n\nOne.\n<!-- end -->\n\n## D\n\nTwo.\n'
  t.is(cut(text, 'b'), text)
  t.is(cut(text, 'b', 'c'), '# A\n\n## D\n\nTwo.\n')
})

test('settings that are only with other parts go, with the comments around them', (t) => {
  const text = 'a: 1\n  # only with redis, memcached\n  b: 2\n  # end\n# only with cached_db\nc: 3\n# end\nd: 4\n'
  t.is(
    withoutLinesOf(text, () => false),
    text,
  )
  t.is(
    withoutLinesOf(text, (part) => part === 'redis'),
    text,
  )
  t.is(
    withoutLinesOf(text, (part) => part !== 'cached_db'),
    'a: 1\n# only with cached_db\nc: 3\n# end\nd: 4\n',
  )
  t.is(
    withoutLinesOf(text, () => true),
    'a: 1\nd: 4\n',
  )
})
