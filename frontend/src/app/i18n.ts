/** The languages: English is there at once, the others are fetched when somebody reads them. */

import { createI18n } from "vue-i18n";
import en from "./locales/en.json";

export const LANGUAGES = ["en", "de", "es", "fr", "ru"] as const;
export type Language = (typeof LANGUAGES)[number];
export type Words = typeof en;

const OTHERS: Record<Exclude<Language, "en">, () => Promise<{ default: Words }>> = {
  de: () => import("./locales/de.json"),
  es: () => import("./locales/es.json"),
  fr: () => import("./locales/fr.json"),
  ru: () => import("./locales/ru.json"),
};

/** Which of the forms that a message offers, separated by bars: one, few, many. */
function russianPlural(choice: number, forms: number): number {
  const [ten, hundred] = [choice % 10, choice % 100];
  if (forms < 3) {
    return choice === 1 ? 0 : 1;
  }
  if (ten === 1 && hundred !== 11) {
    return 0;
  }
  return ten >= 2 && ten <= 4 && (hundred < 12 || hundred > 14) ? 1 : 2;
}

const messages: Record<string, Words> = { en };

export const i18n = createI18n({
  legacy: false,
  locale: "en",
  fallbackLocale: "en",
  messages,
  pluralRules: { ru: russianPlural },
});

/** The first of the reader's languages that there is. */
export function languageFor(wanted: string, readers: readonly string[]): Language {
  const isThere = (code: string): code is Language => LANGUAGES.some((language) => language === code);
  const codes = [wanted, ...readers].map((code) => code.split("-")[0] ?? "");
  return codes.find(isThere) ?? "en";
}

/** Sets the language of the page and everything on it. */
export async function speak(language: Language): Promise<void> {
  if (language !== "en") {
    const { default: words } = await OTHERS[language]();
    i18n.global.setLocaleMessage(language, words);
  }
  i18n.global.locale.value = language;
  document.documentElement.lang = language;
}
