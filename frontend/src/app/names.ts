/** What a chat is called, in the reader's language. */

import { i18n } from "./i18n";
import { partnerIn } from "./summaries";
import type { ChatSummary } from "./api/client";

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
