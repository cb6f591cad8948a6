/** What one does in rooms and threads, over REST; what comes of it is told live. */

import { newClientId } from "../live/outbox";
import { answerOf, api, type ChatSummary } from "./api/client";
import { useChats } from "./stores/chats";
import { useSession } from "./stores/session";

/** The whole address of a path of the app, to be given to others. */
export function linkTo(path: string): string {
  return new URL(path, window.location.href).href;
}

export async function createRoom(name: string, isHistoryOpen: boolean): Promise<string> {
  const made = await answerOf(
    api.POST("/api/chats/", { body: { name, history_open: isHistoryOpen, link_open: true } }),
  );
  if (made.chat !== null) {
    useChats().put(made.chat);
  }
  return made.uri;
}

export async function joinRoom(uri: string): Promise<void> {
  await invite(uri, useSession().user?.username ?? "");
  useChats().again(0);
}

export async function invite(uri: string, username: string): Promise<void> {
  await answerOf(api.PATCH("/api/chats/{uri}/", { params: { path: { uri } }, body: { username } }));
}

export async function changeRoom(uri: string, change: { name?: string; link_open?: boolean }): Promise<void> {
  const changed = await answerOf(api.PATCH("/api/chats/{uri}/", { params: { path: { uri } }, body: change }));
  if ("kind" in changed) {
    useChats().put(changed);
  }
}

export async function removeMember(uri: string, username: string): Promise<void> {
  await answerOf(api.DELETE("/api/chats/{uri}/members/{username}/", { params: { path: { uri, username } } }));
}

export async function openThread(username: string): Promise<ChatSummary> {
  const chat = await answerOf(api.POST("/api/threads/", { body: { username } }));
  useChats().put(chat);
  return chat;
}

export async function closeThread(uri: string): Promise<void> {
  useChats().put(await answerOf(api.POST("/api/chats/{uri}/close/", { params: { path: { uri } } })));
}

/** Presses what a bot's message offers. */
export async function pressButton(uri: string, number: number, press: string): Promise<void> {
  await answerOf(
    api.POST("/api/chats/{uri}/messages/{number}/press/", {
      params: { path: { uri, number } },
      body: { press, client_id: newClientId() },
    }),
  );
}

/** Gives the reader the file that a message is: only with the token it is theirs to have, so no link leads to it. */
export async function fetchDocument(uri: string, number: number, name: string): Promise<void> {
  const content: unknown = await answerOf(
    api.GET("/api/chats/{uri}/messages/{number}/document/", {
      params: { path: { uri, number } },
      parseAs: "blob",
    }),
  );
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content as Blob);
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}
