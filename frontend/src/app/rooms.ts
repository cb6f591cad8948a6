/** What one does with rooms and threads, over REST; what comes of it is told live. */

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
