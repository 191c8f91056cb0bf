/** Seconds of ps(1)'s `time`: "[[days-]hours:]minutes:seconds", with hundredths on the BSDs and macOS. */
export function secondsOf(time: string): number {
  const match = /^(?:(?:(\d+)-)?(\d+):)?(\d+):(\d+(?:[.,]\d+)?)$/.exec(time);
  if (!match) throw new Error(`ps tells a processor time that is none: "${time}"`);
  const [days, hours, minutes] = match.slice(1, 4).map((part) => Number(part ?? 0));
  const seconds = Number(match[4]?.replace(",", "."));
  return ((days! * 24 + hours!) * 60 + minutes!) * 60 + seconds;
}
