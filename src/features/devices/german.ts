export const german: Readonly<Record<string, string>> = {
  Devices: 'Geräte',
  'Your devices': 'Ihre Geräte',
  'Where you are signed in. Sign out what you do not know, and then change your password.':
    'Wo Sie angemeldet sind. Melden Sie ab, was Sie nicht kennen, und ändern Sie dann Ihr Passwort.',
  'This device': 'Dieses Gerät',
  'Active now': 'Gerade aktiv',
  'Other devices': 'Andere Geräte',
  'Signed in': 'Angemeldet',
  'Last active': 'Zuletzt aktiv',
  'The last activity may be up to {hours} hours out of date.':
    'Die letzte Aktivität kann bis zu {hours} Stunden zurückliegen, ohne hier zu stehen.',
  Address: 'Adresse',
  unknown: 'unbekannt',
  'Unknown browser': 'Unbekannter Browser',
  '{browser} on {system}': '{browser} unter {system}',
  'You are signed in on no other device.': 'Sie sind auf keinem anderen Gerät angemeldet.',
  'Not every device is on this list': 'Nicht jedes Gerät steht auf dieser Liste',
  'Some browsers keep their session themselves, and these cannot be listed. Signing out all other devices ends them, too.':
    'Manche Browser bewahren ihre Sitzung selbst auf, und solche lassen sich nicht auflisten. Alle anderen Geräte abzumelden beendet auch sie.',
  'Other devices cannot be listed': 'Andere Geräte lassen sich nicht auflisten',
  'What keeps the sessions here cannot tell whose they are. A new password signs out all other devices.':
    'Was die Sitzungen hier aufbewahrt, weiß nicht, wem sie gehören. Ein neues Passwort meldet alle anderen Geräte ab.',
  'Change password': 'Passwort ändern',
  'Sign out all other devices': 'Alle anderen Geräte abmelden',
  'All other devices are signed out.': 'Alle anderen Geräte sind abgemeldet.',
  '{device} is signed out.': '{device} ist abgemeldet.',
  'Sign out {device}': '{device} abmelden',
  'You signed in a while ago. Please give your password, so that we know it is you.':
    'Ihre Anmeldung liegt eine Weile zurück. Bitte geben Sie Ihr Passwort ein, damit wir wissen, dass Sie es sind.',
  'Your password': 'Ihr Passwort',
  Cancel: 'Abbrechen',
  'This is not your password.': 'Das ist nicht Ihr Passwort.',
  'Please write your password.': 'Bitte schreiben Sie Ihr Passwort.',
  'This device is not on the list any more.': 'Dieses Gerät steht nicht mehr auf der Liste.',
  'Devices cannot be signed out from here.': 'Von hier aus lassen sich keine Geräte abmelden.',
}
