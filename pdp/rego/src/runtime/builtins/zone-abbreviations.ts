/** Names of the standard and the summer time of zones that share them. */
const FAMILIES: readonly (readonly [string, string, RegExp])[] = [
  ['WET', 'WEST', /^(?:Europe\/Lisbon|Atlantic\/(?:Madeira|Canary|Faroe|Faeroe)|Portugal|WET)$/],
  ['GMT', 'BST', /^(?:Europe\/(?:London|Belfast|Jersey|Guernsey|Isle_of_Man)|GB|GB-Eire)$/],
  ['GMT', 'IST', /^(?:Europe\/Dublin|Eire)$/],
  ['MSK', 'MSD', /^(?:Europe\/(?:Moscow|Simferopol|Kirov)|W-SU)$/],
  ['EET', 'EEST', /^(?:Europe\/(?:Athens|Bucharest|Chisinau|Tiraspol|Helsinki|Mariehamn|Kiev|Kyiv|Uzhgorod|Zaporozhye|Riga|Sofia|Tallinn|Vilnius|Kaliningrad|Nicosia)|Asia\/(?:Beirut|Nicosia|Famagusta|Gaza|Hebron)|Africa\/(?:Cairo|Tripoli)|Egypt|Libya|EET)$/],
  ['+03', '+04', /^(?:Europe\/(?:Istanbul|Minsk)|Asia\/(?:Istanbul|Amman|Damascus|Baghdad|Riyadh|Kuwait|Qatar|Bahrain|Aden)|Turkey|Antarctica\/Syowa)$/],
  ['+04', '+05', /^(?:Europe\/(?:Samara|Saratov|Astrakhan|Ulyanovsk|Volgograd)|Asia\/(?:Dubai|Muscat|Tbilisi|Yerevan|Baku)|Indian\/(?:Mauritius|Reunion|Mahe))$/],
  ['CET', 'CEST', /^(?:Europe\/.*|Arctic\/Longyearbyen|Africa\/(?:Ceuta|Algiers|Tunis)|Atlantic\/Jan_Mayen|CET|MET|Poland)$/],
  ['IST', 'IDT', /^(?:Asia\/(?:Jerusalem|Tel_Aviv)|Israel)$/],
  ['IST', 'IST', /^Asia\/(?:Kolkata|Calcutta)$/],
  ['JST', 'JDT', /^(?:Asia\/Tokyo|Japan)$/],
  ['KST', 'KDT', /^(?:Asia\/(?:Seoul|Pyongyang)|ROK)$/],
  ['CST', 'CDT', /^(?:Asia\/(?:Shanghai|Chongqing|Chungking|Harbin|Taipei|Macau|Macao)|PRC|ROC)$/],
  ['HKT', 'HKST', /^(?:Asia\/Hong_Kong|Hongkong)$/],
  ['PKT', 'PKST', /^Asia\/Karachi$/],
  ['PST', 'PDT', /^Asia\/Manila$/],
  ['WIB', 'WIB', /^Asia\/(?:Jakarta|Pontianak)$/],
  ['WITA', 'WITA', /^Asia\/(?:Makassar|Ujung_Pandang)$/],
  ['WIT', 'WIT', /^Asia\/Jayapura$/],
  ['AEST', 'AEDT', /^(?:Australia\/(?:Sydney|Melbourne|Brisbane|Hobart|Canberra|ACT|NSW|Victoria|Queensland|Tasmania|Lindeman|Currie)|Antarctica\/Macquarie)$/],
  ['ACST', 'ACDT', /^Australia\/(?:Adelaide|Darwin|Broken_Hill|North|South|Yancowinna)$/],
  ['AWST', 'AWDT', /^Australia\/(?:Perth|West)$/],
  ['NZST', 'NZDT', /^(?:Pacific\/Auckland|Antarctica\/(?:McMurdo|South_Pole)|NZ)$/],
  ['SST', 'SST', /^(?:Pacific\/(?:Pago_Pago|Midway|Samoa)|US\/Samoa)$/],
  ['ChST', 'ChST', /^Pacific\/(?:Guam|Saipan)$/],
  ['HST', 'HDT', /^(?:Pacific\/(?:Honolulu|Johnston)|America\/(?:Adak|Atka)|US\/(?:Hawaii|Aleutian)|HST)$/],
  ['SAST', 'SAST', /^Africa\/(?:Johannesburg|Maseru|Mbabane)$/],
  ['EAT', 'EAT', /^(?:Africa\/(?:Nairobi|Addis_Ababa|Asmara|Asmera|Dar_es_Salaam|Djibouti|Kampala|Mogadishu)|Indian\/(?:Antananarivo|Comoro|Mayotte))$/],
  ['WAT', 'WAST', /^Africa\/(?:Lagos|Bangui|Brazzaville|Douala|Kinshasa|Libreville|Luanda|Malabo|Ndjamena|Niamey|Porto-Novo)$/],
  ['CAT', 'CAT', /^Africa\/(?:Maputo|Blantyre|Bujumbura|Gaborone|Harare|Khartoum|Juba|Kigali|Lubumbashi|Lusaka|Windhoek)$/],
  ['GMT', 'GMT', /^(?:Africa\/(?:Abidjan|Accra|Bamako|Banjul|Bissau|Conakry|Dakar|Freetown|Lome|Monrovia|Nouakchott|Ouagadougou|Sao_Tome|Timbuktu)|Atlantic\/(?:Reykjavik|St_Helena)|Iceland|America\/Danmarkshavn|GMT|GMT0|Greenwich|Etc\/(?:GMT|GMT0|Greenwich))$/],
  ['UTC', 'UTC', /^(?:Etc\/)?(?:UCT|UTC|Universal|Zulu)$/],
];

/** North American zones, whose English names Intl knows. */
const AMERICAN = /^(?:America|US|Canada|Mexico)\/|^Pacific\/Honolulu$|^(?:EST|MST|CST|PST)\d|^Cuba$|^Jamaica$|^Navajo$/;

/**
 * What tzdata calls the offset in force in a zone. Intl has no such names outside of North America, hence the table;
 * zones that it lacks are named by their offset, as most of them are in tzdata.
 */
export function zoneAbbreviation(
  zone: string,
  nanoseconds: bigint,
  offsetAt: (nanoseconds: bigint) => number,
): string {
  const offset = offsetAt(nanoseconds);
  if (AMERICAN.test(zone)) {
    const name = shortName(zone, nanoseconds);
    if (/^[A-Z]{3,4}$/.test(name)) return name;
  }
  const family = FAMILIES.find(([, , pattern]) => pattern.test(zone));
  if (family === undefined) return offsetName(offset);
  const [standard, summer] = family;
  return offset > standardOffset(nanoseconds, offsetAt) ? summer : standard;
}

const HALF_YEAR = 15_778_800_000_000_000n;

/** The smaller offset of now and half a year before and after: summer time is never in force for longer. */
function standardOffset(nanoseconds: bigint, offsetAt: (nanoseconds: bigint) => number): number {
  return Math.min(offsetAt(nanoseconds), offsetAt(nanoseconds - HALF_YEAR), offsetAt(nanoseconds + HALF_YEAR));
}

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
