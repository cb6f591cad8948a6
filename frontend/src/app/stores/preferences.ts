/** How this person likes it, on this device: looks, language, sound, shortcuts. */

import { defineStore } from "pinia";
import { reactive, watch } from "vue";
import { keepValue, keptValue } from "../kept/values";

export const THEMES = ["system", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

interface Preferences {
  theme: Theme;
  /** Empty: the browser's. */
  language: string;
  playsSound: boolean;
  countsInTitle: boolean;
  hasShortcuts: boolean;
}

const KEY = "parley.preferences";
const DEFAULTS: Preferences = {
  theme: "system",
  language: "",
  playsSound: true,
  countsInTitle: true,
  hasShortcuts: true,
};

export const usePreferences = defineStore("preferences", () => {
  const preferences = reactive({ ...DEFAULTS });

  function load(): void {
    Object.assign(preferences, keptValue(KEY) as Partial<Preferences> | null);
    show();
  }

  function show(): void {
    const root = document.documentElement;
    if (preferences.theme === "system") {
      delete root.dataset["theme"];
    } else {
      root.dataset["theme"] = preferences.theme;
    }
  }

  watch(preferences, () => {
    keepValue(KEY, preferences);
    show();
  });

  return { preferences, load };
});
