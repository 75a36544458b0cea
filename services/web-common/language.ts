/** Chinese or English: what the user chose, else what the browser asks for first, else English. */

export const LANGUAGES = ["en", "zh"] as const;
export type Language = (typeof LANGUAGES)[number];

export function isLanguage(value: unknown): value is Language {
  return LANGUAGES.includes(value as Language);
}

/** `wanted`: languages as in Accept-Language or navigator.languages, the best one first. */
export function chooseLanguage(chosen: unknown, wanted: readonly string[]): Language {
  if (isLanguage(chosen)) return chosen;
  return wanted.map((tag) => tag.trim().slice(0, 2).toLowerCase()).find(isLanguage) ?? "en";
}

/** The tag for the attribute `lang` and for Intl. */
export const TAGS: Record<Language, string> = { en: "en", zh: "zh-CN" };
