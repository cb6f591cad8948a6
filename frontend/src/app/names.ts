/** What chats, platforms and languages are called, in the reader's language. */

import { i18n } from "./i18n";
import { partnerIn } from "./summaries";
import type { ChatSummary } from "./api/client";
import type { DeskChat } from "./desk";

export function chatName(chat: ChatSummary, me: number): string {
  const { t } = i18n.global;
  switch (chat.kind) {
    case "feed":
      return t("feed");
    case "thread":
      return partnerIn(chat, me)?.username ?? t("thread.one");
    default:
      return chat.name === "" ? t("room.unnamed") : chat.name;
  }
}

type Contact = DeskChat["contact"];

const PLATFORMS: Record<string, string> = { telegram: "Telegram", messenger: "Messenger" };

export function platformOf({ platform }: Contact): string {
  return PLATFORMS[platform] ?? platform;
}

/** A name in the midst of other words, which it cannot turn about. */
export function isolated(name: string): string {
  return `\u2068${name}\u2069`;
}

/** Which operator answers. */
export function holderOf({ taken_by }: Contact, me: number): string {
  return taken_by?.id === me ? i18n.global.t("you") : (taken_by?.username ?? "");
}

/** A language by its code; the code itself where it means nothing. */
export function languageName(code: string): string {
  try {
    return new Intl.DisplayNames(i18n.global.locale.value, { type: "language" }).of(code) ?? code;
  } catch {
    return code;
  }
}
