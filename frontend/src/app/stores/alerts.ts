/** That somebody has written while one was looking elsewhere: a count in the title, a sound. */

import { defineStore } from "pinia";
import { ref } from "vue";
import { usePreferences } from "./preferences";

const QUIET_MS = 2_000;

export const useAlerts = defineStore("alerts", () => {
  const { preferences } = usePreferences();
  const unseen = ref(0);
  /** What a screen reader is told: at most every few seconds, and never what was written. */
  const announced = ref<{ count: number; author: string } | null>(null);
  let lastSound = 0;
  let authors: string[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;

  function arrived(author: string, isOpen: boolean): void {
    if (!document.hasFocus()) {
      unseen.value += 1;
      play();
    }
    if (isOpen) {
      authors.push(author);
      timer ??= setTimeout(() => {
        announced.value = { count: authors.length, author: authors[0] ?? "" };
        authors = [];
        timer = undefined;
      }, QUIET_MS * 2);
    }
  }

  function seen(): void {
    unseen.value = 0;
  }

  /** Two soft tones, made here: nothing to load. */
  function play(): void {
    const now = Date.now();
    if (!preferences.playsSound || now - lastSound < QUIET_MS || !navigator.userActivation.hasBeenActive) {
      return;
    }
    lastSound = now;
    const context = new AudioContext();
    const gain = context.createGain();
    gain.connect(context.destination);
    gain.gain.setValueAtTime(0.05, context.currentTime);
    gain.gain.exponentialRampToValueAtTime(0.0001, context.currentTime + 0.35);
    const tone = context.createOscillator();
    tone.connect(gain);
    tone.frequency.setValueAtTime(660, context.currentTime);
    tone.frequency.setValueAtTime(880, context.currentTime + 0.09);
    tone.start();
    tone.stop(context.currentTime + 0.36);
    tone.onended = () => void context.close();
  }

  return { unseen, announced, arrived, seen };
});
