import type { Language } from './display.ts'

/** Translates an English text; `{name}` in it is replaced by the value of that name. */
export type Translate = (text: string, values?: Readonly<Record<string, string | number>>) => string

/** A translator for one language. Texts that have no translation stay English. */
export function translator(language: Language, german: ReadonlyMap<string, string>): Translate {
  return (text, values = {}) => {
    const template = (language === 'de' ? german.get(text) : undefined) ?? text
    return template.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole))
  }
}

/** German of the layout and the error pages; each feature brings its own. */
export const LAYOUT_GERMAN: Readonly<Record<string, string>> = {
  'Skip to the content': 'Zum Inhalt springen',
  Menu: 'Menü',
  Account: 'Konto',
  'Sign out': 'Abmelden',
  'Signed in as {name}': 'Angemeldet als {name}',
  Home: 'Start',
  'Page {page} of {pages}': 'Seite {page} von {pages}',
  Previous: 'Zurück',
  Next: 'Weiter',
  'Back to the start': 'Zurück zum Start',
  'Please check the marked fields.': 'Bitte prüfen Sie die markierten Felder.',
  'Sessions that hold. A starter for Koa.': 'Sitzungen, die halten. Ein Starter für Koa.',
  'A Koa starter': 'Ein Koa-Starter',
  'Sessions that hold.': 'Sitzungen, die halten.',
  'Start your application on a session engine that never loses a change and never brings an ended session back.':
    'Beginnen Sie Ihre Anwendung auf Sitzungen, die keine Änderung verlieren und beendet bleiben, wenn sie beendet sind.',
  'Nothing is lost': 'Nichts geht verloren',
  'Two requests of one session may overlap. Both changes survive: each is applied to the newest data, never written over it.':
    'Zwei Anfragen einer Sitzung dürfen sich überschneiden. Beide Änderungen bleiben: Jede wird auf die neuesten Daten angewendet, nie darübergeschrieben.',
  'Nothing is resurrected': 'Nichts kehrt zurück',
  'A session that was ended stays ended, whatever slow request was still holding it. That request is told so.':
    'Eine beendete Sitzung bleibt beendet, welche langsame Anfrage sie auch noch hielt. Diese Anfrage erfährt es.',
  'Running now': 'Läuft gerade',
  Engine: 'Speicher',
  Format: 'Format',
  'Two laws': 'Zwei Gesetze',
  'Demo users': 'Demo-Konten',
  'What to read next': 'Wo es weitergeht',
  'The session on one screen, and how to delete this demo.':
    'Die Sitzung auf einen Blick, und wie man diese Demo löscht.',
  'The path of a request, and why it is built so.': 'Der Weg einer Anfrage, und warum er so gebaut ist.',
  'Working with sessions, from large objects to columns of your own.':
    'Mit Sitzungen arbeiten, von großen Objekten bis zu eigenen Spalten.',
  'Please sign in.': 'Bitte melden Sie sich an.',
  'This is not allowed.': 'Das ist nicht erlaubt.',
  'There is nothing at this address.': 'Unter dieser Adresse ist nichts.',
  'This address does not take such a request.': 'Diese Adresse nimmt so eine Anfrage nicht an.',
  'That is too much at once.': 'Das ist zu viel auf einmal.',
  'This kind of content is not understood here.': 'Diese Art von Inhalt wird hier nicht verstanden.',
  'We cannot answer for a moment. Please try again.':
    'Wir können gerade nicht antworten. Bitte versuchen Sie es noch einmal.',
  'Something went wrong. It is not your fault.': 'Etwas ist schiefgegangen. Es liegt nicht an Ihnen.',
  'This request came from another site.': 'Diese Anfrage kam von einer anderen Seite.',
  'Too many attempts. Please try again later.': 'Zu viele Versuche. Bitte versuchen Sie es später noch einmal.',
  'The request could not be understood.': 'Die Anfrage war nicht zu verstehen.',
}
