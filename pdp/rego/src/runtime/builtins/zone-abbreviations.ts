/** Names of the standard and the summer time of zones that share them, and the standard offset in minutes. */
const FAMILIES: readonly (readonly [string, string, number, RegExp])[] = [
  ['WET', 'WEST', 0, /^(?:Europe\/Lisbon|Atlantic\/(?:Madeira|Canary|Faroe|Faeroe)|Portugal|WET)$/],
  ['GMT', 'BST', 0, /^(?:Europe\/(?:London|Belfast|Jersey|Guernsey|Isle_of_Man)|GB|GB-Eire)$/],
  ['GMT', 'IST', 0, /^(?:Europe\/Dublin|Eire)$/],
  ['MSK', 'MSD', 180, /^(?:Europe\/(?:Moscow|Simferopol|Kirov)|W-SU)$/],
  [
    'EET',
    'EEST',
    120,
    /^(?:Europe\/(?:Athens|Bucharest|Chisinau|Tiraspol|Helsinki|Mariehamn|Kiev|Kyiv|Uzhgorod|Zaporozhye|Riga|Sofia|Tallinn|Vilnius|Kaliningrad|Nicosia)|Asia\/(?:Beirut|Nicosia|Famagusta|Gaza|Hebron)|Africa\/(?:Cairo|Tripoli)|Egypt|Libya|EET)$/,
  ],
  [
    '+03',
    '+04',
    180,
    /^(?:Europe\/(?:Istanbul|Minsk)|Asia\/(?:Istanbul|Amman|Damascus|Baghdad|Riyadh|Kuwait|Qatar|Bahrain|Aden)|Turkey|Antarctica\/Syowa)$/,
  ],
  [
    '+04',
    '+05',
    240,
    /^(?:Europe\/(?:Samara|Saratov|Astrakhan|Ulyanovsk|Volgograd)|Asia\/(?:Dubai|Muscat|Tbilisi|Yerevan|Baku)|Indian\/(?:Mauritius|Reunion|Mahe))$/,
  ],
  [
    'CET',
    'CEST',
    60,
    /^(?:Europe\/.*|Arctic\/Longyearbyen|Africa\/(?:Ceuta|Algiers|Tunis)|Atlantic\/Jan_Mayen|CET|MET|Poland)$/,
  ],
  ['IST', 'IDT', 120, /^(?:Asia\/(?:Jerusalem|Tel_Aviv)|Israel)$/],
  ['IST', 'IST', 330, /^Asia\/(?:Kolkata|Calcutta)$/],
  ['JST', 'JDT', 540, /^(?:Asia\/Tokyo|Japan)$/],
  ['KST', 'KDT', 540, /^(?:Asia\/(?:Seoul|Pyongyang)|ROK)$/],
  ['CST', 'CDT', 480, /^(?:Asia\/(?:Shanghai|Chongqing|Chungking|Harbin|Taipei|Macau|Macao)|PRC|ROC)$/],
  ['HKT', 'HKST', 480, /^(?:Asia\/Hong_Kong|Hongkong)$/],
  ['PKT', 'PKST', 300, /^Asia\/Karachi$/],
  ['PST', 'PDT', 480, /^Asia\/Manila$/],
  ['WIB', 'WIB', 420, /^Asia\/(?:Jakarta|Pontianak)$/],
  ['WITA', 'WITA', 480, /^Asia\/(?:Makassar|Ujung_Pandang)$/],
  ['WIT', 'WIT', 540, /^Asia\/Jayapura$/],
  [
    'AEST',
    'AEDT',
    600,
    /^(?:Australia\/(?:Sydney|Melbourne|Brisbane|Hobart|Canberra|ACT|NSW|Victoria|Queensland|Tasmania|Lindeman|Currie)|Antarctica\/Macquarie)$/,
  ],
  ['ACST', 'ACDT', 570, /^Australia\/(?:Adelaide|Darwin|Broken_Hill|North|South|Yancowinna)$/],
  ['AWST', 'AWDT', 480, /^Australia\/(?:Perth|West)$/],
  ['NZST', 'NZDT', 720, /^(?:Pacific\/Auckland|Antarctica\/(?:McMurdo|South_Pole)|NZ)$/],
  ['SST', 'SST', -660, /^(?:Pacific\/(?:Pago_Pago|Midway|Samoa)|US\/Samoa)$/],
  ['ChST', 'ChST', 600, /^Pacific\/(?:Guam|Saipan)$/],
  ['HST', 'HDT', -600, /^(?:Pacific\/(?:Honolulu|Johnston)|America\/(?:Adak|Atka)|US\/(?:Hawaii|Aleutian)|HST)$/],
  ['SAST', 'SAST', 120, /^Africa\/(?:Johannesburg|Maseru|Mbabane)$/],
  [
    'EAT',
    'EAT',
    180,
    /^(?:Africa\/(?:Nairobi|Addis_Ababa|Asmara|Asmera|Dar_es_Salaam|Djibouti|Kampala|Mogadishu)|Indian\/(?:Antananarivo|Comoro|Mayotte))$/,
  ],
  [
    'WAT',
    'WAST',
    60,
    /^Africa\/(?:Lagos|Bangui|Brazzaville|Douala|Kinshasa|Libreville|Luanda|Malabo|Ndjamena|Niamey|Porto-Novo)$/,
  ],
  [
    'CAT',
    'CAT',
    120,
    /^Africa\/(?:Maputo|Blantyre|Bujumbura|Gaborone|Harare|Khartoum|Juba|Kigali|Lubumbashi|Lusaka|Windhoek)$/,
  ],
  [
    'GMT',
    'GMT',
    0,
    /^(?:Africa\/(?:Abidjan|Accra|Bamako|Banjul|Bissau|Conakry|Dakar|Freetown|Lome|Monrovia|Nouakchott|Ouagadougou|Sao_Tome|Timbuktu)|Atlantic\/(?:Reykjavik|St_Helena)|Iceland|America\/Danmarkshavn|GMT|GMT0|Greenwich|Etc\/(?:GMT|GMT0|Greenwich))$/,
  ],
  ['NST', 'NDT', -210, /^(?:America\/St_Johns|Canada\/Newfoundland)$/],
  ['UTC', 'UTC', 0, /^(?:Etc\/)?(?:UCT|UTC|Universal|Zulu)$/],
];

/** North American zones, whose English names Intl knows. */
const AMERICAN = /^(?:America|US|Canada|Mexico)\/|^Pacific\/Honolulu$|^(?:EST|MST|CST|PST)\d|^Cuba$|^Jamaica$|^Navajo$/;

/**
 * What tzdata calls the offset in force in a zone. Intl has no such names outside of North America, hence the table;
 * zones that it lacks are named by their offset, as most of them are in tzdata.
 */
export function zoneAbbreviation(zone: string, nanoseconds: bigint, offsetAt: (nanoseconds: bigint) => number): string {
  const offset = offsetAt(nanoseconds);
  // Before there were time zones, clocks went by the sun.
  if (offset % 60 !== 0 || nanoseconds < STANDARD_TIME) return 'LMT';
  if (AMERICAN.test(zone)) {
    const name = shortName(zone, nanoseconds);
    if (/^[A-Z]{3,4}$/.test(name) && name !== 'GMT') return name;
  }
  const family = FAMILIES.find((entry) => entry[3].test(zone));
  if (family === undefined) return offsetName(offset);
  const [standard, summer, minutes] = family;
  if (offset === minutes * 60) return standard;
  return offset === (minutes + 60) * 60 ? summer : offsetName(offset);
}

/** 1884: the conference that made time zones common. */
const STANDARD_TIME = -2_713_910_400_000_000_000n;

function shortName(zone: string, nanoseconds: bigint): string {
  const format = new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'short' });
  const parts = format.formatToParts(Number(nanoseconds / 1_000_000n));
  return parts.find((part) => part.type === 'timeZoneName')?.value ?? '';
}

function offsetName(offset: number): string {
  const magnitude = Math.abs(offset);
  const hours = String(Math.floor(magnitude / 3600)).padStart(2, '0');
  const minutes = Math.floor(magnitude / 60) % 60;
  const sign = offset < 0 ? '-' : '+';
  return `${sign}${hours}${minutes === 0 ? '' : String(minutes).padStart(2, '0')}`;
}
