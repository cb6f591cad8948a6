/** Starts the app. */

import "../../pages/static/pages/tokens.css";
import "./app.css";
import { createPinia } from "pinia";
import { createApp, watch } from "vue";
import App from "./App.vue";
import { i18n, languageFor, speak } from "./i18n";
import { watchForUpdates } from "./install";
import { makeRouter } from "./router";
import { usePreferences } from "./stores/preferences";
import { useSession } from "./stores/session";

async function start(): Promise<void> {
  const app = createApp(App);
  app.use(createPinia()).use(i18n);
  const { preferences, load } = usePreferences();
  load();
  useSession().load();
  await speak(languageFor(preferences.language, navigator.languages)).catch(() => undefined);
  watch(
    () => preferences.language,
    (language) => void speak(languageFor(language, navigator.languages)),
  );
  app.use(makeRouter());
  app.mount("#app");
  watchForUpdates();
}

void start();
